"""What is to be done, what is being done, and what has failed lately, for people to look at. It changes nothing."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import RowMapping

from streamtime.database.tables import jobs
from streamtime.database.transaction import Database
from streamtime.jobs.queue import ACTIVE

MAX_ROWS = 200
"""Rows of one look: who has more waiting sees those that come first."""


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One job as it stands. The failure is that of its latest attempt, or what it waits for."""

    id: int
    kind: str
    subject: str
    state: str
    attempt: int
    max_attempts: int
    weight: int
    created_at_ms: int
    started_at_ms: int | None
    finished_at_ms: int | None
    run_after_ms: int
    failure_code: str | None
    failure_message: str | None


class JobOverview:
    """Reads the queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> list[JobSummary]:
        """What runs, then what waits, in the order in which it is its turn."""
        turn = (jobs.c.state.desc(), jobs.c.priority, jobs.c.run_after_ms, jobs.c.id)
        return await self._select(jobs.c.state.in_(ACTIVE), *turn)

    async def waiting(self, kinds: tuple[str, ...]) -> list[JobSummary]:
        """What waits, of these kinds."""
        return await self._select((jobs.c.state == "queued") & jobs.c.kind.in_(kinds), jobs.c.id)

    async def failed(self, *, since_ms: int) -> list[JobSummary]:
        """What was given up since then, the latest first."""
        recent = (jobs.c.state == "failed") & (jobs.c.finished_at_ms >= since_ms)
        return await self._select(recent, jobs.c.finished_at_ms.desc())

    async def _select(self, condition: ColumnElement[bool], *order: ColumnElement[object]) -> list[JobSummary]:
        query = select(jobs).where(condition).order_by(*order).limit(MAX_ROWS)
        async with self._database.read() as connection:
            return [_summary(row) for row in (await connection.execute(query)).mappings()]


def _summary(row: RowMapping) -> JobSummary:
    return JobSummary(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        state=row["state"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        weight=row["weight"],
        created_at_ms=row["created_at_ms"],
        started_at_ms=row["started_at_ms"],
        finished_at_ms=row["finished_at_ms"],
        run_after_ms=row["run_after_ms"],
        failure_code=row["failure_code"],
        failure_message=row["failure_message"],
    )
