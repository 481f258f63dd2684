"""The notices of a person with their subjects, as far as the person may still see these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from streamtime.auth.access import Caller
from streamtime.auth.notices import ADMIN_KINDS, NoticeKind
from streamtime.database.tables.auth import notices, users
from streamtime.database.tables.playlists import playlists
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database
from streamtime.errors import Invalid
from streamtime.videos.listing import MAX_LIMIT, NonNegative, decode_cursor, encode_cursor
from streamtime.videos.viewers import visible_playlists
from streamtime.videos.watching import watchable_videos


@dataclass(frozen=True, slots=True)
class NoticeSubject:
    """A video, a playlist or a person: its public id and its present title or name."""

    public_id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice with its subjects; None where it has none of that sort."""

    public_id: str
    kind: NoticeKind
    created_at_ms: int
    read: bool
    video: NoticeSubject | None
    playlist: NoticeSubject | None
    person: NoticeSubject | None
    person_name: str
    """The user name of `person`, for the address of their page; else empty."""
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoticePage:
    """One page of notices, the newest first, and the cursor of the next page if there is one."""

    items: list[Notice]
    next: str | None


class NoticeList:
    """Lists and counts notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, caller: Caller, *, limit: int, cursor: str = "") -> NoticePage:
        """Return one page of the caller's notices.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"Ask for 1 to {MAX_LIMIT} notices at a time.", field="limit")
        query = _visible(select(*_COLUMNS), caller).order_by(notices.c.id.desc())
        if cursor:
            query = query.where(notices.c.id < decode_cursor(cursor, (NonNegative,))[0])
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
        more = len(rows) > limit
        return NoticePage(
            [_notice(row) for row in rows[:limit]], encode_cursor([rows[limit - 1]["id"]]) if more else None
        )

    async def unread(self, caller: Caller) -> int:
        """Return the number of the caller's unread notices."""
        query = _visible(select(func.count()), caller).where(notices.c.read_at_ms.is_(None))
        async with self._database.read() as connection:
            return int((await connection.execute(query)).scalar_one())


_COLUMNS: tuple[ColumnElement[Any], ...] = (
    notices.c.id,
    notices.c.public_id,
    notices.c.kind,
    notices.c.detail,
    notices.c.created_at_ms,
    notices.c.read_at_ms,
    videos.c.public_id.label("video"),
    videos.c.title.label("video_title"),
    playlists.c.public_id.label("playlist"),
    playlists.c.title.label("playlist_title"),
    users.c.public_id.label("person"),
    users.c.name.label("person_name"),
    users.c.display_name,
)


def _visible(query: Select[Any], caller: Caller) -> Select[Any]:
    """Join the subjects, and match the caller's notices of what they may see now."""
    joined = query.select_from(
        notices.outerjoin(videos, videos.c.id == notices.c.video_id)
        .outerjoin(playlists, playlists.c.id == notices.c.playlist_id)
        .outerjoin(users, users.c.id == notices.c.person_id)
    )
    waiting = NoticeKind.REGISTRATION_WAITING.value
    conditions = [
        notices.c.user_id == caller.user_id,
        or_(notices.c.video_id.is_(None), and_(*watchable_videos(caller))),
        or_(notices.c.playlist_id.is_(None), visible_playlists(caller)),
        or_(notices.c.person_id.is_(None), users.c.deleted_at_ms.is_(None)),
        or_(notices.c.kind != waiting, users.c.awaiting_at_ms.is_not(None)),
    ]
    if not caller.is_admin:
        conditions.append(notices.c.kind.not_in([kind.value for kind in ADMIN_KINDS]))
    return joined.where(*conditions)


def _notice(row: Mapping[str, Any]) -> Notice:
    def subject(sort: str, title: str) -> NoticeSubject | None:
        return None if row[sort] is None else NoticeSubject(row[sort], title)

    return Notice(
        public_id=row["public_id"],
        kind=NoticeKind(row["kind"]),
        created_at_ms=row["created_at_ms"],
        read=row["read_at_ms"] is not None,
        video=subject("video", row["video_title"]),
        playlist=subject("playlist", row["playlist_title"]),
        person=subject("person", row["display_name"] or row["person_name"]),
        person_name=row["person_name"] or "",
        detail=msgspec.json.decode(row["detail"], type=dict[str, str]),
    )
