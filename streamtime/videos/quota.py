"""What uses how much, and whether there is room for more: added up from the rows each time, so it cannot drift.

What somebody uses is every object of theirs that is not doomed, with the bin, and of uploads that are not complete the
announced length, or what has arrived where the reservation has lapsed (`reservations.py`). It knows nothing of files:
how much a disk has left is told to it.

Room that is reserved for uploads: for what of them is still to come, as long as bytes come.

A reservation lapses by itself some time after the last byte. Received bytes and the offset are not touched by that; who
goes on reserves anew. Whether one is in force follows from the row and the time of day, so nothing has to run for it.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, case, func, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.clock import Clock
from streamtime.database.people_tables import drops, users
from streamtime.database.tables import objects, rendition_parts, renditions, stills, uploads, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NoSpace, TooLarge
from streamtime.formatting import size_text

UNFINISHED = uploads.c.finished_at_ms.is_(None)


@dataclass(frozen=True, slots=True)
class ReservationTimeouts:
    """How long room stays reserved, in milliseconds: after the last byte, and where no byte has come."""

    idle_ms: int
    first_byte_ms: int


@dataclass(frozen=True, slots=True)
class ReservationTotals:
    """Bytes that are still to come: of all reservations, and of those that members and links for sending share."""

    total: int
    shared: int


@dataclass(frozen=True, slots=True)
class ReservationSummary:
    """What is reserved for one person, or for one link for sending of theirs (`drop_id`)."""

    owner_id: int
    owner: str
    drop_id: int | None
    label: str
    """Of the link."""
    received: bool
    """Whether any of it has arrived: those of which nothing has are told apart."""
    uploads: int
    pending_bytes: int
    """Bytes that are reserved."""
    received_bytes: int


class Reservations:
    """Reads and ends them."""

    def __init__(self, database: Database, clock: Clock, timeouts: ReservationTimeouts) -> None:
        self._database = database
        self._clock = clock
        self._timeouts = timeouts

    def is_active(self) -> ColumnElement[bool]:
        """Whether a row of `uploads` has room reserved at this moment.

        A time far in the future was written by a clock that was wrong, and does not count either.
        """
        now = self._clock.now_ms()
        term = case((uploads.c.offset_bytes > 0, self._timeouts.idle_ms), else_=self._timeouts.first_byte_ms)
        since = uploads.c.reserved_at_ms
        return and_(UNFINISHED, since.is_not(None), since > now - term, since <= now + term)

    def charged_bytes(self) -> ColumnElement[int]:
        """What an unfinished upload counts for its owner."""
        return case((self.is_active(), uploads.c.length_bytes), else_=uploads.c.offset_bytes)

    async def totals(self, tx: Transaction) -> ReservationTotals:
        """What is reserved at this moment."""
        to_come = uploads.c.length_bytes - uploads.c.offset_bytes
        own = and_(users.c.role == "admin", uploads.c.drop_id.is_(None))
        query = (
            select(
                func.coalesce(func.sum(to_come), 0).label("total"),
                func.coalesce(func.sum(case((own, 0), else_=to_come)), 0).label("shared"),
            )
            .join_from(uploads, users, uploads.c.owner_id == users.c.id)
            .where(self.is_active())
        )
        row = (await tx.execute(query)).one()
        return ReservationTotals(row.total, row.shared)

    async def active(self) -> list[ReservationSummary]:
        """What is reserved at this moment, by person and link; first that of which nothing has come, the most first."""
        async with self._database.read() as connection:
            return await self._active(connection)

    async def _active(self, connection: AsyncConnection) -> list[ReservationSummary]:
        received = (uploads.c.offset_bytes > 0).label("received")
        to_come = func.sum(uploads.c.length_bytes - uploads.c.offset_bytes).label("pending_bytes")
        query = (
            select(
                uploads.c.owner_id, users.c.name.label("owner"), uploads.c.drop_id,
                func.coalesce(drops.c.label, "").label("label"), received, func.count().label("uploads"), to_come,
                func.sum(uploads.c.offset_bytes).label("received_bytes"),
            )
            .join_from(uploads, users, uploads.c.owner_id == users.c.id)
            .outerjoin(drops, drops.c.id == uploads.c.drop_id)
            .where(self.is_active())
            .group_by(uploads.c.owner_id, uploads.c.drop_id, received)
            .order_by(received, to_come.desc())
        )  # fmt: skip
        rows = (await connection.execute(query)).mappings()
        return [ReservationSummary(**{**row, "received": bool(row["received"])}) for row in rows]

    async def release(self, tx: Transaction, owner_id: int, drop_id: int | None, *, received: bool) -> int:
        """End the reservations of one line of `open`; how many there were. One that is sent to reserves anew."""
        of_line = and_(
            uploads.c.owner_id == owner_id,
            uploads.c.drop_id.is_(None) if drop_id is None else uploads.c.drop_id == drop_id,
            uploads.c.offset_bytes > 0 if received else uploads.c.offset_bytes == 0,
        )
        done = await tx.execute(update(uploads).where(of_line, self.is_active()).values(reserved_at_ms=None))
        return done.rowcount


class QuotaExceeded(TooLarge):
    """It would take more than its owner may have."""

    code = "quota"


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """What somebody uses (`used`), what their unfinished uploads will add (`reserved`), and what they may (`limit`)."""

    used: int
    reserved: int
    limit: int | None
    is_admin: bool

    @property
    def remaining(self) -> int | None:
        """What may still be added; None where there is no limit."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)


