"""List and search the videos that a caller may find: filters, orders, keyset pagination.

The permission rule is part of every query here, so neither results nor counts tell of other videos.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal_column, or_, select, union

from streamtime.auth.access import Caller, Visibility, listed_visibilities
from streamtime.clock import EpochMs
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import video_tags, videos
from streamtime.database.transaction import Database
from streamtime.errors import Invalid
from streamtime.videos.search_index import (
    ALL,
    NAMES,
    OWNER_ONLY,
    PUBLIC,
    TEXTS,
    TITLE,
    IndexFirst,
    SearchIndexer,
    matches,
    matching,
    videos_fts,
)
from streamtime.videos.search_text import SearchQuery, parse_query
from streamtime.videos.trash import IN_TRASH
from streamtime.videos.video import Video, VideoState, read_videos_in_order
from streamtime.videos.viewers import followed_videos, shared_videos

MAX_LIMIT = 100
CANDIDATES = 1_000
"""Matches of a search that are ranked and counted, the newest ones: a common word is in every video of a library."""

PAGE_SIZE = 10
"""Cards per page of a grid; more would exceed 30 KB of HTML. Scrolling loads further pages."""


NonNegative = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


Integer = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""Recording dates before 1970 are negative."""


class ListScope(StrEnum):
    """Which videos are listed."""

    FINDABLE = "findable"
    """All videos listed for the caller, and the caller's own in every state."""
    LISTED = "listed"
    """The Explore page: playable videos listed for the caller."""
    FOLLOWED = "followed"
    """Of those of the Explore page, the videos of people and in playlists that the caller follows."""
    OWN = "own"
    """The caller's own videos, in every state and visibility."""


class Sort(StrEnum):
    """The order of a list."""

    NEW = "new"
    OLD = "old"
    TITLE = "title"
    LONGEST = "longest"
    SHORTEST = "shortest"
    RECORDED = "recorded"
    """The last recorded first; by the date of `new` where it is not known when a video was recorded."""
    RECORDED_FIRST = "recorded_first"
    """The reverse of `recorded`."""
    RELEVANCE = "relevance"
    """By the best place of the match: whole words of the title, its words' beginnings, tags and other short texts, the
    description, captions; the newest first among equals. Without search words the same as `new`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What videos must be like; the default accepts all."""

    owner: str = ""
    """The name of an account, in any case."""
    visibility: Visibility | None = None
    state: VideoState | None = None
    tags: tuple[str, ...] = ()
    """All of them, in any case."""
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None
    after_ms: EpochMs | None = None
    before_ms: EpochMs | None = None
    min_lines: int | None = None
    """Lines of the picture, as in 1080p: the smaller of width and height."""


@dataclass(frozen=True, slots=True)
class Query:
    """A list request. `q` is a search in the syntax of `parse_query`; blank for all videos."""

    scope: ListScope = ListScope.FINDABLE
    q: str = ""
    filters: Filters = field(default_factory=Filters)
    sort: Sort = Sort.NEW
    limit: int = PAGE_SIZE
    cursor: str = ""

    @property
    def search(self) -> SearchQuery | None:
        """The parsed search; None without one."""
        return parse_query(self.q) if self.q.strip() else None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of videos, and the cursor of the next page if there is one."""

    items: list[Video]
    next: str | None


class Listing:
    """Lists videos."""

    def __init__(self, database: Database, indexer: SearchIndexer) -> None:
        self._database = database
        self._indexer = indexer

    async def page(self, caller: Caller, query: Query, *, among: Sequence[int] | None = None) -> Page:
        """Return one page of the matching videos that the caller may find; `among` are row ids to choose from.

        By relevance, only `newest_matches` are ranked.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        if not 1 <= query.limit <= MAX_LIMIT:
            raise Invalid(f"Ask for 1 to {MAX_LIMIT} videos at a time.", field="limit")
        if query.search is not None and among is None:
            if query.sort is Sort.RELEVANCE:
                among = await self.newest_matches(caller, query)
            else:
                await self._indexer.settle()
        keys = _sort_keys(query, among)
        statement = select(videos.c.id, *(key.column for key in keys)).join(users, videos.c.owner_id == users.c.id)
        statement = _ordered(statement.where(*conditions(caller, query, among)), keys, query)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement.limit(query.limit + 1))).all()
            items = await read_videos_in_order(connection, [row[0] for row in rows[: query.limit]])
        last = rows[query.limit - 1] if len(rows) > query.limit else None
        next_cursor = None if last is None else encode_cursor([*last[1:], last[0]])
        return Page(items=items, next=next_cursor)

    async def newest_matches(self, caller: Caller, query: Query) -> list[int]:
        """Return the row ids of the newest results, at most `CANDIDATES`.

        Of the caller's own videos that a search finds by their file name, there may be as many again. The index is
        read from its end until there are enough.
        """
        found = conditions(caller, replace(query, q=""))
        if (search := query.search) is None:
            listed = select(videos.c.id).join(users, videos.c.owner_id == users.c.id).where(*found)
            queries = [_newest(listed, videos.c.id)]
        elif search.terms:
            await self._indexer.settle()
            queries = [matching_newest(search.expression(PUBLIC), found)]
            if caller.signed_in:
                queries.append(matching_newest(search.expression_with(ALL, OWNER_ONLY), [*found, _is_own(caller)]))
        else:
            return []
        async with self._database.read() as connection:
            rows = await connection.execute(union(*(select(each.subquery().c.id) for each in queries)))
            return [*rows.scalars()]

    async def newest(self, caller: Caller, limit: int) -> list[tuple[str, int]]:
        """Return the public ids of the newest videos listed for the caller, and when they were published."""
        query = Query(scope=ListScope.LISTED)
        statement = select(videos.c.public_id, videos.c.published_at_ms).where(*conditions(caller, query))
        async with self._database.read() as connection:
            rows = await connection.execute(statement.order_by(videos.c.published_at_ms.desc()).limit(limit))
            return [(row.public_id, row.published_at_ms) for row in rows]


