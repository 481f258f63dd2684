"""The space of the server's disk over the last days, and when it will be full at that pace.

One row a day has the last values of that day, in UTC. Used space is that of everything on the disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from streamtime.clock import Clock
from streamtime.database.tables.storage import disk_days
from streamtime.database.transaction import Database, Transaction
from streamtime.periodic import every
from streamtime.storage.objects.ledger import ObjectLocations
from streamtime.storage.spool import Spool

KEPT_DAYS = 90
RECORD_INTERVAL_S = 3600.0

TREND_DAYS = 30
"""The days whose growth counts."""

LEAST_DAYS = 7
"""Fewer days tell nothing about the growth."""

STEADY = 0.7
"""The share of the variance that a straight line has to explain (its coefficient of determination)."""


@dataclass(frozen=True, slots=True)
class DiskDay:
    """The disk at the end of a day, in bytes. `library_bytes` is what all stored objects take, wherever they are."""

    day: date
    free_bytes: int
    total_bytes: int
    library_bytes: int

    @property
    def used_bytes(self) -> int:
        """The space that is taken by anything."""
        return self.total_bytes - self.free_bytes


class SpaceHistory:
    """Records the space of each day, and returns the last days."""

    def __init__(self, database: Database, locations: ObjectLocations, spool: Spool, clock: Clock) -> None:
        self._database = database
        self._locations = locations
        self._spool = spool
        self._clock = clock

    async def run_forever(self) -> None:
        """Record the space every hour, until cancelled."""
        await every(RECORD_INTERVAL_S, self.record, "space-history")

    async def record(self) -> None:
        """Write the row of today, and delete rows that are too old."""
        now = await self.now()
        values = {
            "free_bytes": now.free_bytes,
            "total_bytes": now.total_bytes,
            "library_bytes": now.library_bytes,
        }
        oldest = (now.day - timedelta(days=KEPT_DAYS - 1)).isoformat()

        async def body(tx: Transaction) -> None:
            statement = insert(disk_days).values(day=now.day.isoformat(), **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["day"], set_=values))
            await tx.execute(delete(disk_days).where(disk_days.c.day < oldest))

        await self._database.write(body)

    async def now(self) -> DiskDay:
        """Return the present values."""
        space = await self._spool.disk_space()
        library = sum(totals.length_bytes for totals in await self._locations.totals_by_store())
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()
        return DiskDay(today, space.free_bytes, space.total_bytes, library)

    async def days(self) -> list[DiskDay]:
        """Return the recorded days, the oldest first, at most `KEPT_DAYS`."""
        query = select(disk_days).order_by(disk_days.c.day.desc()).limit(KEPT_DAYS)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [DiskDay(**{**row, "day": date.fromisoformat(row["day"])}) for row in reversed(rows)]


def full_in_days(days: Sequence[DiskDay]) -> int | None:
    """Return in how many days the disk is full, if its used space grows steadily; None if it does not.

    A straight line is fitted to the last `TREND_DAYS` by least squares.
    """
    if not days:
        return None
    recent = [each for each in days if (days[-1].day - each.day).days < TREND_DAYS]
    points = [((each.day - recent[0].day).days, each.used_bytes) for each in recent]
    if len(points) < LEAST_DAYS:
        return None
    middle_x, middle_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread_x = sum((x - middle_x) ** 2 for x, _ in points)
    spread_y = sum((y - middle_y) ** 2 for _, y in points)
    together = sum((x - middle_x) * (y - middle_y) for x, y in points)
    if together <= 0 or together**2 / (spread_x * spread_y) < STEADY:
        return None
    return int(days[-1].free_bytes / (together / spread_x))
