"""The search page with its filters, suggestions while typing, and the pages of tags."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Response

from streamtime.auth.access import Caller
from streamtime.clock import Clock, EpochMs
from streamtime.errors import NotFound
from streamtime.formatting import duration_text
from streamtime.http.library_filter import LENGTHS, STATES, VISIBILITIES
from streamtime.http.pages.library import (
    current_video_card,
    next_href,
    video_cards,
    watches_of,
)
from streamtime.http.requests import Cursor, PageRequest, Text, wants_fragment
from streamtime.http.services import VideoServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import owner_href, tag_href, watch_href
from streamtime.http.views.videos import VideoCard
from streamtime.translation import gettext
from streamtime.videos.listing import Filters, ListScope, Query, Sort
from streamtime.videos.search import Facet, Field, Match, Result
from streamtime.videos.search_text import Piece

_DAY_MS = 86_400_000
AGES = {"day": _DAY_MS, "week": 7 * _DAY_MS, "month": 31 * _DAY_MS, "year": 366 * _DAY_MS}
_PAGE_SIZE = 8
"""Results of a page; each with its matches is 2 KB of HTML, and a page has at most 30."""

RESOLUTIONS = {"720": 720, "1080": 1080, "2160": 2160}


@dataclass(frozen=True, slots=True)
class MatchView:
    """A place of a match below the card; `href` leads to its moment, if it has one."""

    field: Field
    pieces: tuple[Piece, ...]
    href: str | None
    time_text: str | None


@dataclass(frozen=True, slots=True)
class ResultView:
    """A card, its title with marks, and where else the words were found."""

    card: VideoCard
    title: tuple[Piece, ...]
    matches: list[MatchView]


@dataclass(frozen=True, slots=True)
class FacetView:
    """A link that filters by a tag or an owner, or no longer does."""

    value: str
    text: str
    count: int
    href: str
    chosen: bool


@get("/search", include_in_schema=False)
async def search_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    q: Text = "",
    sort: FromQuery[Sort] = Sort.RELEVANCE,
    cursor: Cursor = "",
) -> Response[str]:
    """Show what matches the words and the filters; an unknown value of a filter means "all"."""
    query = Query(q=q, filters=_filters(request, clock.now_ms()), sort=sort, limit=_PAGE_SIZE, cursor=cursor)
    page = await videos.search.page(caller, query)
    watches = await watches_of(caller, [result.video for result in page.items], videos)
    results = [
        _result_view(each, current_video_card(each.video, caller, videos, clock, watches.get(each.video.id)))
        for each in page.items
    ]
    more = next_href(request, page)
    if wants_fragment(request):
        shown: dict[str, Any] = {"results": results, "next_href": more, "complete": page.complete}
        return templates.page(request, "fragments/results.html", title="", **shown)
    return templates.page(
        request,
        "pages/search.html",
        title=q.strip() or gettext("Search"),
        nav="search",
        q=q,
        sort=sort.value,
        results=results,
        next_href=more,
        total=page.total,
        complete=page.complete,
        chosen={name: request.query_params.get(name, "") for name in _FILTERS},
        filtered=any(request.query_params.get(name) for name in (*_FILTERS, "tag", "owner")),
        tags=[_facet_view(request, "tag", facet) for facet in page.tags],
        owners=[_facet_view(request, "owner", facet) for facet in page.owners],
    )


_FILTERS = ("length", "uploaded", "resolution", "visibility", "state")


def _filters(request: PageRequest, now_ms: EpochMs) -> Filters:
    given = {name: request.query_params.get(name, "")[:200] for name in (*_FILTERS, "owner")}
    min_duration_ms, max_duration_ms = LENGTHS.get(given["length"], (None, None))
    age_ms = AGES.get(given["uploaded"])
    return Filters(
        owner=given["owner"],
        visibility=VISIBILITIES.get(given["visibility"]),
        state=STATES.get(given["state"]),
        tags=tuple(tag[:200] for tag in request.query_params.getall("tag", [])[:20] if tag),
        min_duration_ms=min_duration_ms,
        max_duration_ms=max_duration_ms,
        after_ms=None if age_ms is None else EpochMs(now_ms - age_ms),
        min_lines=RESOLUTIONS.get(given["resolution"]),
    )


def _result_view(result: Result, card: VideoCard) -> ResultView:
    title = next((match.pieces for match in result.matches if match.field is Field.TITLE), (Piece(card.title),))
    others = [match for match in result.matches if match.field not in {Field.TITLE, Field.OWNER}]
    return ResultView(card, title, [_match_view(result, match) for match in others])


def _match_view(result: Result, match: Match) -> MatchView:
    if match.at_ms is None:
        return MatchView(match.field, match.pieces, None, None)
    href = f"{watch_href(result.video)}?t={match.at_ms // 1000}"
    return MatchView(match.field, match.pieces, href, duration_text(match.at_ms // 1000 * 1000))


def _facet_view(request: PageRequest, name: str, facet: Facet) -> FacetView:
    """Return a link to this search that is also filtered by the facet, or no longer if it is already."""
    given = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor" and value]
    same = [value for key, value in given if key == name and value.casefold() == facet.value.casefold()]
    kept = [(key, value) for key, value in given if not (key == name and (name == "owner" or value in same))]
    params = kept if same else [*kept, (name, facet.value)]
    return FacetView(facet.value, facet.text, facet.count, f"/search?{urlencode(params)}", chosen=bool(same))


@get("/search/suggestions", include_in_schema=False)
async def suggestions(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    q: Text = "",
) -> Response[str]:
    """Return the list below the search field: some videos, tags and people."""
    found = await videos.search.suggest(caller, q)
    results = [_result_view(each, current_video_card(each.video, caller, videos, clock)) for each in found.videos]
    return templates.page(
        request,
        "fragments/suggestions.html",
        title="",
        q=q,
        results=results,
        tags=[(facet, tag_href(facet.value)) for facet in found.tags],
        owners=[(facet, owner_href(facet.value)) for facet in found.owners],
    )


@get("/tags", include_in_schema=False)
async def tags_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the tags of all videos that are listed for the caller."""
    tags = [(facet, tag_href(facet.value)) for facet in await videos.search.tags(caller)]
    return templates.page(request, "pages/tags.html", title=gettext("Tags"), nav="explore", tags=tags)


@get("/tags/{tag:path}", include_in_schema=False)
async def tag_page(
    request: PageRequest,
    tag: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    sort: FromQuery[Sort] = Sort.NEW,
    cursor: Cursor = "",
) -> Response[str]:
    """Show the videos with a tag that are listed for the caller.

    Raises:
        NotFound: there are none, so that a page does not reveal the tags of hidden videos.
    """
    tag = tag.removeprefix("/")
    query = Query(scope=ListScope.LISTED, filters=Filters(tags=(tag,)), sort=sort, cursor=cursor)
    cards, page = await video_cards(caller, videos, clock, query)
    if not cards and not cursor:
        raise NotFound
    more = next_href(request, page)
    if wants_fragment(request):
        return templates.page(request, "fragments/cards.html", title="", cards=cards, next_href=more)
    name = next((each for video in page.items for each in video.tags if each.casefold() == tag.casefold()), tag)
    return templates.page(
        request, "pages/tag.html", title=name, nav="explore", cards=cards, next_href=more, tag=name, sort=sort.value
    )
