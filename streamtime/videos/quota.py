"""Storage quotas: usage per owner, and space reserved for uploads. Sums are computed from rows, so they can't drift.

An owner is charged for all objects that are not pending deletion, the trash included, and for unfinished uploads: their
full length, or the received bytes once the reservation has expired.

A reservation expires some time after the last received byte. The received bytes and the offset stay, and resuming the
upload reserves again. Whether a reservation is active follows from its row and the current time.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, case, func, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.tables.sharing import upload_requests
from streamtime.database.tables.storage import objects
from streamtime.database.tables.videos import rendition_parts, renditions, stills, uploads, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NoSpace, TooLarge
from streamtime.formatting import size_text
from streamtime.translation import gettext, gettext_noop

UNFINISHED = uploads.c.finished_at_ms.is_(None)


@dataclass(frozen=True, slots=True)
class ReservationTimeouts:
    """How long space stays reserved, in milliseconds: after the last byte, and before the first one."""

    idle_ms: int
    first_byte_ms: int


@dataclass(frozen=True, slots=True)
class ReservationTotals:
    """Reserved bytes: of all uploads, and of those by members and upload requests, which share a limit."""

    total: int
    shared: int


@dataclass(frozen=True, slots=True)
class ReservationSummary:
    """The reservations of one owner, or of one of their upload requests (`drop_id`)."""

    owner_id: int
    owner: str
    drop_id: int | None
    label: str
    """Label of the upload request."""
    received: bool
    """Whether bytes were received; uploads without any are summed separately."""
    uploads: int
    pending_bytes: int
    """Reserved bytes."""
    received_bytes: int


class Reservations:
    """Sums and releases reservations."""

    def __init__(self, database: Database, clock: Clock, timeouts: ReservationTimeouts) -> None:
        self._database = database
        self._clock = clock
        self._timeouts = timeouts

    def is_active(self) -> ColumnElement[bool]:
        """Return the condition for rows of `uploads` with an active reservation.

        A start far in the future comes from a wrong clock and does not count.
        """
        now = self._clock.now_ms()
        term = case((uploads.c.offset_bytes > 0, self._timeouts.idle_ms), else_=self._timeouts.first_byte_ms)
        since = uploads.c.reserved_at_ms
        return and_(UNFINISHED, since.is_not(None), since > now - term, since <= now + term)

    def charged_bytes(self) -> ColumnElement[int]:
        """Return the bytes charged to the owner of an unfinished upload."""
        return case((self.is_active(), uploads.c.length_bytes), else_=uploads.c.offset_bytes)

    async def totals(self, tx: Transaction) -> ReservationTotals:
        """Return the bytes reserved now."""
        pending = uploads.c.length_bytes - uploads.c.offset_bytes
        by_admin = and_(users.c.role == "admin", uploads.c.drop_id.is_(None))
        query = (
            select(
                func.coalesce(func.sum(pending), 0).label("total"),
                func.coalesce(func.sum(case((by_admin, 0), else_=pending)), 0).label("shared"),
            )
            .join_from(uploads, users, uploads.c.owner_id == users.c.id)
            .where(self.is_active())
        )
        row = (await tx.execute(query)).one()
        return ReservationTotals(row.total, row.shared)

    async def active(self) -> list[ReservationSummary]:
        """Return active reservations by owner and upload request: those without received bytes first, then by size."""
        async with self._database.read() as connection:
            return await self._active(connection)

    async def _active(self, connection: AsyncConnection) -> list[ReservationSummary]:
        received = (uploads.c.offset_bytes > 0).label("received")
        pending = func.sum(uploads.c.length_bytes - uploads.c.offset_bytes).label("pending_bytes")
        query = (
            select(
                uploads.c.owner_id, users.c.name.label("owner"), uploads.c.drop_id,
                func.coalesce(upload_requests.c.label, "").label("label"), received, func.count().label("uploads"),
                pending, func.sum(uploads.c.offset_bytes).label("received_bytes"),
            )
            .join_from(uploads, users, uploads.c.owner_id == users.c.id)
            .outerjoin(upload_requests, upload_requests.c.id == uploads.c.drop_id)
            .where(self.is_active())
            .group_by(uploads.c.owner_id, uploads.c.drop_id, received)
            .order_by(received, pending.desc())
        )  # fmt: skip
        rows = (await connection.execute(query)).mappings()
        return [ReservationSummary(**{**row, "received": bool(row["received"])}) for row in rows]

    async def release(self, tx: Transaction, owner_id: int, drop_id: int | None, *, received: bool) -> int:
        """Release the reservations of one `ReservationSummary` and return their number.

        An upload that receives more bytes reserves space again.
        """
        in_summary = and_(
            uploads.c.owner_id == owner_id,
            uploads.c.drop_id.is_(None) if drop_id is None else uploads.c.drop_id == drop_id,
            uploads.c.offset_bytes > 0 if received else uploads.c.offset_bytes == 0,
        )
        done = await tx.execute(update(uploads).where(in_summary, self.is_active()).values(reserved_at_ms=None))
        return done.rowcount


class QuotaExceeded(TooLarge):
    """The upload exceeds its owner's quota."""

    code = "quota"


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """Bytes used, bytes charged for unfinished uploads (`reserved`), and the quota of a user; None for no limit."""

    used: int
    reserved: int
    limit: int | None
    is_admin: bool

    @property
    def remaining(self) -> int | None:
        """Bytes left; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)


@dataclass(frozen=True, slots=True)
class Usage:
    """The storage of a user by kind of object, in bytes. Objects of videos in the trash count as `trash` only."""

    owner: str
    originals: int
    renditions: int
    stills: int
    trash: int
    unfinished: int
    """Unfinished uploads: their full length, or the received bytes if the reservation has expired."""
    videos: int
    limit: int | None

    @property
    def total(self) -> int:
        """The sum of all kinds."""
        return self.originals + self.renditions + self.stills + self.trash + self.unfinished


SHOWN_LARGEST = 10
"""How many of the largest videos a page of usage lists."""


@dataclass(frozen=True, slots=True)
class LargeVideo:
    """A video and the size of all its objects."""

    public_id: str
    title: str
    owner: str
    length_bytes: int


@dataclass(frozen=True, slots=True)
class SpaceRequest:
    """A request to reserve space for the remaining bytes of an upload."""

    owner_id: int
    length_bytes: int
    via_upload_request: bool
    """Whether it is made through an upload request, by any owner."""


SHARED_DIVISOR = 2
"""Members and upload requests together may reserve the free space divided by this."""


class StorageUsage:
    """Sums the storage of users and videos, and checks quotas."""

    def __init__(self, database: Database, reservations: Reservations, *, quota_bytes: int) -> None:
        self._database = database
        self._reservations = reservations
        self.default_quota_bytes = quota_bytes

    async def quota_usage(self, owner_id: int) -> QuotaUsage:
        """Return usage and limit of a user."""
        async with self._database.read() as connection:
            return await self._quota_usage(connection, owner_id)

    async def reserve(self, tx: Transaction, request: SpaceRequest, free: Callable[[], Awaitable[int]]) -> None:
        """Check that an upload may reserve space in this transaction. `free` returns the usable bytes of the disk.

        The transaction holds the write lock, so concurrent reservations are seen. `free` is called within it: bytes
        received meanwhile can only make the result smaller.

        Raises:
            QuotaExceeded: the request exceeds the owner's quota.
            NoSpace: the disk has no room for it beside the existing reservations.
        """
        usage = await self._quota_usage(tx, request.owner_id)
        if usage.remaining is not None and request.length_bytes > usage.remaining:
            raise _over_quota(usage, request.length_bytes)
        free_bytes = max(0, await free())
        reserved = await self._reservations.totals(tx)
        left = max(0, free_bytes - reserved.total)
        shared = request.via_upload_request or not usage.is_admin
        if shared:
            left = max(0, min(left, free_bytes // SHARED_DIVISOR - reserved.shared))
        if request.length_bytes > left:
            raise _no_space(left, request.length_bytes, shared=shared)

    async def usage_of(self, owner_id: int) -> Usage:
        """Return the storage of one user."""
        return (await self._usages(users.c.id == owner_id))[0]

    async def usages(self) -> list[Usage]:
        """Return the storage of all users, largest first."""
        return sorted(await self._usages(users.c.deleted_at_ms.is_(None)), key=lambda usage: -usage.total)

    async def bytes_by_video(self, video_ids: Collection[int]) -> dict[int, int]:
        """Return the size of all objects of these videos, by row id."""
        owned = _video_objects().subquery()
        query = (
            select(owned.c.video_id, _sum(objects.c.bytes))
            .join_from(owned, objects, owned.c.object_id == objects.c.id)
            .where(owned.c.video_id.in_(video_ids), _NOT_PENDING_DELETION)
            .group_by(owned.c.video_id)
        )
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def largest(self, owner_id: int | None, *, limit: int) -> list[LargeVideo]:
        """Return the largest videos of one owner, or of all, without those in the trash."""
        owned = _video_objects().subquery()
        total, shown = _sum(objects.c.bytes), videos.alias("shown")
        query = (
            select(shown.c.public_id, shown.c.title, users.c.name, total)
            .join_from(owned, objects, owned.c.object_id == objects.c.id)
            .join(videos, videos.c.id == owned.c.video_id)
            .join(shown, shown.c.id == func.coalesce(videos.c.version_of, videos.c.id))
            .join(users, users.c.id == videos.c.owner_id)
            .where(_NOT_PENDING_DELETION, videos.c.deleted_at_ms.is_(None), shown.c.deleted_at_ms.is_(None))
            .group_by(shown.c.id)
            .order_by(total.desc(), shown.c.id)
            .limit(limit)
        )
        if owner_id is not None:
            query = query.where(videos.c.owner_id == owner_id)
        async with self._database.read() as connection:
            return [LargeVideo(*row) for row in await connection.execute(query)]

    async def _quota_usage(self, connection: Transaction | AsyncConnection, owner_id: int) -> QuotaUsage:
        used = select(_sum(objects.c.bytes)).where(objects.c.owner_id == owner_id, _NOT_PENDING_DELETION)
        charged = self._reservations.charged_bytes()
        reserved = select(_sum(charged)).where(uploads.c.owner_id == owner_id, UNFINISHED)
        sums = used.scalar_subquery().label("used"), reserved.scalar_subquery().label("reserved")
        query = select(*sums, users.c.quota_bytes, users.c.role).where(users.c.id == owner_id)
        row = (await connection.execute(query)).one()
        return QuotaUsage(row.used, row.reserved, self._limit(row.quota_bytes), is_admin=row.role == "admin")

    async def _usages(self, condition: ColumnElement[bool]) -> list[Usage]:
        async with self._database.read() as connection:
            by_owner = {row.owner_id: row for row in await connection.execute(_by_kind())}
            unfinished = {row[0]: row[1] for row in await connection.execute(self._unfinished())}
            counts = {row[0]: row[1] for row in await connection.execute(_counts())}
            query = select(users.c.id, users.c.name, users.c.quota_bytes).where(condition)
            owners = (await connection.execute(query)).all()
        return [
            Usage(
                owner=name,
                originals=by_owner[owner_id].originals if owner_id in by_owner else 0,
                renditions=by_owner[owner_id].renditions if owner_id in by_owner else 0,
                stills=by_owner[owner_id].stills if owner_id in by_owner else 0,
                trash=by_owner[owner_id].trash if owner_id in by_owner else 0,
                unfinished=unfinished.get(owner_id, 0),
                videos=counts.get(owner_id, 0),
                limit=self._limit(quota),
            )
            for owner_id, name, quota in owners
        ]

    def _unfinished(self) -> Select[int, int]:
        charged = _sum(self._reservations.charged_bytes())
        return select(uploads.c.owner_id, charged).where(UNFINISHED).group_by(uploads.c.owner_id)

    def _limit(self, quota_bytes: int | None) -> int | None:
        """Return the limit: the user's quota or else the configured default, where 0 means no limit."""
        return (self.default_quota_bytes if quota_bytes is None else quota_bytes) or None


