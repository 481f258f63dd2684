"""The bin: what was deleted and can still be brought back."""

from functools import partial

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.errors import Conflict
from streamtime.formatting import size_text
from streamtime.http.requests import PageRequest, local_path, read_form, require_signed_in, require_uploader
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.views.space import trashed_video_views

BASE_PATH = "/library/bin"


@get(BASE_PATH, include_in_schema=False)
async def trash_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The caller's deleted videos."""
    owner_id = require_uploader(caller)
    videos = await trashed_video_views(await services.trash.list_for_owner(owner_id), services)
    total = (await services.usage.usage_of(owner_id)).trash
    limited = (await services.usage.quota_usage(owner_id)).limit is not None
    return templates.page(
        request,
        "pages/bin.html",
        title="Bin",
        nav="library",
        videos=videos,
        days=services.trash.retention_days,
        total_text=size_text(total),
        limited=limited,
    )


@post(BASE_PATH + "/{video:str}/restore", include_in_schema=False)
async def restore(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """Bring one back."""
    found = await services.trash.require(require_signed_in(caller), video)
    following = (await read_form(request, "next"))["next"]
    await services.database.write(lambda tx: services.trash.restore(tx, found, actor))
    return Redirect(local_path(following or BASE_PATH), status_code=303)


@get(BASE_PATH + "/{video:str}/delete", include_in_schema=False)
async def delete_now_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask once more: nothing comes back from there."""
    found = await services.trash.require(require_signed_in(caller), video)
    (view,) = await trashed_video_views([found], services)
    return templates.page(request, "pages/bin-delete.html", title="Delete for good?", nav="library", video=view)


@post(BASE_PATH + "/{video:str}/delete", include_in_schema=False)
async def delete_now(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """Delete one for good."""
    found = await services.trash.require(require_signed_in(caller), video)
    await services.database.write(lambda tx: services.trash.purge(tx, found, actor))
    return Redirect(BASE_PATH, status_code=303)


@get(BASE_PATH + "/empty", include_in_schema=False)
async def empty_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask once more."""
    owner_id = require_uploader(caller)
    count = len(await services.trash.list_for_owner(owner_id))
    total = (await services.usage.usage_of(owner_id)).trash
    return templates.page(
        request, "pages/bin-empty.html", title="Empty the bin?", nav="library", count=count, total_text=size_text(total)
    )


@post(BASE_PATH + "/empty", include_in_schema=False)
async def empty(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], services: NamedDependency[Services]
) -> Redirect:
    """Delete all of it for good, each in a transaction of its own: others write in between."""
    for found in await services.trash.list_for_owner(require_uploader(caller)):
        try:
            await services.database.write(partial(services.trash.purge, video=found, by=actor))
        except Conflict:
            continue  # brought back, or deleted, by another page at this moment
    return Redirect(BASE_PATH, status_code=303)
