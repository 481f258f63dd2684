"""The durable job queue: jobs are added, claimed under a lease, finished, queued again, and listed for users."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, and_, case, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError

from streamtime.clock import Clock
from streamtime.database.tables.jobs import jobs
from streamtime.database.transaction import Database, Transaction
from streamtime.jobs.job import Failure, Job

LEASE_MS = 60_000
"""How long the lease of a claimed job lasts without a heartbeat."""

FAIRNESS_WINDOW_MS = 24 * 3600 * 1000
"""The period in which the run time of jobs counts for fair scheduling."""

ACTIVE = ("queued", "running")


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The number of jobs of a kind in a state, and the creation time of the oldest."""

    kind: str
    state: str
    count: int
    oldest_created_at_ms: int


class JobQueue:
    """Adds jobs, hands them out and records their outcome."""

    def __init__(self, database: Database, clock: Clock, *, process_id: str) -> None:
        self._database = database
        self._clock = clock
        self._process_id = process_id
        self.on_enqueue: Callable[[], None] = lambda: None
        self.on_cancel: Callable[[Collection[int]], None] = lambda _ids: None

    async def enqueue(
        self,
        tx: Transaction,
        kind: str,
        subject: str,
        *,
        priority: int,
        max_attempts: int = 3,
        dedup_key: str = "",
        fair_key: str = "",
        weight: int = 0,
    ) -> None:
        """Add a job, unless an active one has the same `dedup_key` (by default kind and subject).

        Jobs of equal priority with different `fair_key`s are scheduled fairly; see `claim`.
        """
        now = self._clock.now_ms()
        statement = insert(jobs).values(
            kind=kind,
            subject=subject,
            dedup_key=dedup_key or f"{kind} {subject}",
            state="queued",
            priority=priority,
            weight=weight,
            max_attempts=max_attempts,
            fair_key=fair_key,
            run_after_ms=now,
            created_at_ms=now,
        )
        try:
            await tx.execute(statement)
        except IntegrityError:
            return  # the unique index over active jobs: there is one already
        tx.after_commit(self.on_enqueue)

    async def cancel(self, tx: Transaction, subject: str, *, kinds: Collection[str] | None = None) -> bool:
        """Cancel the active jobs of a subject, all or those of some kinds; returns whether there were any.

        Running attempts are cancelled after the commit.
        """
        chosen = jobs.c.subject == subject if kinds is None else and_(jobs.c.subject == subject, jobs.c.kind.in_(kinds))
        statement = (
            update(jobs)
            .where(chosen, jobs.c.state.in_(ACTIVE))
            .values(state="cancelled", finished_at_ms=self._clock.now_ms(), lease_owner=None, lease_until_ms=None)
            .returning(jobs.c.id)
        )
        ids = list((await tx.execute(statement)).scalars())
        tx.after_commit(lambda: self.on_cancel(ids))
        return bool(ids)

    async def run_now(self, tx: Transaction, subject: str) -> None:
        """Make the queued jobs of a subject due now, without waiting for the delay after a failed attempt."""
        waiting = update(jobs).where(jobs.c.subject == subject, jobs.c.state == "queued")
        await tx.execute(waiting.values(run_after_ms=self._clock.now_ms()))
        tx.after_commit(self.on_enqueue)

    async def claim(self, kinds: Collection[str], *, max_weight: int | None = None) -> Job | None:
        """Claim the most urgent job of these kinds; None if none is due or it is heavier than `max_weight`.

        Among equally urgent jobs the order is: the `fair_key` with the fewest running jobs of these kinds, then the
        one whose jobs ran the least time recently (`FAIRNESS_WINDOW_MS`), then the oldest job. A lighter job does not
        overtake a heavy one that waits for capacity: that could wait forever.
        """
        now = self._clock.now_ms()
        share = _usage_by_key(kinds, now)
        due = (
            select(jobs.c.id)
            .outerjoin(share, share.c.fair_key == jobs.c.fair_key)
            .where(jobs.c.state == "queued", jobs.c.kind.in_(kinds), jobs.c.run_after_ms <= now)
            .order_by(
                jobs.c.priority,
                func.coalesce(share.c.running, 0),
                func.coalesce(share.c.took_ms, 0),
                jobs.c.run_after_ms,
                jobs.c.id,
            )
            .limit(1)
        )
        fits = jobs.c.id == due.scalar_subquery()
        if max_weight is not None:
            fits = and_(fits, jobs.c.weight <= max_weight)
        async with self._database.read() as connection:
            if (await connection.execute(select(jobs.c.id).where(fits))).first() is None:
                return None  # an idle pool must not take the write lock
        statement = (
            update(jobs)
            .where(fits)
            .values(
                state="running",
                attempt=jobs.c.attempt + 1,
                lease_owner=self._process_id,
                lease_until_ms=now + LEASE_MS,
                started_at_ms=now,
            )
            .returning(jobs)
        )

        async def body(tx: Transaction) -> Job | None:
            row = (await tx.execute(statement)).mappings().first()
            return _job(row) if row else None

        return await self._database.write(body)

    async def next_due_ms(self, kinds: Collection[str]) -> int | None:
        """When the next queued job of these kinds is due, or None if none is queued."""
        query = select(func.min(jobs.c.run_after_ms)).where(jobs.c.state == "queued", jobs.c.kind.in_(kinds))
        async with self._database.read() as connection:
            due: int | None = (await connection.execute(query)).scalar_one()
            return due

    async def due_kinds(self) -> set[str]:
        """The kinds that have a queued job which is due."""
        query = select(jobs.c.kind).distinct().where(
            jobs.c.state == "queued", jobs.c.run_after_ms <= self._clock.now_ms()
        )  # fmt: skip
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def heartbeat(self, ids: Collection[int]) -> None:
        """Renew the leases of these running jobs."""
        statement = update(jobs).where(jobs.c.id.in_(ids), jobs.c.state == "running")

        async def body(tx: Transaction) -> None:
            await tx.execute(statement.values(lease_until_ms=self._clock.now_ms() + LEASE_MS))

        if ids:
            await self._database.write(body)

    async def finish(self, job: Job) -> None:
        """Mark the job as done, unless its handler has completed it already."""
        await self._database.write(lambda tx: self.complete(tx, job))

    async def complete(self, tx: Transaction, job: Job) -> None:
        """Mark the job as done as part of a transaction; after its commit an equal job can be added."""
        await self._finish(tx, job, "done", None)

    async def fail(self, job: Job, failure: Failure, on_failed: Callable[[Transaction], Awaitable[None]]) -> None:
        """Mark the job as failed and call `on_failed` in the same transaction, unless the job was cancelled."""

        async def body(tx: Transaction) -> None:
            if await self._finish(tx, job, "failed", failure):
                await on_failed(tx)

        await self._database.write(body)

    async def requeue(
        self, job: Job, *, delay_ms: int = 0, counts: bool = False, failure: Failure | None = None
    ) -> None:
        """Queue the job again, after a delay; without `counts` the attempt is not counted."""
        run_after = self._clock.now_ms() + delay_ms if delay_ms else jobs.c.run_after_ms  # else it keeps its position
        statement = (
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state == "running")
            .values(
                state="queued",
                attempt=job.attempt if counts else job.attempt - 1,
                run_after_ms=run_after,
                lease_owner=None,
                lease_until_ms=None,
                failure_code=failure.code if failure else None,
                failure_message=failure.message if failure else None,
            )
        )

        async def body(tx: Transaction) -> None:
            await tx.execute(statement)

        await self._database.write(body)

    async def requeue_running(self) -> int:
        """Queue the running jobs of earlier processes again. Called once, under the server's lock.

        The attempt counts, since the job itself may have crashed the process.
        """
        return await self._requeue(jobs.c.state == "running")

    async def requeue_expired(self, *, running: Collection[int] = ()) -> int:
        """Queue running jobs again whose lease has expired, since their outcome could not be written.

        Jobs with an id in `running` do run and are left alone, whatever their lease says.
        """
        expired = jobs.c.lease_until_ms < self._clock.now_ms()
        return await self._requeue(and_(jobs.c.state == "running", expired, jobs.c.id.not_in(running)))

    async def depths(self) -> list[QueueDepth]:
        """The number of queued and running jobs of each kind."""
        query = (
            select(jobs.c.kind, jobs.c.state, func.count(), func.min(jobs.c.created_at_ms))
            .where(jobs.c.state.in_(ACTIVE))
            .group_by(jobs.c.kind, jobs.c.state)
        )
        async with self._database.read() as connection:
            return [QueueDepth(*row) for row in await connection.execute(query)]

    async def _requeue(self, condition: ColumnElement[bool]) -> int:
        statement = update(jobs).where(condition).values(state="queued", lease_owner=None, lease_until_ms=None)

        async def body(tx: Transaction) -> int:
            return int((await tx.execute(statement)).rowcount)

        return await self._database.write(body)

    async def _finish(self, tx: Transaction, job: Job, state: str, failure: Failure | None) -> bool:
        done = await tx.execute(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state == "running")
            .values(
                state=state,
                finished_at_ms=self._clock.now_ms(),
                lease_owner=None,
                lease_until_ms=None,
                failure_code=failure.code if failure else None,
                failure_message=failure.message if failure else None,
            )
        )
        return bool(done.rowcount)


