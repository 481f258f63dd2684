"""The page of the caller's watch history: continue, remove one, clear, pause."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.clock import Clock
from streamtime.http.pages.library import current_video_card, next_href
from streamtime.http.requests import Cursor, PageRequest, account_id, wants_fragment
from streamtime.http.services import VideoServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext

BASE_PATH = "/history"

_PAGE_SIZE = 8
"""Rows of a page; each is more than 2 KB of HTML, and a page has at most 30."""


@get(BASE_PATH, include_in_schema=False)
async def watch_history(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
) -> Response[str]:
    """Show what the caller has watched, the last video first."""
    user_id = account_id(caller)
    page = await videos.watching.history(caller, limit=_PAGE_SIZE, cursor=cursor)
    cards = [current_video_card(video, caller, videos, clock, watch) for video, watch in page.items]
    more = next_href(request, page)
    if wants_fragment(request):
        return templates.page(request, "fragments/watched.html", title="", cards=cards, next_href=more)
    paused = await videos.watching.is_paused(user_id)
    return templates.page(
        request,
        "pages/watch-history.html",
        title=gettext("History"),
        nav="history",
        cards=cards,
        next_href=more,
        paused=paused,
    )


@post(f"{BASE_PATH}/clear", include_in_schema=False)
async def clear_history(caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]) -> Redirect:
    """Forget all watched videos."""
    await videos.watching.forget(account_id(caller))
    return Redirect(BASE_PATH, status_code=303)


@post(f"{BASE_PATH}/pause", include_in_schema=False)
async def pause_history(caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]) -> Redirect:
    """Pause the history, or go on with it if it is paused."""
    user_id = account_id(caller)
    await videos.watching.pause(user_id, paused=not await videos.watching.is_paused(user_id))
    return Redirect(BASE_PATH, status_code=303)


@post(f"{BASE_PATH}/{{video:str}}/remove", include_in_schema=False)
async def remove_from_history(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> Redirect:
    """Forget that the caller has watched a video."""
    user_id = account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    await videos.watching.forget(user_id, found.id)
    return Redirect(BASE_PATH, status_code=303)
