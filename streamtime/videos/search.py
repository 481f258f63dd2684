"""Search of videos: results with the places of matches, counts by tag and owner, suggestions, tags in use."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice, pairwise
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from streamtime.auth.access import Caller
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import video_tags, videos
from streamtime.database.transaction import Database
from streamtime.videos.chapters import Chapter, Chapters
from streamtime.videos.listing import CANDIDATES, Listing, ListScope, Query, Sort, conditions, matching_newest
from streamtime.videos.search_index import caption_lines, matches, videos_fts
from streamtime.videos.search_text import (
    FoldedText,
    Piece,
    SearchQuery,
    Term,
    excerpt,
    fold,
    highlight,
)
from streamtime.videos.video import Video

MAX_MOMENTS = 3
"""Chapters, and lines of captions, shown of one video."""

MAX_TRACKS, MAX_LINES = 60, 40_000
"""Caption tracks, and lines of them, that are looked through for one page of results: at most half a second."""

MAX_FACETS = 20
MAX_TAGS = 1_000
SUGGESTED_VIDEOS = 5
SUGGESTED_NAMES = 4
"""Suggested tags, and suggested owners."""


class Field(StrEnum):
    """Where a search has matched."""

    TITLE = "title"
    TAG = "tag"
    OWNER = "owner"
    CHAPTER = "chapter"
    DESCRIPTION = "description"
    CAPTION = "caption"
    FILENAME = "filename"
    """The name of the uploaded file; only for its owner."""


@dataclass(frozen=True, slots=True)
class Match:
    """A place where the search was found, with the marked text; `at_ms` is its moment in the video, if it has one."""

    field: Field
    pieces: tuple[Piece, ...]
    at_ms: int | None = None

    @property
    def text(self) -> str:
        """The text without marks."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Result:
    """A found video and the places of the matches, the title first."""

    video: Video
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Facet:
    """A tag or an owner among the results, and the number of their videos. `value` is what to filter by."""

    value: str
    text: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of results. `total` and the facets count results that the caller may see.

    Unless it is `complete`, the results are only the newest matches of the search, and there are more.
    """

    items: list[Result]
    next: str | None
    total: int
    tags: list[Facet]
    owners: list[Facet]
    complete: bool


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What to offer while somebody types."""

    videos: list[Result]
    tags: list[Facet]
    owners: list[Facet]


