"""The queue and its pool, on a real database: order, one at a time, retries, cancel, restart, and lanes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, select, update

from streamtime.clock import SystemClock
from streamtime.database.migrate import migrate
from streamtime.database.tables.jobs import jobs
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NoSpace, Unavailable
from streamtime.jobs import pool as pool_module
from streamtime.jobs.job import AttemptFailed, Failure, Job, QueueConfig
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobQueue
from streamtime.periodic import FAILURES

CLOCK = SystemClock()


class Work:
    """A handler that does what the test says, and remembers."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.given_up: list[tuple[str, str]] = []
        self.failures: list[Exception] = []
        self.hold: asyncio.Event | None = None
        self.cancelled = 0

    async def run(self, job: Job) -> None:
        self.ran.append(job.subject)
        if self.failures:
            raise self.failures.pop(0)
        if self.hold is not None:
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        del tx
        self.given_up.append((job.subject, failure.code))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "BACKOFF_MS", (1, 1))
    monkeypatch.setattr(pool_module, "UNAVAILABLE_RETRY_MS", 1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=CLOCK.now_ms())
    opened = Database(path)
    yield opened
    await opened.close()


def queue_on(database: Database) -> JobQueue:
    return JobQueue(database, CLOCK, process_id="test")


async def put(database: Database, queue: JobQueue, kind: str, subject: str, priority: int = 10) -> None:
    async def body(tx: Transaction) -> None:
        await queue.enqueue(tx, kind, subject, priority=priority)

    await database.write(body)


async def states(database: Database) -> dict[str, str]:
    async with database.read() as connection:
        rows = await connection.execute(select(jobs.c.subject, jobs.c.state).order_by(jobs.c.id))
        return {row.subject: row.state for row in rows}


async def until(database: Database, subject: str, state: str) -> None:
    async with asyncio.timeout(60):
        while (await states(database)).get(subject) != state:
            await asyncio.sleep(0.01)


async def test_the_urgent_goes_first_and_each_runs_once(database: Database) -> None:
    queue, work = queue_on(database), Work()
    await put(database, queue, "work", "later", priority=20)
    await put(database, queue, "work", "first", priority=1)
    await put(database, queue, "work", "first", priority=1)  # the same again while it waits: one job
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await until(database, "later", "done")
    await pool.stop(grace_s=1)
    assert work.ran == ["first", "later"]


async def test_retries_with_pauses_then_gives_up_and_says_so(database: Database) -> None:
    queue, work = queue_on(database), Work()
    work.failures = [AttemptFailed("no", code="broken", retryable=True) for _ in range(3)]
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "bad")
    await until(database, "bad", "failed")
    await pool.stop(grace_s=1)
    assert work.ran == ["bad"] * 3
    assert work.given_up == [("bad", "broken")]


async def test_what_cannot_go_better_is_given_up_at_once(database: Database) -> None:
    queue, work = queue_on(database), Work()
    work.failures = [AttemptFailed("no", code="hopeless", retryable=False)]
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "bad")
    await until(database, "bad", "failed")
    await pool.stop(grace_s=1)
    assert work.given_up == [("bad", "hopeless")]


async def test_a_world_that_is_not_ready_costs_no_attempts(database: Database) -> None:
    queue, work = queue_on(database), Work()
    work.failures = [Unavailable("away") for _ in range(6)]
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "patient")
    await until(database, "patient", "done")
    await pool.stop(grace_s=1)
    assert len(work.ran) == 7


async def test_a_handler_that_breaks_harms_nothing_else(database: Database) -> None:
    queue, work = queue_on(database), Work()
    work.failures = [ZeroDivisionError(), ZeroDivisionError(), ZeroDivisionError()]
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "odd")
    await until(database, "odd", "failed")
    await put(database, queue, "work", "even")
    await until(database, "even", "done")
    await pool.stop(grace_s=1)
    assert work.given_up == [("odd", "internal")]


