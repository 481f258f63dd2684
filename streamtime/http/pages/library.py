"""Pages with a grid of videos: all of them, those of a user, and the caller's own library with live updates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlencode

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response, Stream

from streamtime.auth.access import Access, Caller, Role
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.errors import NotFound
from streamtime.http.event_stream import Feed, event_stream, format_event, session_key
from streamtime.http.library_filter import LibraryFilter, saved_filter_views
from streamtime.http.requests import Cursor, PageRequest, Text, account_id, require_signed_in, wants_fragment
from streamtime.http.services import (
    AccountServices,
    LibraryServices,
    PlaylistServices,
    StreamServices,
    VideoServices,
)
from streamtime.http.templates import PageFrame, Templates, frame
from streamtime.http.video_urls import picture_href
from streamtime.http.views.bulk import bulk_notice
from streamtime.http.views.following import FollowView, follow_person_view
from streamtime.http.views.playlists import PlaylistView, playlist_view
from streamtime.http.views.videos import VideoCard, description_parts, video_card
from streamtime.translation import gettext
from streamtime.videos.events import BusEvent, ChangeKind, VideoChanged
from streamtime.videos.listing import Filters, ListScope, Page, Query, Sort
from streamtime.videos.video import Video, VideoState
from streamtime.videos.watching import Watch


async def video_cards(
    caller: Caller, videos: VideoServices, clock: Clock, query: Query
) -> tuple[list[VideoCard], Page]:
    """Run a query, and return the cards and the page of results."""
    page = await videos.listing.page(caller, query)
    watches = await watches_of(caller, page.items, videos)
    return [current_video_card(video, caller, videos, clock, watches.get(video.id)) for video in page.items], page


async def watches_of(caller: Caller, found: Sequence[Video], videos: VideoServices) -> dict[int, Watch]:
    """Return how far the caller has watched these videos, by row id; nothing for an anonymous caller."""
    if caller.user_id is None:
        return {}
    return await videos.watching.of_videos(caller.user_id, [video.id for video in found])


def current_video_card(
    video: Video, caller: Caller, videos: VideoServices, clock: Clock, watch: Watch | None = None
) -> VideoCard:
    """Return the card of a video with its current progress. `watch`: how far the caller has watched it."""
    return video_card(video, videos.progress.get(video), caller, clock.now_ms(), watch)


class HasNext(Protocol):
    """A page of a list, with the cursor of the next page."""

    @property
    def next(self) -> str | None:
        """The cursor; None on the last page."""


def next_href(request: PageRequest, page: HasNext) -> str | None:
    """Return the URL of the next page: the current one with the next cursor."""
    if page.next is None:
        return None
    params = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor" and value]
    return f"{request.url.path}?{urlencode([*params, ('cursor', page.next)])}"


SHELF_PLAYLISTS = 8
"""Playlists on the page of a user, the last changed first."""


@get("/{at_owner:str}", include_in_schema=False)
async def user_page(
    request: PageRequest,
    at_owner: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    sort: FromQuery[Sort] = Sort.NEW,
    cursor: Cursor = "",
) -> Response[str]:
    """Show `/@name`: what a user writes about themselves, their playlists and videos that are listed for the caller.

    A path parameter of the framework is a whole path segment, so this route also gets other one-segment paths.
    """
    person = await person_in_path(at_owner, accounts)
    query = Query(scope=ListScope.LISTED, filters=Filters(owner=person.name), sort=sort, cursor=cursor)
    page = await playlists.repository.page(caller, owner_id=person.id, limit=SHELF_PLAYLISTS)
    shelf = [playlist_view(each, caller, clock.now_ms()) for each in page.items]
    follow = await follow_person_view(caller, person.id, person.public_id, videos)
    shown = PersonPage(person, shelf, follow)
    return await video_grid(request, caller, videos, clock, templates, query, person=shown)


async def person_in_path(at_owner: str, accounts: AccountServices) -> User:
    """Return the user of a path segment `@name`.

    Raises:
        NotFound: there is none; with the same message as for a hidden user.
    """
    if not at_owner.startswith("@"):
        raise NotFound
    try:
        return await accounts.users.by_name(at_owner.removeprefix("@"))
    except NotFound:
        raise NotFound from None


@dataclass(frozen=True, slots=True)
class PersonPage:
    """A user and their playlists that are listed for the caller."""

    user: User
    playlists: list[PlaylistView]
    follow: FollowView | None

    def values(self, caller: Caller) -> dict[str, object]:
        """Return the values of the page's head."""
        return {
            "name": self.user.shown_name,
            "picture": picture_href(self.user.public_id, self.user.picture_version),
            "about": [replace(part, seconds=None) for part in description_parts(self.user.about)],
            "follow": self.follow,
            "is_caller": self.user.id == caller.user_id,
        }