class Search:
    """Searches videos."""

    def __init__(self, database: Database, listing: Listing, chapters: Chapters) -> None:
        self._database = database
        self._listing = listing
        self._chapters = chapters

    async def page(self, caller: Caller, query: Query) -> SearchPage:
        """Return one page of results.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        newest = await self._listing.newest_matches(caller, query)
        page = await self._listing.page(caller, query, among=None if query.search is None else newest)
        results = await self._results(caller, page.items, query.search)
        found = conditions(caller, query, newest)
        async with self._database.read() as connection:
            tags = [Facet(*row) for row in await connection.execute(_tag_counts(found).limit(MAX_FACETS))]
            owners = [Facet(*row) for row in await connection.execute(_owner_counts(found).limit(MAX_FACETS))]
        return SearchPage(results, page.next, len(newest), tags, owners, complete=len(newest) < CANDIDATES)

    async def suggest(self, caller: Caller, text: str) -> Suggestions:
        """Return the best videos, and the tags and owners with words that begin like those of `text`."""
        query = Query(q=text, sort=Sort.RELEVANCE, limit=SUGGESTED_VIDEOS)
        search = query.search
        if search is None or not search.terms:
            return Suggestions([], [], [])
        page = await self._listing.page(caller, query)
        found = conditions(caller, Query())
        tagged, owned = (videos.c.id.in_(matching_newest(search.expression(name), found)) for name in ("tags", "owner"))
        async with self._database.read() as connection:
            tags = await connection.execute(_tag_counts([tagged]))
            named_tags = _named_like([Facet(*row) for row in tags], search)
            owners = await connection.execute(_owner_counts([owned]))
            named_owners = _named_like([Facet(*row) for row in owners], search)
        results = [Result(video, _title_match(video, search)) for video in page.items]
        return Suggestions(results, named_tags, named_owners)

    async def tags(self, caller: Caller) -> list[Facet]:
        """Return the tags of listed videos, the most frequent first."""
        listed = conditions(caller, Query(scope=ListScope.LISTED))
        async with self._database.read() as connection:
            return [Facet(*row) for row in await connection.execute(_tag_counts(listed).limit(MAX_TAGS))]

    async def _results(self, caller: Caller, found: Sequence[Video], search: SearchQuery | None) -> list[Result]:
        if search is None or not found:
            return [Result(video, ()) for video in found]
        ids = [video.id for video in found]
        chapters = await self._chapters.list_for_videos(ids)
        captions = await self._captions(ids, search)

        def find() -> Iterator[Result]:
            remaining = MAX_LINES
            for video in found:
                tracks = (caption_lines(webvtt) for webvtt in captions.get(video.id, []))
                lines = list(islice(chain.from_iterable(tracks), remaining))
                remaining -= len(lines)
                texts = _text_matches(video, search, is_owner=video.owner_id == caller.user_id)
                yield Result(video, (*texts, *_moments(chapters.get(video.id, []), lines, search)))

        return await asyncio.to_thread(lambda: list(find()))

    async def _captions(self, ids: list[int], search: SearchQuery) -> dict[int, list[bytes]]:
        """Read the captions of those videos in which they contain any of the terms."""
        expression = f"{{captions}} : ({' OR '.join(term.expression for term in search.terms)})"
        table = video_tables.captions
        query = (
            select(table.c.video_id, table.c.webvtt)
            .where(
                table.c.video_id.in_(select(videos_fts.c.rowid).where(matches(expression), videos_fts.c.rowid.in_(ids)))
            )
            .where(table.c.webvtt.is_not(None))
            .order_by(table.c.id)
            .limit(MAX_TRACKS)
        )
        captions: dict[int, list[bytes]] = {}
        async with self._database.read() as connection:
            for video_id, webvtt in await connection.execute(query):
                captions.setdefault(video_id, []).append(webvtt)
        return captions


def _tag_counts(among: list[ColumnElement[bool]]) -> Select[Any]:
    count = func.count()
    counts = select(video_tags.c.tag_folded, func.min(video_tags.c.tag), count).select_from(videos)
    counts = counts.join(users, videos.c.owner_id == users.c.id).where(*among)
    counts = counts.join(video_tags, video_tags.c.video_id == videos.c.id)
    return counts.group_by(video_tags.c.tag_folded).order_by(count.desc(), video_tags.c.tag_folded)


def _owner_counts(among: list[ColumnElement[bool]]) -> Select[Any]:
    count = func.count()
    shown = func.coalesce(func.nullif(users.c.display_name, ""), users.c.name)
    counts = select(users.c.name, shown, count).select_from(videos).join(users, videos.c.owner_id == users.c.id)
    return counts.where(*among).group_by(users.c.id).order_by(count.desc(), users.c.name_folded)


def _named_like(facets: list[Facet], search: SearchQuery) -> list[Facet]:
    """Return the facets whose text or value contains all terms."""

    def is_like(facet: Facet) -> bool:
        names = FoldedText.of(f"{facet.text} {facet.value}")
        return all(any(names.find(term)) for term in search.terms)

    return [facet for facet in facets if is_like(facet)][:SUGGESTED_NAMES]


def _title_match(video: Video, search: SearchQuery) -> tuple[Match, ...]:
    pieces = tuple(highlight(video.title, search, inner=True))
    return (Match(Field.TITLE, pieces),) if any(piece.marked for piece in pieces) else ()


def _text_matches(video: Video, search: SearchQuery, *, is_owner: bool) -> Iterator[Match]:
    yield from _title_match(video, search)
    names = [*((Field.TAG, tag) for tag in video.tags), (Field.OWNER, video.owner_shown_name)]
    if is_owner:
        names.append((Field.FILENAME, video.source_name))
    for field, name in names:
        pieces = tuple(highlight(name, search, inner=field is Field.TAG))
        if any(piece.marked for piece in pieces):
            yield Match(field, pieces)
    if (found := excerpt(video.description, search)) is not None:
        yield Match(Field.DESCRIPTION, tuple(highlight(found, search)))


def _moments(chapters: Sequence[Chapter], spoken: Sequence[tuple[int, str]], search: SearchQuery) -> Iterator[Match]:
    named = [(chapter.start_ms, chapter.title) for chapter in chapters]
    for field, lines in ((Field.CHAPTER, named), (Field.CAPTION, spoken)):
        for at_ms, text in _best_lines(lines, search.terms):
            shown = excerpt(text, search) or " ".join(text.split())
            yield Match(field, tuple(highlight(shown, search, inner=field is Field.CHAPTER)), at_ms)


def _best_lines(lines: Sequence[tuple[int, str]], terms: Sequence[Term]) -> list[tuple[int, str]]:
    """Return the first of the lines that contain the most terms, by time. A phrase may go on in the next line."""
    patterns = [re.compile(term.pattern()) for term in terms]

    def best(candidates: Sequence[tuple[int, str]]) -> tuple[int, list[tuple[int, str]]]:
        counts = [_count(patterns, fold(text)) for _, text in candidates]
        most = max(counts, default=0)
        return most, [line for line, count in zip(candidates, counts, strict=True) if count == most]

    most, found = best(lines)
    if most < len(terms):
        pairs = [(at_ms, f"{text}\n{following}") for (at_ms, text), (_, following) in pairwise(lines)]
        most_of_pairs, found_pairs = best(pairs)
        if most_of_pairs > most:
            most, found = most_of_pairs, found_pairs
    return sorted(found)[:MAX_MOMENTS] if most else []


def _count(patterns: Sequence[re.Pattern[str]], folded: str) -> int:
    return sum(pattern.search(folded) is not None for pattern in patterns)