async def test_cancelling_a_subject_ends_its_attempt_and_it_does_not_come_back(database: Database) -> None:
    queue, work = queue_on(database), Work()
    work.hold = asyncio.Event()
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "gone")
    async with asyncio.timeout(60):
        while not work.ran:
            await asyncio.sleep(0.01)
    await database.write(lambda tx: queue.cancel(tx, "gone"))
    async with asyncio.timeout(60):
        while pool.running:
            await asyncio.sleep(0.01)
    assert work.cancelled == 1
    assert await states(database) == {"gone": "cancelled"}
    await pool.stop(grace_s=1)


async def test_stopping_queues_what_runs_and_the_next_process_goes_on_with_it(database: Database) -> None:
    queue, work = queue_on(database), Work()
    work.hold = asyncio.Event()
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "long")
    async with asyncio.timeout(60):
        while not work.ran:
            await asyncio.sleep(0.01)
    await pool.stop(grace_s=0.01)
    assert await states(database) == {"long": "queued"}

    after = Work()
    again = JobPool(queue_on(database), [QueueConfig("one", 1, {"work": after})], CLOCK)
    await again.start()
    await until(database, "long", "done")
    await again.stop(grace_s=1)


async def test_a_lease_of_a_process_that_died_is_void_at_the_next_start(database: Database) -> None:
    queue = queue_on(database)
    await put(database, queue, "work", "orphan")
    assert await queue.claim(["work"]) is not None
    assert await queue.claim(["work"]) is None
    work = Work()
    pool = JobPool(queue_on(database), [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await until(database, "orphan", "done")
    await pool.stop(grace_s=1)


async def test_a_person_who_queues_much_does_not_block_another_who_queues_little(database: Database) -> None:
    queue = queue_on(database)

    async def body(tx: Transaction) -> None:
        for number in range(5):
            await queue.enqueue(tx, "work", f"ann {number}", priority=10, fair_key="ann")
        await queue.enqueue(tx, "work", "bob", priority=10, fair_key="bob")
        await queue.enqueue(tx, "work", "urgent", priority=1, fair_key="ann")

    await database.write(body)
    assert [await claimed(queue) for _ in range(4)] == ["urgent", "bob", "ann 0", "ann 1"]


async def test_who_had_much_work_done_of_late_goes_after_who_had_little(database: Database) -> None:
    queue = queue_on(database)
    hour_ms = 3_600_000

    async def body(tx: Transaction) -> None:
        for fair_key, hours in (("ann", 1), ("bob", 0), ("eve", 2), ("old", 30)):
            await queue.enqueue(tx, "work", fair_key, priority=10, fair_key=fair_key)
            began = CLOCK.now_ms() - hours * hour_ms
            past = insert(jobs).values(
                kind="work", subject="past", dedup_key=f"past {fair_key}", state="done", priority=10, max_attempts=3,
                fair_key=fair_key, run_after_ms=began, created_at_ms=began, started_at_ms=began,
                finished_at_ms=began + 1000 * (hours + 1),
            )  # fmt: skip
            await tx.execute(past)

    await database.write(body)
    order = []
    for _ in range(4):
        job = await queue.claim(["work"])
        assert job is not None
        order.append(job.subject)
        await queue.finish(job)
    assert order == ["old", "bob", "ann", "eve"], "what was long ago is forgotten"


async def claimed(queue: JobQueue) -> str | None:
    job = await queue.claim(["work"])
    return job.subject if job else None


async def test_quick_work_does_not_wait_for_long_work(database: Database) -> None:
    queue, long, quick = queue_on(database), Work(), Work()
    long.hold = asyncio.Event()
    lanes = [QueueConfig("long", 1, {"long": long}), QueueConfig("quick", 1, {"quick": quick})]
    pool = JobPool(queue, lanes, CLOCK)
    await pool.start()
    await put(database, queue, "long", "film")
    await put(database, queue, "quick", "clip")
    await until(database, "clip", "done")
    assert (await states(database))["film"] == "running"
    await pool.stop(grace_s=0.01)


async def test_a_full_disk_ends_no_place(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, work = queue_on(database), Work()
    claim = queue.claim
    disk = {"full": 2}

    async def claim_on_a_full_disk(kinds: Collection[str], *, max_weight: int | None) -> Job | None:
        if disk["full"]:
            disk["full"] -= 1
            raise NoSpace("The disk is full.")
        return await claim(kinds, max_weight=max_weight)

    monkeypatch.setattr(queue, "claim", claim_on_a_full_disk)
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "patient")
    await until(database, "patient", "done")
    assert pool.alive
    await pool.stop(grace_s=1)


async def test_the_end_of_a_job_is_written_as_soon_as_the_disk_takes_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, work = queue_on(database), Work()
    finish = queue.finish
    refusals = [NoSpace("The disk is full."), Unavailable("The disk does not answer.")]

    async def finish_on_a_full_disk(job: Job) -> None:
        if refusals:
            raise refusals.pop()
        await finish(job)

    monkeypatch.setattr(queue, "finish", finish_on_a_full_disk)
    monkeypatch.setattr(pool_module, "WRITE_RETRY_S", 0.01)
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await put(database, queue, "work", "patient")
    await until(database, "patient", "done")
    assert (work.ran, refusals) == (["patient"], []), "done once, though its end was refused twice"
    await pool.stop(grace_s=1)


async def test_a_job_whose_end_could_not_be_written_comes_back_when_its_lease_lapses(database: Database) -> None:
    queue = queue_on(database)
    await put(database, queue, "work", "forgotten")
    assert await queue.claim(["work"]) is not None
    assert await queue.requeue_expired() == 0, "its lease still holds"

    async def long_ago(tx: Transaction) -> None:
        await tx.execute(update(jobs).values(lease_until_ms=CLOCK.now_ms() - 1))

    await database.write(long_ago)
    assert await queue.requeue_expired() == 1
    assert await states(database) == {"forgotten": "queued"}


async def test_a_job_whose_lease_lapsed_in_an_outage_goes_on_and_runs_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "LEASE_MS", 150)
    queue, work = queue_on(database), Work()
    work.hold = asyncio.Event()
    pool = JobPool(queue, [QueueConfig("one", 2, {"work": work})], CLOCK)
    await put(database, queue, "work", "long")
    await pool.start()
    await until(database, "long", "running")

    async def lapse(tx: Transaction) -> None:
        await tx.execute(update(jobs).values(lease_until_ms=CLOCK.now_ms() - 1))

    def fail(*_arguments: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    before = failed("job-leases")
    event.listen(Engine, "do_execute", fail)
    async with asyncio.timeout(60):
        while failed("job-leases") < before + 2:
            await asyncio.sleep(0.01)
    event.remove(Engine, "do_execute", fail)
    await database.write(lapse)
    async with asyncio.timeout(60):
        while not await leased(database):
            await asyncio.sleep(0.01)
    work.hold.set()
    await until(database, "long", "done")
    assert (work.ran, work.cancelled) == (["long"], 0)
    await pool.stop(grace_s=1)


def failed(loop: str) -> float:
    samples = [sample for family in FAILURES.collect() for sample in family.samples]
    return sum(one.value for one in samples if one.name.endswith("_total") and one.labels["loop"] == loop)


async def leased(database: Database) -> bool:
    """Whether a lease is renewed."""
    async with database.read() as connection:
        ends = (await connection.execute(select(jobs.c.lease_until_ms))).scalar_one()
        return ends is not None and ends > CLOCK.now_ms()


async def test_a_job_that_takes_the_server_down_again_and_again_is_given_up(database: Database) -> None:
    queue, work = queue_on(database), Work()
    await put(database, queue, "work", "bomb")
    for _ in range(3 + pool_module.MAX_INTERRUPTIONS):
        assert await queue.claim(["work"]) is not None
        assert await queue.requeue_running() == 1
    pool = JobPool(queue, [QueueConfig("one", 1, {"work": work})], CLOCK)
    await pool.start()
    await until(database, "bomb", "failed")
    await pool.stop(grace_s=1)
    assert work.ran == []
    assert work.given_up == [("bomb", "interrupted")]
