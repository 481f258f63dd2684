"""Jobs as rows: put in, claimed, finished, given back. It decides nothing about when to run them.

What is to be done, what is being done, and what has failed lately, for people to look at. It changes nothing.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, and_, case, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError

from streamtime.clock import Clock
from streamtime.database.tables import jobs
from streamtime.database.transaction import Database, Transaction
from streamtime.jobs.job import Failure, Job

LEASE_MS = 60_000
"""How long a claim holds without a heartbeat."""

FAIRNESS_WINDOW_MS = 24 * 3600 * 1000
"""What was done for somebody longer ago than this is forgotten when turns are taken."""

ACTIVE = ("queued", "running")


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many jobs of a kind are in a state, and since when the oldest of them waits."""

    kind: str
    state: str
    count: int
    oldest_created_at_ms: int


class JobQueue:
    """All jobs, durable."""

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
        """Add a job, unless one with the same `dedup_key` (kind and subject, if not given) is active already.

        Jobs of equal priority with different `fair_key`s take turns; see `claim`.
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
            return  # the unique index over active jobs: it is on its way
        tx.after_commit(self.on_enqueue)

    async def cancel(self, tx: Transaction, subject: str, *, kinds: Collection[str] | None = None) -> bool:
        """Take the active jobs of a subject out, all or those of some kinds; whether there were any.

        Attempts under way are ended after the commit.
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
        """Let the waiting jobs of a subject be due now, whatever pause an earlier attempt has earned them."""
        waiting = update(jobs).where(jobs.c.subject == subject, jobs.c.state == "queued")
        await tx.execute(waiting.values(run_after_ms=self._clock.now_ms()))
        tx.after_commit(self.on_enqueue)

    async def claim(self, kinds: Collection[str], *, max_weight: int | None = None) -> Job | None:
        """Take the most urgent job of these kinds, or None where none is due, or it is heavier than `room`.

        Among equally urgent ones that goes first whose `fair_key` has the fewest jobs of these kinds under way, then
        the one whose jobs took the least time of late, then the oldest. Nothing lighter goes past one that waits for
        room: it would wait for ever.
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
                return None  # an idle pool takes no write lock
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
        """When the next queued job of these kinds may run, or None where none is queued."""
        query = select(func.min(jobs.c.run_after_ms)).where(jobs.c.state == "queued", jobs.c.kind.in_(kinds))
        async with self._database.read() as connection:
            due: int | None = (await connection.execute(query)).scalar_one()
            return due

    async def due_kinds(self) -> set[str]:
        """The kinds of which a queued job may run now."""
        query = select(jobs.c.kind).distinct().where(
            jobs.c.state == "queued", jobs.c.run_after_ms <= self._clock.now_ms()
        )  # fmt: skip
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def heartbeat(self, ids: Collection[int]) -> None:
        """Say that these are being worked on."""
        statement = update(jobs).where(jobs.c.id.in_(ids), jobs.c.state == "running")

        async def body(tx: Transaction) -> None:
            await tx.execute(statement.values(lease_until_ms=self._clock.now_ms() + LEASE_MS))

        if ids:
            await self._database.write(body)

    async def finish(self, job: Job) -> None:
        """The job is done, unless its handler has said so already."""
        await self._database.write(lambda tx: self.complete(tx, job))

    async def complete(self, tx: Transaction, job: Job) -> None:
        """The job is done, together with what else the transaction says: the next one may begin at its commit."""
        await self._finish(tx, job, "done", None)

    async def fail(self, job: Job, failure: Failure, on_failed: Callable[[Transaction], Awaitable[None]]) -> None:
        """The job is given up; `mark` tells its subject so in the same transaction, unless it was cancelled."""

        async def body(tx: Transaction) -> None:
            if await self._finish(tx, job, "failed", failure):
                await on_failed(tx)

        await self._database.write(body)

    async def requeue(
        self, job: Job, *, delay_ms: int = 0, counts: bool = False, failure: Failure | None = None
    ) -> None:
        """Queue the job again. Unless `counts`, the attempt is forgotten: it was not the job's fault."""
        later = self._clock.now_ms() + delay_ms if delay_ms else jobs.c.run_after_ms  # else it keeps its place
        statement = (
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state == "running")
            .values(
                state="queued",
                attempt=job.attempt if counts else job.attempt - 1,
                run_after_ms=later,
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
        """Queue what earlier processes were working on when they died. Called once, under the server's lock.

        The attempt counts: perhaps it was this very job that took the process down.
        """
        return await self._requeue(jobs.c.state == "running")

    async def requeue_expired(self, *, running: Collection[int] = ()) -> int:
        """Queue what runs by its row and holds no lease any more: its end could not be written down.

        `running` are the ids of what does run; it stays, whatever the clock says of its lease.
        """
        lapsed = jobs.c.lease_until_ms < self._clock.now_ms()
        return await self._requeue(and_(jobs.c.state == "running", lapsed, jobs.c.id.not_in(running)))

    async def depths(self) -> list[QueueDepth]:
        """How many jobs of each kind wait or run."""
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
    """What each `fair_key` has under way, and how long its jobs have been worked on of late."""
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
