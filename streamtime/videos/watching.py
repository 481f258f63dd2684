"""What people watch: their position in each video, their history, and the number of views.

Players report their position every few seconds. Reports are kept in memory and written together by `flush`; a crash
loses those of the last seconds. A view is counted once per viewer and video within `VIEW_WINDOW_MS`.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from streamtime.auth.access import Caller, watchable_visibilities
from streamtime.clock import Clock, EpochMs
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import videos, watches
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.videos.listing import NonNegative, decode_cursor, encode_cursor
from streamtime.videos.video import Video, read_videos_in_order, require_not_deleted
from streamtime.videos.viewers import shared_videos

VIEW_MS = 10_000
VIEW_FRACTION = 1 / 3
"""A view is this long, or this part of a shorter video."""

VIEW_WINDOW_MS = 6 * 3600 * 1000
MAX_VIEWERS = 20_000
"""Remembered pairs of viewer and video, the oldest are forgotten first; each takes some 200 bytes."""

START_FRACTION = 0.02
END_FRACTION = 0.95
"""A video is begun after the first of these parts, and watched after the second."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a player reports: the position, and how long it has played since the page was loaded, in milliseconds."""

    position_ms: int
    played_ms: int


@dataclass(frozen=True, slots=True)
class Watch:
    """How far a person has watched a video. `watched`: to the end, the last time or before."""

    position_ms: int
    watched: bool
    updated_at_ms: EpochMs

    def percent(self, duration_ms: int | None) -> int:
        """Return the position in percent of the duration; 100 if watched to the end and not begun again."""
        if self.watched and not self.position_ms:
            return 100
        return min(100, round(100 * self.position_ms / duration_ms)) if duration_ms else 0


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a person's history, the last watched first, and the cursor of the next page."""

    items: list[tuple[Video, Watch]]
    next: str | None


class Watching:
    """Keeps positions, histories and views."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._watches: dict[tuple[int, int], Watch] = {}
        self._views: dict[int, int] = {}
        self._flushing = asyncio.Lock()
        self._viewed: dict[tuple[str, int], int] = {}

    async def report(self, caller: Caller, viewer: str, video: Video, report: Report) -> None:
        """Note the report of a player. `viewer` identifies the viewer for the count of views."""
        if report.played_ms >= _view_ms(video):
            self._count_view(viewer, video.id)
        if caller.user_id is not None and report.played_ms and not await self.is_paused(caller.user_id):
            before = (await self.of_videos(caller.user_id, [video.id])).get(video.id)
            self._watches[caller.user_id, video.id] = self._watch(video, report, before)

    def _watch(self, video: Video, report: Report, before: Watch | None) -> Watch:
        at_ms = report.position_ms if video.duration_ms is None else min(report.position_ms, video.duration_ms)
        ended = video.duration_ms is not None and at_ms >= video.duration_ms * END_FRACTION
        begun = video.duration_ms is None or at_ms >= video.duration_ms * START_FRACTION
        watched = ended or (before is not None and before.watched)
        return Watch(at_ms if begun and not ended else 0, watched, self._clock.now_ms())

    def _count_view(self, viewer: str, video_id: int) -> None:
        key, now_ms = (viewer, video_id), self._clock.now_ms()
        if now_ms - self._viewed.get(key, -VIEW_WINDOW_MS) < VIEW_WINDOW_MS:
            return
        self._viewed.pop(key, None)
        self._viewed[key] = now_ms
        if len(self._viewed) > MAX_VIEWERS:
            self._viewed.pop(next(iter(self._viewed)))
        self._views[video_id] = self._views.get(video_id, 0) + 1

    async def flush(self) -> None:
        """Write what was reported since the last time, in one transaction.

        Positions stay in memory until they are committed, so that they are read from there meanwhile. One flush waits
        for another: after it, everything that was reported before is in the database.
        """
        async with self._flushing:
            noted = dict(self._watches)
            views, self._views = self._views, {}
            if not noted and not views:
                return
            try:
                await self._database.write(lambda tx: _write(tx, noted, views))
            except Exception:
                now = self._views
                self._views = {video: views.get(video, 0) + now.get(video, 0) for video in {*views, *now}}
                raise
            self._watches = {key: watch for key, watch in self._watches.items() if noted.get(key) is not watch}

    async def of_videos(self, user_id: int, video_ids: Collection[int]) -> dict[int, Watch]:
        """Return how far a person has watched these videos; those never watched are omitted."""
        query = select(watches.c.video_id, watches.c.position_ms, watches.c.watched, watches.c.updated_at_ms)
        before = self._noted(user_id, video_ids)  # may be committed and forgotten while the database is read
        async with self._database.read() as connection:
            rows = await connection.execute(
                query.where(watches.c.user_id == user_id, watches.c.video_id.in_(video_ids))
            )
            found = {row[0]: _watch(row) for row in rows}
        for video, watch in before.items():
            if video not in found or watch.updated_at_ms > found[video].updated_at_ms:
                found[video] = watch
        return found | self._noted(user_id, video_ids)

    def _noted(self, user_id: int, video_ids: Collection[int]) -> dict[int, Watch]:
        return {video: watch for video in video_ids if (watch := self._watches.get((user_id, video))) is not None}

    async def history(self, caller: Caller, *, limit: int, cursor: str = "") -> HistoryPage:
        """Return one page of the caller's history, without videos that they may no longer watch.

        Raises:
            Invalid: the cursor is invalid.
        """
        query = self._history(caller)
        if cursor:
            at_ms, video_id = decode_cursor(cursor, (NonNegative, NonNegative))
            updated = watches.c.updated_at_ms
            query = query.where(or_(updated < at_ms, and_(updated == at_ms, watches.c.video_id < video_id)))
        rows = await self._read(query.limit(limit + 1))
        more = len(rows) > limit
        last = rows[limit - 1] if more else None
        return HistoryPage(rows[:limit], None if last is None else encode_cursor([last[1].updated_at_ms, last[0].id]))

    async def unfinished(self, caller: Caller, limit: int) -> dict[int, Watch]:
        """Return what the caller has begun and not ended by row id of the video, the last watched first."""
        if not caller.signed_in:
            return {}
        await self._flush_if_possible()
        query = self._history(caller).where(watches.c.position_ms > 0).limit(limit)
        async with self._database.read() as connection:
            return {row[0]: _watch(row) for row in await connection.execute(query)}

    def _history(self, caller: Caller) -> Select[Any]:
        query = select(watches.c.video_id, watches.c.position_ms, watches.c.watched, watches.c.updated_at_ms)
        query = query.join(videos, watches.c.video_id == videos.c.id)
        query = query.where(watches.c.user_id == caller.user_id, videos.c.playable, *watchable_videos(caller))
        return query.order_by(watches.c.updated_at_ms.desc(), watches.c.video_id.desc())

    async def _read(self, query: Select[Any]) -> list[tuple[Video, Watch]]:
        await self._flush_if_possible()
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            found = await read_videos_in_order(connection, [row[0] for row in rows])
        return [(video, _watch(row)) for video, row in zip(found, rows, strict=True)]

    async def _flush_if_possible(self) -> None:
        with suppress(StreamtimeError):  # a full disk leaves the page readable: what was noted is written later
            await self.flush()

    async def forget(self, user_id: int, video_id: int | None = None) -> None:
        """Delete one video from a person's history, or all of them."""
        kept = {
            key: watch for key, watch in self._watches.items() if key[0] != user_id or video_id not in {None, key[1]}
        }
        self._watches = kept
        statement = delete(watches).where(watches.c.user_id == user_id)
        if video_id is not None:
            statement = statement.where(watches.c.video_id == video_id)
        await self._database.write(lambda tx: tx.execute(statement))

    async def mark_watched(self, user_id: int, video: Video) -> None:
        """Note that a person has watched a video to its end, also while their history is paused.

        Raises:
            VideoNotFound: it has been deleted meanwhile.
        """
        watch = Watch(0, watched=True, updated_at_ms=self._clock.now_ms())

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, video.id)
            await _write_watches(tx, [_row(user_id, video.id, watch)])

        await self._database.write(body)
        self._watches.pop((user_id, video.id), None)

    async def is_paused(self, user_id: int) -> bool:
        """Return whether a person's history is paused."""
        async with self._database.read() as connection:
            query = select(users.c.history_paused).where(users.c.id == user_id)
            return bool((await connection.execute(query)).scalar())

    async def pause(self, user_id: int, *, paused: bool) -> None:
        """Pause a person's history, or go on with it. While it is paused, positions are not kept either."""
        statement = update(users).where(users.c.id == user_id).values(history_paused=paused)
        await self._database.write(lambda tx: tx.execute(statement))