async def video_grid(
    request: PageRequest,
    caller: Caller,
    videos: VideoServices,
    clock: Clock,
    templates: Templates,
    query: Query,
    *,
    person: PersonPage | None = None,
) -> Response[str]:
    """Show a grid of videos, below what a person tells of themselves; without `person` all videos of the query."""
    if person and person.playlists and not query.cursor:
        query = replace(query, limit=_BELOW_A_SHELF)
    cards, page = await video_cards(caller, videos, clock, query)
    if person and not cards and not person.playlists and not caller.signed_in:
        raise NotFound  # do not reveal which user names exist
    more = next_href(request, page)
    if wants_fragment(request):
        return templates.page(request, "fragments/cards.html", title="", cards=cards, next_href=more)
    owner = person.user if person else None
    return templates.page(
        request,
        "pages/videos.html",
        title=owner.shown_name if owner else gettext("All videos"),
        nav="you" if query.filters.owner and query.filters.owner == caller.name else "explore",
        cards=cards,
        next_href=more,
        sort=query.sort.value,
        owner=None if person is None else person.values(caller),
        playlists=person.playlists if person else [],
    )


@get("/library", include_in_schema=False)
async def library(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    library: NamedDependency[LibraryServices],
    playlists: NamedDependency[PlaylistServices],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
    binned: Text = "",
) -> Response[str] | Redirect:
    """Show the caller's own videos; viewers are redirected to Explore. The URL has the filter.

    `binned` is the id of a video that was just deleted; the page offers to restore it. `did` and others are the result
    of a change of many videos.
    """
    owner_id = account_id(caller)
    if caller.role is Role.VIEWER:
        return Redirect("/explore", status_code=303)
    shown = LibraryFilter.read(request.query_params)
    size = _BELOW_A_SHELF if binned or request.query_params.get("did") else _PAGE_SIZE  # a notice is above them
    cards, page = await video_cards(caller, videos, clock, replace(shown.query(cursor), limit=size))
    more = next_href(request, page)
    if wants_fragment(request):
        return templates.page(request, "fragments/cards.html", title="", cards=cards, next_href=more, selectable=True)
    return templates.page(
        request,
        "pages/library.html",
        title=gettext("Library"),
        nav="library",
        cards=cards,
        selectable=True,
        next_href=more,
        filter=shown,
        api_filter=msgspec.json.encode(shown.api_filter).decode(),
        saved=saved_filter_views(await library.filters.list(owner_id), shown),
        playlists=await playlists.repository.titles(owner_id, limit=_CHOICES),
        days=videos.trash.retention_days,
        binned=await _trashed(binned, caller, videos) if binned else None,
        did=bulk_notice(request.query_params),
    )


_BELOW_A_SHELF = 4
"""Cards of a first page that begins with a shelf of others; with more it would exceed 30 KB of HTML."""

_PAGE_SIZE = 6
"""Cards with everything that an owner may do; with more the page would exceed 30 KB of HTML."""

_CHOICES = 50
"""Playlists to choose from, the last changed first."""


@get("/library/events", include_in_schema=False)
async def library_events(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    streams: NamedDependency[StreamServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Stream:
    """Send cards as they change: `video-{id}` and `created` contain one, `gone-{id}` removes one."""
    require_signed_in(caller)
    return await event_stream(
        request, caller, streams, library_feed(request, caller, videos, streams, clock, templates)
    )


def library_feed(
    request: PageRequest,
    caller: Caller,
    videos: VideoServices,
    streams: StreamServices,
    clock: Clock,
    templates: Templates,
) -> Feed:
    """Return what the library sends to a signed-in caller."""
    page, session = frame(request), session_key(request, caller)

    async def render(change: BusEvent) -> str:
        if not isinstance(change, VideoChanged):
            return ""  # none is accepted
        key = "card", session, change.public_id, change.change is ChangeKind.CREATED
        return await streams.render_cache.get(
            key, change.public_id, lambda: _card_event(change, caller, videos, clock, templates, page)
        )

    async def render_unfinished() -> str:
        # Unfinished videos may have changed between loading the page and opening this stream.
        texts = []
        for state in (VideoState.UPLOADING, VideoState.QUEUED, VideoState.PROCESSING):
            found = await videos.listing.page(caller, Query(scope=ListScope.OWN, filters=Filters(state=state)))
            for video in found.items:
                change = VideoChanged(video.id, video.public_id, video.owner_id, ChangeKind.CHANGED)
                texts.append(await _card_event(change, caller, videos, clock, templates, page))
        return "".join(texts)

    async def snapshot() -> str:
        return await streams.render_cache.get(("cards", session), "", render_unfinished)

    def accepts(change: BusEvent) -> bool:
        return isinstance(change, VideoChanged) and change.owner_id == caller.user_id

    return Feed(accepts, render, snapshot)


async def _trashed(public_id: str, caller: Caller, videos: VideoServices) -> dict[str, str] | None:
    try:
        found = await videos.trash.require(caller, public_id)
    except NotFound:
        return None
    return {"id": found.public_id, "title": found.title}


async def _card_event(
    change: VideoChanged, caller: Caller, videos: VideoServices, clock: Clock, templates: Templates, page: PageFrame
) -> str:
    try:
        video = await videos.repository.require(caller, change.public_id, Access.MANAGE)
    except NotFound:
        return format_event(f"gone-{change.public_id}", "")
    watch = (await watches_of(caller, [video], videos)).get(video.id)
    card = current_video_card(video, caller, videos, clock, watch)
    html = templates.render("fragments/card.html", card=card, page=page, selectable=True)
    return format_event("created" if change.change is ChangeKind.CREATED else f"video-{change.public_id}", html)
