"""For how long lines of the audit are kept."""

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from streamtime.clock import Clock
from streamtime.database.people_tables import audit
from streamtime.database.transaction import Database, Transaction

DAY_MS = 86_400_000


class AuditRetention:
    """Lets lines go that are older than so many days; with 0 none ever is."""

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._database = database
        self._clock = clock
        self._days = days

    async def has_expired(self) -> bool:
        """Whether there are some."""
        if not self._days:
            return False
        async with self._database.read() as connection:
            return (await connection.execute(select(audit.c.id).where(self._expired()).limit(1))).first() is not None

    async def delete_expired(self) -> int:
        """Delete them; how many."""
        if not self._days:
            return 0
        statement = delete(audit).where(self._expired())

        async def body(tx: Transaction) -> int:
            return (await tx.execute(statement)).rowcount

        return await self._database.write(body)

    def _expired(self) -> ColumnElement[bool]:
        """Old by its time, and before all that is not: what a clock wrote that stood wrong stays with what was then."""
        kept_since_ms = self._clock.now_ms() - self._days * DAY_MS
        first_kept = select(func.min(audit.c.id)).where(audit.c.happened_at_ms >= kept_since_ms).scalar_subquery()
        before = or_(audit.c.id < first_kept, first_kept.is_(None))
        return and_(audit.c.happened_at_ms < kept_since_ms, before)