_NOT_PENDING_DELETION = objects.c.state != "doomed"


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


def _video_objects() -> CompoundSelect[int, int]:
    """Select the video id and object id of all objects of videos."""
    shares_original = videos.c.version_kind.is_not(None) & (videos.c.version_kind == "rotate")
    own = [
        select(videos.c.id.label("video_id"), column.label("object_id")).where(column.is_not(None), ~shares_original)
        for column in (videos.c.source_object_id, videos.c.poster_object_id)
    ]
    parts = select(renditions.c.video_id, rendition_parts.c.object_id).join_from(rendition_parts, renditions)
    return union_all(*own, parts, select(stills.c.video_id, stills.c.object_id))


def _by_kind() -> Select[int, int, int, int, int]:
    owned = _video_objects().subquery()
    in_trash = videos.c.deleted_at_ms.is_not(None)

    def of(*kinds: str) -> ColumnElement[int]:
        counted = or_(videos.c.id.is_(None), ~in_trash)
        return _sum(case((counted & objects.c.kind.in_(kinds), objects.c.bytes), else_=0))

    return (
        select(
            objects.c.owner_id,
            of("source").label("originals"),
            of("rendition").label("renditions"),
            of("poster", "storyboard", "preview").label("stills"),
            _sum(case((in_trash, objects.c.bytes), else_=0)).label("trash"),
        )
        .select_from(objects)
        .outerjoin(owned, owned.c.object_id == objects.c.id)
        .outerjoin(videos, videos.c.id == owned.c.video_id)
        .where(_NOT_PENDING_DELETION)
        .group_by(objects.c.owner_id)
    )