def _usage_by_key(kinds: Collection[str], now: int) -> Subquery:
    """The number of running jobs of each `fair_key`, and the run time of its recent jobs."""
    running = jobs.c.state == "running"
    until = case((running, now), else_=func.coalesce(jobs.c.finished_at_ms, jobs.c.started_at_ms))
    return (
        select(
            jobs.c.fair_key,
            func.sum(case((running, 1), else_=0)).label("running"),
            func.sum(until - jobs.c.started_at_ms).label("took_ms"),
        )
        .where(jobs.c.started_at_ms > now - FAIRNESS_WINDOW_MS, jobs.c.kind.in_(kinds))
        .group_by(jobs.c.fair_key)
        .subquery()
    )


def _job(row: RowMapping) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        weight=row["weight"],
    )


MAX_ROWS = 200
"""The most jobs that a list contains."""


@dataclass(frozen=True, slots=True)
class JobSummary:
    """The state of a job. The failure is that of its latest attempt."""

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
    """Lists jobs for pages and commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> list[JobSummary]:
        """Running jobs, then queued ones in the order of their priority."""
        order = (jobs.c.state.desc(), jobs.c.priority, jobs.c.run_after_ms, jobs.c.id)
        return await self._select(jobs.c.state.in_(ACTIVE), *order)

    async def waiting(self, kinds: tuple[str, ...]) -> list[JobSummary]:
        """The queued jobs of these kinds."""
        return await self._select((jobs.c.state == "queued") & jobs.c.kind.in_(kinds), jobs.c.id)

    async def failed(self, *, since_ms: int) -> list[JobSummary]:
        """The jobs that failed since then, the latest first."""
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
