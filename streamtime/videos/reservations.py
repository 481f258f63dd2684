"""Room that is reserved for uploads: for what of them is still to come, as long as bytes come.

A reservation lapses by itself some time after the last byte. Received bytes and the offset are not touched by that; who
goes on reserves anew. Whether one is in force follows from the row and the time of day, so nothing has to run for it.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.clock import Clock
from streamtime.database.people_tables import drops, users
from streamtime.database.tables import uploads
from streamtime.database.transaction import Database, Transaction

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