def _counts() -> Select[int, int]:
    not_deleted = videos.c.deleted_at_ms.is_(None) & videos.c.version_of.is_(None)
    return select(videos.c.owner_id, func.count()).where(not_deleted).group_by(videos.c.owner_id)


def _over_quota(usage: QuotaUsage, length_bytes: int) -> QuotaExceeded:
    left, limit = usage.remaining or 0, usage.limit or 0
    return QuotaExceeded(
        gettext(
            "This file has %(size)s, and of your %(limit)s there is %(left)s left. Deleting videos for good,"
            " also from the bin, makes room.",
            size=size_text(length_bytes),
            limit=size_text(limit),
            left=size_text(left),
        ),
        facts={
            "limit": limit,
            "used": usage.used,
            "reserved": usage.reserved,
            "left": left,
            "needed": length_bytes,
        },
    )


_SPACE = gettext_noop(
    "The server's disk has room for %(left)s more, and this file needs %(needed)s. An administrator can make room."
)
_SHARED_SPACE = gettext_noop(
    "The server's disk has room for %(left)s more (half of what is free may be reserved at once, except by"
    " administrators), and this file needs %(needed)s. An administrator can make room."
)


def _no_space(left: int, length_bytes: int, *, shared: bool) -> NoSpace:
    return NoSpace(
        gettext(_SHARED_SPACE if shared else _SPACE, left=size_text(left), needed=size_text(length_bytes)),
        facts={"left": left, "needed": length_bytes},
    )