@dataclass(frozen=True, slots=True)
class Usage:
    """What somebody's files take, by what they are, in bytes. Those of videos in the bin are in `bin` alone."""

    owner: str
    originals: int
    renditions: int
    stills: int
    trash: int
    unfinished: int
    """Of uploads that are not complete: the announced length, or what has arrived where nothing more is reserved."""
    videos: int
    limit: int | None

    @property
    def total(self) -> int:
        """All of it."""
        return self.originals + self.renditions + self.stills + self.trash + self.unfinished


@dataclass(frozen=True, slots=True)
class LargeVideo:
    """One video and the bytes of all its files."""

    public_id: str
    title: str
    owner: str
    length_bytes: int


@dataclass(frozen=True, slots=True)
class SpaceRequest:
    """Room that an upload asks for: the bytes of it that are still to come."""

    owner_id: int
    length_bytes: int
    via_upload_request: bool
    """By a link for sending, whoever's it is."""


SHARED_DIVISOR = 2
"""Members and links for sending may reserve the free space divided by this, all together."""


class StorageUsage:
    """Adds up."""

    def __init__(self, database: Database, reservations: Reservations, *, quota_bytes: int) -> None:
        self._database = database
        self._reservations = reservations
        self._quota_bytes = quota_bytes

    async def quota_usage(self, owner_id: int) -> QuotaUsage:
        """How somebody stands at this moment."""
        async with self._database.read() as connection:
            return await self._quota_usage(connection, owner_id)

    async def reserve(self, tx: Transaction, request: SpaceRequest, free: Callable[[], Awaitable[int]]) -> None:
        """Let an upload reserve room in this transaction, or raise. `free` tells how many bytes its disk can spare.

        The transaction has the write lock, so what another upload has reserved is seen, however close the two are. The
        disk is asked inside it: bytes that arrive meanwhile can only make the answer smaller.

        Raises:
            QuotaExceeded: its owner may not have so much.
            NoSpace: the disk has no room for it and for what others still send.
        """
        standing = await self._quota_usage(tx, request.owner_id)
        if standing.remaining is not None and request.length_bytes > standing.remaining:
            raise _over_quota(standing, request.length_bytes)
        free_bytes = max(0, await free())
        reserved = await self._reservations.totals(tx)
        left = max(0, free_bytes - reserved.total)
        shared = request.via_upload_request or not standing.is_admin
        if shared:
            left = max(0, min(left, free_bytes // SHARED_DIVISOR - reserved.shared))
        if request.length_bytes > left:
            raise _no_space(left, request.length_bytes, shared=shared)

    async def usage_of(self, owner_id: int) -> Usage:
        """What somebody's files take."""
        return (await self._usages(users.c.id == owner_id))[0]

    async def usages(self) -> list[Usage]:
        """What the files of everybody take, the largest users first."""
        return sorted(await self._usages(users.c.deleted_at_ms.is_(None)), key=lambda usage: -usage.total)

    async def bytes_by_video(self, video_ids: Collection[int]) -> dict[int, int]:
        """What the files of these videos take, by row id."""
        held = _video_objects().subquery()
        query = (
            select(held.c.video_id, _sum(objects.c.bytes))
            .join_from(held, objects, held.c.object_id == objects.c.id)
            .where(held.c.video_id.in_(video_ids), _KEPT)
            .group_by(held.c.video_id)
        )
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def largest(self, owner_id: int | None, *, limit: int) -> list[LargeVideo]:
        """The videos that take most, of one owner or of all; those in the bin are not among them."""
        held = _video_objects().subquery()
        total = _sum(objects.c.bytes)
        query = (
            select(videos.c.public_id, videos.c.title, users.c.name, total)
            .join_from(held, objects, held.c.object_id == objects.c.id)
            .join(videos, videos.c.id == held.c.video_id)
            .join(users, users.c.id == videos.c.owner_id)
            .where(_KEPT, videos.c.deleted_at_ms.is_(None))
            .group_by(videos.c.id)
            .order_by(total.desc(), videos.c.id)
            .limit(limit)
        )
        if owner_id is not None:
            query = query.where(videos.c.owner_id == owner_id)
        async with self._database.read() as connection:
            return [LargeVideo(*row) for row in await connection.execute(query)]

    async def _quota_usage(self, connection: Transaction | AsyncConnection, owner_id: int) -> QuotaUsage:
        used = select(_sum(objects.c.bytes)).where(objects.c.owner_id == owner_id, _KEPT)
        counted = self._reservations.charged_bytes()
        reserved = select(_sum(counted)).where(uploads.c.owner_id == owner_id, UNFINISHED)
        sums = used.scalar_subquery().label("used"), reserved.scalar_subquery().label("reserved")
        query = select(*sums, users.c.quota_bytes, users.c.role).where(users.c.id == owner_id)
        row = (await connection.execute(query)).one()
        return QuotaUsage(row.used, row.reserved, self._limit(row.quota_bytes), is_admin=row.role == "admin")

    async def _usages(self, whose: ColumnElement[bool]) -> list[Usage]:
        async with self._database.read() as connection:
            kept = {row.owner_id: row for row in await connection.execute(_by_kind())}
            unfinished = {row[0]: row[1] for row in await connection.execute(self._unfinished())}
            counts = {row[0]: row[1] for row in await connection.execute(_counts())}
            people = (
                await connection.execute(select(users.c.id, users.c.name, users.c.quota_bytes).where(whose))
            ).all()
        return [
            Usage(
                owner=name,
                originals=kept[owner_id].originals if owner_id in kept else 0,
                renditions=kept[owner_id].renditions if owner_id in kept else 0,
                stills=kept[owner_id].stills if owner_id in kept else 0,
                trash=kept[owner_id].binned if owner_id in kept else 0,
                unfinished=unfinished.get(owner_id, 0),
                videos=counts.get(owner_id, 0),
                limit=self._limit(quota),
            )
            for owner_id, name, quota in people
        ]

    def _unfinished(self) -> Select[int, int]:
        counted = _sum(self._reservations.charged_bytes())
        return select(uploads.c.owner_id, counted).where(UNFINISHED).group_by(uploads.c.owner_id)

    def _limit(self, quota_bytes: int | None) -> int | None:
        """Nothing written down is the configured default, and 0 of either is no limit."""
        return (self._quota_bytes if quota_bytes is None else quota_bytes) or None


_KEPT = objects.c.state != "doomed"


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


def _video_objects() -> CompoundSelect[int, int]:
    """Which video holds which object."""
    own = [
        select(videos.c.id.label("video_id"), column.label("object_id")).where(column.is_not(None))
        for column in (videos.c.source_object_id, videos.c.poster_object_id)
    ]
    parts = select(renditions.c.video_id, rendition_parts.c.object_id).join_from(rendition_parts, renditions)
    return union_all(*own, parts, select(stills.c.video_id, stills.c.object_id))


def _by_kind() -> Select[int, int, int, int, int]:
    held = _video_objects().subquery()
    binned = videos.c.deleted_at_ms.is_not(None)

    def of(*kinds: str) -> ColumnElement[int]:
        here = or_(videos.c.id.is_(None), ~binned)
        return _sum(case((here & objects.c.kind.in_(kinds), objects.c.bytes), else_=0))

    return (
        select(
            objects.c.owner_id,
            of("source").label("originals"),
            of("rendition").label("renditions"),
            of("poster", "storyboard", "preview").label("stills"),
            _sum(case((binned, objects.c.bytes), else_=0)).label("binned"),
        )
        .select_from(objects)
        .outerjoin(held, held.c.object_id == objects.c.id)
        .outerjoin(videos, videos.c.id == held.c.video_id)
        .where(_KEPT)
        .group_by(objects.c.owner_id)
    )


def _counts() -> Select[int, int]:
    kept = videos.c.deleted_at_ms.is_(None)
    return select(videos.c.owner_id, func.count()).where(kept).group_by(videos.c.owner_id)


def _over_quota(usage: QuotaUsage, length_bytes: int) -> QuotaExceeded:
    left, limit = usage.remaining or 0, usage.limit or 0
    return QuotaExceeded(
        f"This file has {size_text(length_bytes)}, and of your {size_text(limit)} there is {size_text(left)} left. "
        "Deleting videos for good, also from the bin, makes room.",
        facts={
            "limit": limit,
            "used": usage.used,
            "reserved": usage.reserved,
            "left": left,
            "needed": length_bytes,
        },
    )


def _no_space(left: int, length_bytes: int, *, shared: bool) -> NoSpace:
    part = " (half of what is free may be reserved at once, except by administrators)" if shared else ""
    return NoSpace(
        f"The server's disk has room for {size_text(left)} more{part}, and this file needs {size_text(length_bytes)}. "
        "Whoever runs the server can make room.",
        facts={"left": left, "needed": length_bytes},
    )
