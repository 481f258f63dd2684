"""/api/v1/search: find videos by words, with the places of the matches, and counts by tag and owner."""

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from streamtime.auth.access import Caller
from streamtime.http.api.videos import RenditionNames, VideoBody, video_body
from streamtime.http.problems import problems
from streamtime.http.requests import Cursor, Limit, Text
from streamtime.http.services import VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.videos.listing import Filters, Query, Sort
from streamtime.videos.search import Facet, Field, Match, Result


class MatchBody(msgspec.Struct):
    """A place where the search was found. `marks` are ranges of `text`, as start and end in characters (code points).

    `at_ms` is the moment of a chapter or caption in the video, `null` for other fields.
    """

    field: Field
    text: str
    at_ms: int | None
    marks: list[tuple[int, int]]


class ResultBody(msgspec.Struct):
    """A found video, and where the words were found in it."""

    video: VideoBody
    matches: list[MatchBody]


class FacetBody(msgspec.Struct):
    """A value to filter by, its text for people, and the number of results with it."""

    value: str
    text: str
    count: int


class FacetsBody(msgspec.Struct):
    """The most frequent tags and owners among the results."""

    tags: list[FacetBody]
    owners: list[FacetBody]


class SearchBody(msgspec.Struct):
    """One page of results. `next` is the `cursor` of the next page.

    Only the newest 1,000 matches are listed and counted, in `total` and `facets`. `complete` is false if there are
    more: add a word or a filter to find them.
    """

    items: list[ResultBody]
    total: int
    complete: bool
    facets: FacetsBody
    next: str | None


@get("/api/v1/search", responses=problems(401), tags=["search"], summary="Search videos")
async def search_videos(
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    filters: NamedDependency[Filters],
    q: Text = "",
    sort: FromQuery[Sort] = Sort.RELEVANCE,
    limit: Limit = 24,
    cursor: Cursor = "",
) -> SearchBody:
    """Search titles, tags, owners, chapters, descriptions and captions of videos that the caller may find.

    All words must match; each may be the beginning of a word. Case and accents are ignored. Words in quotes must follow
    each other, a minus sign excludes a word. The file names of the caller's own videos are searched too.
    """
    page = await videos.search.page(caller, Query(q=q, filters=filters, sort=sort, limit=limit, cursor=cursor))
    bodies = await _video_bodies(page.items, caller, videos)
    items = [
        ResultBody(body, [_match_body(match) for match in result.matches])
        for body, result in zip(bodies, page.items, strict=True)
    ]
    facets = FacetsBody([_facet_body(facet) for facet in page.tags], [_facet_body(facet) for facet in page.owners])
    return SearchBody(items=items, total=page.total, complete=page.complete, facets=facets, next=page.next)


async def _video_bodies(results: list[Result], caller: Caller, videos: VideoServices) -> list[VideoBody]:
    found = [result.video for result in results]
    renditions, tracks = await RenditionNames.of(videos, found), await tracks_of(found, videos)
    return [video_body(video, caller, videos, renditions, tracks) for video in found]


def _match_body(match: Match) -> MatchBody:
    marks: list[tuple[int, int]] = []
    at = 0
    for piece in match.pieces:
        if piece.marked:
            marks.append((at, at + len(piece.text)))
        at += len(piece.text)
    return MatchBody(match.field, match.text, match.at_ms, marks)


def _facet_body(facet: Facet) -> FacetBody:
    return FacetBody(facet.value, facet.text, facet.count)
