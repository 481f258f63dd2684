"""List the videos that a caller may find: filters, orders and keyset pagination."""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from streamtime.auth.access import Caller, Visibility, listed_visibilities
from streamtime.database.people_tables import users
from streamtime.database.tables import video_tags, videos
from streamtime.database.transaction import Database
from streamtime.errors import Invalid
from streamtime.videos.trash import IN_TRASH
from streamtime.videos.video import Video, VideoState, read_videos, select_videos

MAX_LIMIT = 100
PAGE_SIZE = 12
"""Cards per page of a grid; more would exceed 30 KB of HTML. Scrolling loads further pages."""


_Integer = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_TextCursor = tuple[str, _Integer]
_NumberCursor = tuple[_Integer, _Integer]


class ListScope(StrEnum):
    """Which videos are listed."""

    FINDABLE = "findable"
    """All videos listed for the caller, and the caller's own in every state."""
    LISTED = "listed"
    """The Explore page: playable videos listed for the caller."""
    OWN = "own"
    """The caller's own videos, in every state and visibility."""


class Sort(StrEnum):
    """The order of a list."""

    NEW = "new"
    OLD = "old"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Query:
    """A list request. `q` is searched in titles and tags, ignoring case."""

    scope: ListScope = ListScope.FINDABLE
    q: str = ""
    owner: str = ""
    visibility: Visibility | None = None
    state: VideoState | None = None
    sort: Sort = Sort.NEW
    limit: int = PAGE_SIZE
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of videos, and the cursor of the next page if there is one."""

    items: list[Video]
    next: str | None


class Listing:
    """Lists videos."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, caller: Caller, query: Query) -> Page:
        """Return one page of the matching videos that the caller may find.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        if not 1 <= query.limit <= MAX_LIMIT:
            raise Invalid(f"Ask for 1 to {MAX_LIMIT} videos at a time.", field="limit")
        statement = select_videos().where(*_conditions(caller, query))
        statement = _ordered(statement, query).limit(query.limit + 1)
        async with self._database.read() as connection:
            found = await read_videos(connection, statement)
        items = found[: query.limit]
        more = len(found) > query.limit
        return Page(items=items, next=_cursor_after(items[-1], query) if more else None)


def _conditions(caller: Caller, query: Query) -> list[ColumnElement[bool]]:
    trashed = query.state is VideoState.TRASHED
    conditions = (
        _in_trash(caller, query) if trashed else [videos.c.deleted_at_ms.is_(None), _scope(caller, query.scope)]
    )
    if query.q.strip():
        conditions.append(_matches(query.q.strip().casefold(), caller))
    if query.owner:
        conditions.append(users.c.name_folded == query.owner.casefold())
    if query.visibility is not None:
        conditions.append(videos.c.visibility == query.visibility.value)
    if query.state is not None and not trashed:
        conditions.append(videos.c.state == query.state.value)
    return conditions


def _in_trash(caller: Caller, query: Query) -> list[ColumnElement[bool]]:
    """Match the videos in the trash that the caller may restore: their own, or any owner's for an administrator."""
    if caller.is_admin and query.owner:
        return [IN_TRASH]
    return [IN_TRASH, videos.c.owner_id == (caller.user_id if caller.signed_in else -1)]


def _scope(caller: Caller, scope: ListScope) -> ColumnElement[bool]:
    if scope is ListScope.OWN:
        return videos.c.owner_id == (caller.user_id if caller.signed_in else -1)
    visibilities = [visibility.value for visibility in listed_visibilities(caller)]
    listed = and_(videos.c.visibility.in_(visibilities), videos.c.playable)
    if scope is ListScope.LISTED or not caller.signed_in:
        return listed
    return or_(listed, videos.c.owner_id == caller.user_id)


def _matches(folded: str, caller: Caller) -> ColumnElement[bool]:
    """Match by title or tag; the caller's own videos also by file name, which others must not learn."""
    own_by_file_name = and_(
        videos.c.owner_id == (caller.user_id if caller.signed_in else -1),
        func.lower(videos.c.source_name).contains(folded, autoescape=True),
    )
    tagged = select(video_tags.c.video_id).where(video_tags.c.tag_folded == folded)
    return or_(videos.c.title_folded.contains(folded, autoescape=True), videos.c.id.in_(tagged), own_by_file_name)


def _sort_key(query: Query) -> ColumnElement[object]:
    if query.sort is Sort.TITLE:
        return videos.c.title_folded
    return videos.c.published_at_ms if query.scope is ListScope.LISTED else videos.c.created_at_ms


def _ordered(statement: Select[tuple[object, ...]], query: Query) -> Select[tuple[object, ...]]:
    key = _sort_key(query)
    descending = query.sort is Sort.NEW
    if query.cursor:
        value, last_id = _cursor(query.cursor, text=query.sort is Sort.TITLE)
        after = (key < value, videos.c.id < last_id) if descending else (key > value, videos.c.id > last_id)
        statement = statement.where(or_(after[0], and_(key == value, after[1])))
    if descending:
        return statement.order_by(key.desc(), videos.c.id.desc())
    return statement.order_by(key, videos.c.id)


def _cursor_after(video: Video, query: Query) -> str:
    key: str | int | None
    if query.sort is Sort.TITLE:
        key = video.title.casefold()
    else:
        key = video.published_at_ms if query.scope is ListScope.LISTED else video.created_at_ms
    return base64.urlsafe_b64encode(msgspec.json.encode([key, video.id])).decode().rstrip("=")


def _cursor(cursor: str, *, text: bool) -> tuple[str | int, int]:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        value, last_id = msgspec.json.decode(raw, type=_TextCursor if text else _NumberCursor)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Invalid("That page does not exist. Begin at the first one.", field="cursor") from None
    return value, last_id
