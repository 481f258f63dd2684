"""The trash, and storage usage: the caller's own, and for administrators that of all users."""

from functools import partial

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Conflict
from streamtime.formatting import size_text
from streamtime.http.requests import (
    PageRequest,
    local_path,
    read_form,
    require_admin,
    require_signed_in,
    require_uploader,
)
from streamtime.http.services import StorageServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.views.space import large_video_views, total_usage, trashed_video_views, usage_view
from streamtime.translation import gettext
from streamtime.videos.quota import SHOWN_LARGEST


@get("/settings/space", include_in_schema=False)
async def usage_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    storage: NamedDependency[StorageServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the caller's storage usage."""
    owner_id = require_uploader(caller)
    usage = usage_view(await storage.usage.usage_of(owner_id))
    largest = large_video_views(await storage.usage.largest(owner_id, limit=SHOWN_LARGEST))
    return templates.page(
        request, "pages/space.html", title=gettext("Space"), nav="library", usage=usage, largest=largest
    )


@get("/admin/space", include_in_schema=False)
async def all_usage_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    storage: NamedDependency[StorageServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the storage usage of all users.

    Raises:
        NotFound: the caller is not an admin.
    """
    require_admin(caller)
    usages = await storage.usage.usages()
    return templates.page(
        request,
        "pages/all-space.html",
        title=gettext("Space"),
        nav="admin",
        usage=usage_view(total_usage(usages)),
        people=[usage_view(usage) for usage in usages],
        largest=large_video_views(await storage.usage.largest(None, limit=SHOWN_LARGEST)),
    )


BASE_PATH = "/library/bin"


@get(BASE_PATH, include_in_schema=False)
async def trash_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the caller's deleted videos."""
    owner_id = require_uploader(caller)
    trashed = await trashed_video_views(await videos.trash.list_for_owner(owner_id), videos, storage, clock)
    total = (await storage.usage.usage_of(owner_id)).trash
    limited = (await storage.usage.quota_usage(owner_id)).limit is not None
    return templates.page(
        request,
        "pages/trash.html",
        title=gettext("Trash"),
        nav="library",
        videos=trashed,
        days=videos.trash.retention_days,
        total_text=size_text(total),
        limited=limited,
    )


@post(BASE_PATH + "/{video:str}/restore", include_in_schema=False)
async def restore(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Restore a video."""
    found = await videos.trash.require(require_signed_in(caller), video)
    next_path = (await read_form(request, "next"))["next"]
    await database.write(lambda tx: videos.trash.restore(tx, found, actor))
    return Redirect(local_path(next_path or BASE_PATH), status_code=303)


@get(BASE_PATH + "/{video:str}/delete", include_in_schema=False)
async def delete_now_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask for confirmation of deleting a video permanently."""
    found = await videos.trash.require(require_signed_in(caller), video)
    (view,) = await trashed_video_views([found], videos, storage, clock)
    return templates.page(
        request, "pages/trash-delete.html", title=gettext("Delete permanently?"), nav="library", video=view
    )


@post(BASE_PATH + "/{video:str}/delete", include_in_schema=False)
async def delete_now(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Delete a video permanently."""
    found = await videos.trash.require(require_signed_in(caller), video)
    await database.write(lambda tx: videos.trash.purge(tx, found, actor))
    return Redirect(BASE_PATH, status_code=303)


@get(BASE_PATH + "/empty", include_in_schema=False)
async def empty_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask for confirmation of emptying the trash."""
    owner_id = require_uploader(caller)
    count = len(await videos.trash.list_for_owner(owner_id))
    total = (await storage.usage.usage_of(owner_id)).trash
    return templates.page(
        request,
        "pages/trash-empty.html",
        title=gettext("Empty the trash?"),
        nav="library",
        count=count,
        total_text=size_text(total),
    )


@post(BASE_PATH + "/empty", include_in_schema=False)
async def empty(
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Delete all videos in the trash permanently, each in its own transaction, so that other writers get a turn."""
    for found in await videos.trash.list_for_owner(require_uploader(caller)):
        try:
            await database.write(partial(videos.trash.purge, video=found, by=actor))
        except Conflict:
            continue  # restored or deleted by a concurrent request
    return Redirect(BASE_PATH, status_code=303)