def conditions(caller: Caller, query: Query, among: Sequence[int] | None = None) -> list[ColumnElement[bool]]:
    """Return the conditions of a list on `videos` joined with `users`: permission, search and filters.

    `among` are row ids of `newest_matches`, which are not searched again.
    """
    trashed = query.filters.state is VideoState.TRASHED
    found = _in_trash(caller, query) if trashed else [videos.c.deleted_at_ms.is_(None), _scope(caller, query.scope)]
    found.append(videos.c.version_of.is_(None))
    if among is not None:
        ids = func.json_each(msgspec.json.encode(among).decode()).table_valued("value")
        found.append(videos.c.id.in_(select(ids.c.value)))  # one parameter, for any number of them
    elif (search := query.search) is not None:
        found.append(_found(search, caller))
    return found + _filtered(query.filters, date_column(query.scope))


def _in_trash(caller: Caller, query: Query) -> list[ColumnElement[bool]]:
    """Match the videos in the trash that the caller may restore: their own, or any owner's for an administrator."""
    if caller.is_admin and query.filters.owner:
        return [IN_TRASH]
    return [IN_TRASH, _is_own(caller)]


def _scope(caller: Caller, scope: ListScope) -> ColumnElement[bool]:
    if scope is ListScope.OWN:
        return _is_own(caller)
    visibilities = [visibility.value for visibility in listed_visibilities(caller)]
    allowed = or_(videos.c.visibility.in_(visibilities), shared_videos(caller))
    listed = and_(allowed, videos.c.playable)
    if scope is ListScope.FOLLOWED:
        return and_(listed, followed_videos(caller))
    if scope is ListScope.LISTED or not caller.signed_in:
        return listed
    return or_(listed, _is_own(caller))


def _is_own(caller: Caller) -> ColumnElement[bool]:
    return videos.c.owner_id == (caller.user_id if caller.signed_in else -1)


def _found(search: SearchQuery, caller: Caller) -> ColumnElement[bool]:
    """Match the search; the caller's own videos also by file name, which others must not learn."""
    if not search.terms:
        return false()
    found = matching(search, PUBLIC)
    if caller.signed_in:
        named = select(videos_fts.c.rowid).where(matches(search.expression_with(ALL, OWNER_ONLY)))
        own = select(videos.c.id).where(_is_own(caller), videos.c.id.in_(named))
        return videos.c.id.in_(found.union_all(own))
    return videos.c.id.in_(found)


def matching_newest(expression: str, conditions: list[ColumnElement[bool]]) -> Select[Any]:
    """Select the row ids `id` of the newest `CANDIDATES` videos with these conditions that match in the index."""
    found = select(videos_fts.c.rowid.label("id")).where(matches(expression), *conditions)
    found = found.select_from(IndexFirst(videos_fts, videos, videos.c.id == videos_fts.c.rowid))
    return _newest(found.join(users, videos.c.owner_id == users.c.id), videos_fts.c.rowid)


def _newest(found: Select[Any], row_id: ColumnElement[Any]) -> Select[Any]:
    return found.order_by(row_id.desc()).limit(CANDIDATES)