async def _write(tx: Transaction, noted: dict[tuple[int, int], Watch], views: dict[int, int]) -> None:
    query = select(videos.c.id).where(videos.c.id.in_({each[1] for each in noted}))
    existing = set((await tx.execute(query)).scalars())
    await _write_watches(tx, [_row(*key, watch) for key, watch in noted.items() if key[1] in existing])
    more = videos.c.views + bindparam("more")
    counted = update(videos).where(videos.c.id == bindparam("row")).values(views=more)
    await tx.execute_many(counted, [{"row": video, "more": more} for video, more in views.items()])


async def _write_watches(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    statement = insert(watches)
    changed = {name: statement.excluded[name] for name in ("position_ms", "watched", "updated_at_ms")}
    await tx.execute_many(statement.on_conflict_do_update(index_elements=["user_id", "video_id"], set_=changed), rows)


def _view_ms(video: Video) -> float:
    return VIEW_MS if video.duration_ms is None else min(VIEW_MS, video.duration_ms * VIEW_FRACTION)


def _watch(row: Row[*tuple[Any, ...]]) -> Watch:
    """Convert a row of video id, position, watched and time."""
    return Watch(row[1], bool(row[2]), EpochMs(row[3]))


def _row(user_id: int, video_id: int, watch: Watch) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "video_id": video_id,
        "position_ms": watch.position_ms,
        "watched": watch.watched,
        "updated_at_ms": watch.updated_at_ms,
    }


def watchable_videos(caller: Caller) -> list[ColumnElement[bool]]:
    """Return the conditions for videos that a signed-in caller may watch, as `access_level` decides for one."""
    shared = [visibility.value for visibility in watchable_visibilities(caller)]
    allowed = or_(videos.c.owner_id == caller.user_id, videos.c.visibility.in_(shared), shared_videos(caller))
    return [videos.c.deleted_at_ms.is_(None)] if caller.is_admin else [videos.c.deleted_at_ms.is_(None), allowed]
