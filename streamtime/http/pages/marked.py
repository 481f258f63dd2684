"""The caller's private marks: the pages "Watch later" and "Favourites", and the marks of one video in menus."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.clock import Clock
from streamtime.http.pages.library import current_video_card, next_href, watches_of
from streamtime.http.requests import Cursor, PageRequest, Text, account_id, local_path, read_form, wants_fragment
from streamtime.http.services import VideoServices
from streamtime.http.templates import Templates
from streamtime.http.views.marks import TITLES, marks_view, said_of
from streamtime.http.views.videos import VideoCard
from streamtime.translation import gettext
from streamtime.videos.listing import PAGE_SIZE
from streamtime.videos.marks import MarkKind
from streamtime.videos.video import Video


@get("/watch-later", include_in_schema=False)
async def watch_later_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
) -> Response[str]:
    """Show what the caller wants to watch later, the last added first."""
    return await _page(MarkKind.LATER, request, caller, videos, clock, templates, cursor)


@get("/favourites", include_in_schema=False)
async def favourites_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
) -> Response[str]:
    """Show the caller's favourites, the last added first."""
    return await _page(MarkKind.FAVOURITE, request, caller, videos, clock, templates, cursor)


@get("/watch/{video:str}/marks", include_in_schema=False)
async def marks_of_video(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    menu: Text = "",
) -> Response[str]:
    """Show the marks of a video as switches: a part of the menu of its card; with `menu=card`, all of that menu."""
    account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    card = current_video_card(found, caller, videos, clock) if menu == "card" else None
    return await _switches(request, found, caller, videos, templates, card)


@post("/watch/{video:str}/marks", include_in_schema=False)
async def set_marks(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Set or remove the marks in the fields `later`, `favourite` and `watched`, each "yes" or "no"."""
    user_id = account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    fields = await read_form(request, "later", "favourite", "watched", "next")
    for kind in MarkKind:
        if fields[kind.value]:
            change = videos.marks.add if fields[kind.value] == "yes" else videos.marks.remove
            await change(user_id, found, kind)
    if fields["watched"] == "yes":
        await videos.watching.mark_watched(user_id, found)
    elif fields["watched"]:
        await videos.watching.forget(user_id, found.id)
    if not wants_fragment(request):
        return Redirect(local_path(fields["next"] or f"/watch/{found.public_id}"), status_code=303)
    answer = await _switches(request, found, caller, videos, templates)
    answer.set_header("HX-Trigger", said_of(fields))
    return answer


async def _switches(
    request: PageRequest,
    video: Video,
    caller: Caller,
    videos: VideoServices,
    templates: Templates,
    card: VideoCard | None = None,
) -> Response[str]:
    marks, name = await marks_view(video, caller, videos), video.public_id
    return templates.page(
        request, "fragments/marks.html", title="", video_id=name, marks=marks, next_path="", card=card
    )


async def _page(
    kind: MarkKind,
    request: PageRequest,
    caller: Caller,
    videos: VideoServices,
    clock: Clock,
    templates: Templates,
    cursor: str,
) -> Response[str]:
    account_id(caller)
    page = await videos.marks.page(caller, kind, limit=PAGE_SIZE, cursor=cursor)
    watches = await watches_of(caller, page.items, videos)
    return templates.page(
        request,
        "fragments/marked.html" if wants_fragment(request) else "pages/marked.html",
        title=gettext(TITLES[kind]),
        nav=kind.value,
        kind=kind.value,
        cards=[current_video_card(each, caller, videos, clock, watches.get(each.id)) for each in page.items],
        next_href=next_href(request, page),
    )
