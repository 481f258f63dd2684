"""The library: one's own videos in every state, live."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect, Response, Stream

from streamtime.auth.access import Access, Caller, Role, Visibility
from streamtime.errors import NotFound
from streamtime.http.event_stream import event_stream, format_event, session_key
from streamtime.http.pages.lists import current_video_card, next_href, video_cards
from streamtime.http.requests import PageRequest, require_signed_in, wants_fragment
from streamtime.http.services import Services
from streamtime.http.templates import PageFrame, Templates, frame
from streamtime.videos.events import ChangeKind, VideoChanged
from streamtime.videos.listing import ListScope, Query
from streamtime.videos.video import VideoState

Text = Annotated[str, QueryParameter(max_length=200)]
Cursor = Annotated[str, QueryParameter(max_length=2_000)]
STATES = {state.value: state for state in VideoState if state is not VideoState.TRASHED}
VISIBILITIES = {visibility.value: visibility for visibility in Visibility}


@get("/library", include_in_schema=False)
async def library(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    q: Text = "",
    in_state: Annotated[str, QueryParameter(name="state", max_length=200)] = "",
    visibility: Text = "",
    cursor: Cursor = "",
    binned: Text = "",
) -> Response[str] | Redirect:
    """The caller's own videos, or Explore for one who has none. A filter left on "all" is sent as an empty one.

    `binned` names a video that was deleted a moment ago, which the page offers to bring back.
    """
    if require_signed_in(caller).role is Role.VIEWER:
        return Redirect("/explore", status_code=303)
    query = Query(
        scope=ListScope.OWN,
        q=q,
        state=STATES.get(in_state),
        visibility=VISIBILITIES.get(visibility),
        cursor=cursor,
    )
    cards, page = await video_cards(caller, services, query)
    more = next_href(request, page)
    if wants_fragment(request):
        return templates.page(request, "fragments/cards.html", title="", cards=cards, next_href=more)
    return templates.page(
        request,
        "pages/library.html",
        title="Library",
        nav="library",
        cards=cards,
        next_href=more,
        q=q,
        state=in_state if in_state in STATES else "",
        visibility=visibility if visibility in VISIBILITIES else "",
        binned=await _binned(binned, caller, services) if binned else None,
    )


@get("/library/events", include_in_schema=False)
async def library_events(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Stream:
    """Cards as they change: `video-{id}` and `created` carry one, `gone-{id}` takes one away."""
    require_signed_in(caller)
    page, session = frame(request), session_key(request, caller)

    async def told(news: VideoChanged) -> str:
        key = "card", session, news.public_id, news.change is ChangeKind.CREATED
        return await services.render_cache.get(
            key, news.public_id, lambda: _card_event(news, caller, services, templates, page)
        )

    async def under_way() -> str:
        # What changed between the page and this stream: everything that is under way is told once.
        texts = []
        for state in (VideoState.UPLOADING, VideoState.QUEUED, VideoState.PROCESSING):
            found = await services.listing.page(caller, Query(scope=ListScope.OWN, state=state))
            for video in found.items:
                news = VideoChanged(video.id, video.public_id, video.owner_id, ChangeKind.CHANGED)
                texts.append(await _card_event(news, caller, services, templates, page))
        return "".join(texts)

    async def snapshot() -> str:
        return await services.render_cache.get(("cards", session), "", under_way)

    return await event_stream(request, caller, services, lambda news: news.owner_id == caller.user_id, told, snapshot)


async def _binned(public_id: str, caller: Caller, services: Services) -> dict[str, str] | None:
    try:
        found = await services.trash.require(caller, public_id)
    except NotFound:
        return None
    return {"id": found.public_id, "title": found.title}


async def _card_event(
    news: VideoChanged, caller: Caller, services: Services, templates: Templates, page: PageFrame
) -> str:
    try:
        video = await services.videos.require(caller, news.public_id, Access.MANAGE)
    except NotFound:
        return format_event(f"gone-{news.public_id}", "")
    html = templates.render("fragments/card.html", card=current_video_card(video, caller, services), page=page)
    return format_event("created" if news.change is ChangeKind.CREATED else f"video-{news.public_id}", html)
