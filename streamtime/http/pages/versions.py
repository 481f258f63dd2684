"""The page to trim and cut a video, and the forms of the edit page for rotation and versions."""

import re
from typing import TypeVar

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Conflict, Invalid, NoSpace, NotFound
from streamtime.formatting import size_text
from streamtime.http.api.versions import checked_degrees
from streamtime.http.cut_requests import CutMode, CutRequest, CutTarget, queue_cut
from streamtime.http.pages.watch import watch_view
from streamtime.http.requests import Form, PageRequest, read_form, wants_fragment
from streamtime.http.services import StorageServices, UploadServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.views.versions import versions_view
from streamtime.translation import gettext
from streamtime.videos.chapters import parse_time
from streamtime.videos.quota import QuotaExceeded
from streamtime.videos.video import Video
from streamtime.workers.cut_order import CutPart

_LINE = re.compile(r"\s*([\d:.,]+)\s*(?:-|\u2013|to)\s*([\d:.,]+)\s*")
Choice = TypeVar("Choice", CutMode, CutTarget)


@get("/watch/{video:str}/cut", include_in_schema=False)
async def cut_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the player, the timeline, and the parts that stay."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    form: Form = {"parts": "", "mode": CutMode.KEYFRAMES, "target": CutTarget.NEW, "title": "", "error": None}
    return await _cut(request, templates, found, caller, videos, storage, clock, form)


@post("/watch/{video:str}/cut", include_in_schema=False)
async def cut(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    uploads: NamedDependency[UploadServices],
    clock: NamedDependency[Clock],
    database: NamedDependency[Database],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Queue the cut, and show the new video, or the edit page where its progress is."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "parts", "mode", "target", "title")
    try:
        wanted = CutRequest(
            parse_parts(fields["parts"]), _choice(CutMode, fields["mode"]), _choice(CutTarget, fields["target"]),
            fields["title"].strip(),
        )  # fmt: skip
        made = await queue_cut(found, wanted, videos, uploads, storage, database)
    except (Invalid, Conflict, QuotaExceeded, NoSpace) as error:
        form = {**fields, "error": error.message}
        return await _cut(request, templates, found, caller, videos, storage, clock, form, status=400)
    page = f"/watch/{made}/edit#versions" if wanted.target is CutTarget.SAME else f"/watch/{made}"
    return Redirect(page, status_code=303)


@post("/watch/{video:str}/rotate", include_in_schema=False)
async def rotate(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
) -> Redirect:
    """Rotate the video; its progress is on the edit page."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    degrees = (await read_form(request, "degrees"))["degrees"]
    await videos.versions.rotate(found, checked_degrees(int(degrees) if degrees in {"90", "180", "270"} else 0))
    return _back(found)


@get("/watch/{video:str}/versions", include_in_schema=False)
async def versions_fragment(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Return the state of the versions for the edit page, which asks again while one is being prepared."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    if not wants_fragment(request):
        return _back(found)
    view = await versions_view(found, videos, storage)
    return templates.page(request, "fragments/versions.html", title="", video_id=found.public_id, versions=view)


@post("/watch/{video:str}/versions", include_in_schema=False)
async def change_versions(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
) -> Redirect:
    """Cancel the version that is being prepared, restore the previous one, or delete it."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    actions = {
        "cancel": videos.versions.discard_pending,
        "restore": videos.versions.restore_previous,
        "delete": videos.versions.discard_previous,
    }
    action = actions.get((await read_form(request, "action"))["action"])
    if action is None:
        raise NotFound
    await action(found)
    return _back(found)


def parse_parts(text: str) -> list[CutPart]:
    """Parse parts as lines of text, such as `0:05 - 1:20.5`.

    Raises:
        Invalid: a line has not two times.
    """
    parts = []
    for line in filter(str.strip, text.splitlines()):
        match = _LINE.fullmatch(line)
        times = [parse_time(each) for each in match.groups()] if match else [None]
        if None in times:
            raise Invalid(
                gettext(
                    "Write each part as two times, such as 0:05 - 1:20. This line is not: %(line)s",
                    line=line.strip()[:40],
                )
            )
        parts.append(CutPart(*(time or 0 for time in times)))
    return parts


def _choice(kind: type[Choice], text: str) -> Choice:
    try:
        return kind(text)
    except ValueError:
        raise Invalid("Choose how to cut, and what becomes of the result.") from None


async def _cut(
    request: PageRequest,
    templates: Templates,
    video: Video,
    caller: Caller,
    videos: VideoServices,
    storage: StorageServices,
    clock: Clock,
    form: Form,
    *,
    status: int = 200,
) -> Response[str]:
    original = await storage.ledger.find([video.source_object_id]) if video.source_object_id else []
    return templates.page(
        request,
        "pages/cut.html",
        title=gettext("Trim and cut"),
        status=status,
        video=await watch_view(video, caller, videos, storage, clock),
        original_text=size_text(original[0].length_bytes) if original else None,
        form=form,
    )


def _back(video: Video) -> Redirect:
    return Redirect(f"/watch/{video.public_id}/edit#versions", status_code=303)
