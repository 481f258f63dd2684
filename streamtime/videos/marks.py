"""Private marks of accounts on videos: what to watch later, and favourites. Only the account itself sees them."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.sqlite import insert

from streamtime.auth.access import Caller
from streamtime.clock import Clock
from streamtime.database.tables.videos import video_marks, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid
from streamtime.translation import gettext, number_text
from streamtime.videos.listing import MAX_LIMIT, NonNegative, decode_cursor, encode_cursor
from streamtime.videos.video import Video, read_videos_in_order, require_not_deleted
from streamtime.videos.watching import watchable_videos

MAX_MARKS = 5_000
"""Marks of one kind that an account may have."""


class MarkKind(StrEnum):
    """What a mark says."""

    LATER = "later"
    FAVOURITE = "favourite"


@dataclass(frozen=True, slots=True)
class MarkPage:
    """One page of marked videos, the last marked first, and the cursor of the next page if there is one."""

    items: list[Video]
    next: str | None


class Marks:
    """Sets, removes and lists marks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, user_id: int, video: Video, kind: MarkKind) -> None:
        """Mark a video that the account may watch. One that is marked already keeps its place in the list.

        Raises:
            VideoNotFound: the video has been deleted meanwhile.
            Conflict: the account has too many marks of that kind.
        """
        now = self._clock.now_ms()
        chosen = (video_marks.c.user_id == user_id, video_marks.c.kind == kind.value)

        async def body(tx: Transaction) -> None:
            query = select(video_marks.c.video_id).where(*chosen, video_marks.c.video_id == video.id)
            if (await tx.execute(query)).first() is not None:
                return
            await require_not_deleted(tx, video.id)
            count = (await tx.execute(select(func.count()).select_from(video_marks).where(*chosen))).scalar_one()
            if count >= MAX_MARKS:
                raise Conflict(
                    gettext("You can have at most %(most)s videos in this list.", most=number_text(MAX_MARKS)),
                    code="too_many_marks",
                )
            values = {"user_id": user_id, "video_id": video.id, "kind": kind.value, "added_at_ms": now}
            await tx.execute(insert(video_marks).values(**values))

        await self._database.write(body)

    async def remove(self, user_id: int, video: Video, kind: MarkKind) -> None:
        """Remove a mark if there is one."""
        statement = delete(video_marks).where(
            video_marks.c.user_id == user_id, video_marks.c.kind == kind.value, video_marks.c.video_id == video.id
        )
        await self._database.write(lambda tx: tx.execute(statement))

    async def of_videos(self, user_id: int, video_ids: Collection[int]) -> dict[int, frozenset[MarkKind]]:
        """Return the marks of an account on these videos, by row id; videos without one are omitted."""
        query = select(video_marks.c.video_id, video_marks.c.kind)
        query = query.where(video_marks.c.user_id == user_id, video_marks.c.video_id.in_(video_ids))
        found: dict[int, frozenset[MarkKind]] = {}
        async with self._database.read() as connection:
            for video_id, kind in await connection.execute(query):
                found[video_id] = found.get(video_id, frozenset()) | {MarkKind(kind)}
        return found

    async def page(self, caller: Caller, kind: MarkKind, *, limit: int, cursor: str = "") -> MarkPage:
        """Return one page of what the caller has marked, without videos that they may no longer watch.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"Ask for 1 to {MAX_LIMIT} videos at a time.", field="limit")
        added, video_id = video_marks.c.added_at_ms, video_marks.c.video_id
        query = select(added, video_id).join(videos, videos.c.id == video_id)
        query = query.where(video_marks.c.user_id == caller.user_id, video_marks.c.kind == kind.value)
        query = query.where(*watchable_videos(caller)).order_by(added.desc(), video_id.desc())
        if cursor:
            query = query.where(tuple_(added, video_id) < tuple_(*decode_cursor(cursor, (NonNegative, NonNegative))))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
            items = await read_videos_in_order(connection, [row[1] for row in rows[:limit]])
        more = len(rows) > limit
        return MarkPage(items, encode_cursor([rows[limit - 1][0], rows[limit - 1][1]]) if more else None)