def _filtered(filters: Filters, date: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    tags = {tag.casefold() for tag in filters.tags}
    found: list[ColumnElement[bool]] = [
        videos.c.id.in_(select(video_tags.c.video_id).where(video_tags.c.tag_folded == tag)) for tag in sorted(tags)
    ]
    lines = case((videos.c.width < videos.c.height, videos.c.width), else_=videos.c.height)
    state = None if filters.state is VideoState.TRASHED else filters.state
    compared: tuple[tuple[object, Callable[[Any], ColumnElement[bool]]], ...] = (
        (filters.owner.casefold() or None, users.c.name_folded.__eq__),
        (filters.visibility, videos.c.visibility.__eq__),
        (state, videos.c.state.__eq__),
        (filters.min_duration_ms, videos.c.duration_ms.__ge__),
        (filters.max_duration_ms, videos.c.duration_ms.__le__),
        (filters.after_ms, date.__ge__),
        (filters.before_ms, date.__lt__),
        (filters.min_lines, lines.__ge__),
    )
    return found + [compare(wanted) for wanted, compare in compared if wanted is not None]


def date_column(scope: ListScope) -> ColumnElement[Any]:
    """Return the date by which a list is ordered: when a video was published, or when it was uploaded."""
    listed = scope in {ListScope.LISTED, ListScope.FOLLOWED}
    return videos.c.published_at_ms if listed else videos.c.created_at_ms


@dataclass(frozen=True, slots=True)
class _SortKey:
    """A column to sort by. `text` is the type of its values, else integers."""

    column: ColumnElement[Any]
    descending: bool = False
    text: bool = False


def _sort_keys(query: Query, candidates: Sequence[int] | None) -> list[_SortKey]:
    date = date_column(query.scope)
    if query.sort is Sort.RELEVANCE and candidates and (search := query.search) is not None:
        return [_SortKey(_tier(search, min(candidates))), _SortKey(date, descending=True)]
    recorded = func.coalesce(videos.c.recorded_at_ms, date)
    keys = {
        Sort.OLD: _SortKey(date),
        Sort.TITLE: _SortKey(videos.c.title_folded, text=True),
        Sort.LONGEST: _SortKey(_duration(), descending=True),
        Sort.SHORTEST: _SortKey(_duration()),
        Sort.RECORDED: _SortKey(recorded, descending=True),
        Sort.RECORDED_FIRST: _SortKey(recorded),
    }
    return [keys.get(query.sort, _SortKey(date, descending=True))]


def _duration() -> ColumnElement[Any]:
    return func.coalesce(videos.c.duration_ms, literal_column("0"))  # as in the indexes


def _tier(search: SearchQuery, oldest: int) -> ColumnElement[Any]:
    """Rank a video by where it was found. Unlike BM25, this says nothing about how many hidden videos match."""
    whole = search.with_whole_words()
    places = ((whole, TITLE), (search, TITLE), (search, NAMES), (search, TEXTS))
    found = (matching(each, columns).where(videos_fts.c.rowid >= oldest) for each, columns in places)
    return case(*((videos.c.id.in_(each), tier) for tier, each in enumerate(found)), else_=len(places))


def _ordered(statement: Select[Any], keys: list[_SortKey], query: Query) -> Select[Any]:
    columns = [*keys, _SortKey(videos.c.id, descending=keys[-1].descending)]
    if query.cursor:
        equal: list[ColumnElement[bool]] = []
        after: list[ColumnElement[bool]] = []
        types = tuple(str if key.text else Integer for key in columns)
        values = decode_cursor(query.cursor, types)
        first = columns[0]  # a bound that an index can use, which it cannot for the OR below
        statement = statement.where(first.column <= values[0] if first.descending else first.column >= values[0])
        for key, value in zip(columns, values, strict=True):
            after.append(and_(*equal, key.column < value if key.descending else key.column > value))
            equal.append(key.column == value)
        statement = statement.where(or_(*after))
    return statement.order_by(*(key.column.desc() if key.descending else key.column for key in columns))


def encode_cursor(values: list[object]) -> str:
    """Return the cursor of the page after the item with these sort values."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def decode_cursor(cursor: str, types: tuple[object, ...]) -> list[str | int]:
    """Return the sort values in a cursor, which must be of these types.

    Raises:
        Invalid: it is not a cursor of this list.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        return [*msgspec.json.decode(raw, type=tuple[types])]  # type: ignore[valid-type]  # built at run time
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Invalid("That page does not exist. Begin at the first one.", field="cursor") from None
