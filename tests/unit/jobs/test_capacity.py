"""The capacity of a queue: weights of running jobs, and which job starts next."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from streamtime.clock import SystemClock
from streamtime.database.migrate import migrate
from streamtime.database.tables.jobs import jobs
from streamtime.database.transaction import Database, Transaction
from streamtime.jobs import pool as pool_module
from streamtime.jobs.job import Failure, Job, QueueConfig
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobOverview, JobQueue

CLOCK = SystemClock()


class Lift:
    """A handler whose jobs last until the test lets them go; it remembers who was under way together."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.began: list[str] = []
        self.let_go: dict[str, asyncio.Event] = {}

    async def run(self, job: Job) -> None:
        self.running.add(job.subject)
        self.began.append(job.subject)
        try:
            await self.let_go.setdefault(job.subject, asyncio.Event()).wait()
        finally:
            self.running.discard(job.subject)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        raise AssertionError((tx, job, failure))

    def release(self, subject: str) -> None:
        self.let_go.setdefault(subject, asyncio.Event()).set()


class Gate:
    """Holds a kind back for as long as there are words."""

    def __init__(self, words: str | None) -> None:
        self.words = words

    async def blocked_reason(self) -> str | None:
        return self.words


@pytest.fixture(autouse=True)
def _short_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "POLL_INTERVAL_S", 0.05)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=CLOCK.now_ms())
    opened = Database(path)
    yield opened
    await opened.close()


@pytest.fixture
def queue(database: Database) -> JobQueue:
    return JobQueue(database, CLOCK, process_id="test")


async def put(database: Database, queue: JobQueue, subject: str, weight: int, kind: str = "lift") -> None:
    await database.write(lambda tx: queue.enqueue(tx, kind, subject, priority=10, weight=weight))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def done(database: Database, subject: str) -> None:
    query = select(jobs.c.state).where(jobs.c.subject == subject)
    async with asyncio.timeout(20):
        while True:
            async with database.read() as connection:
                if (await connection.execute(query)).scalar_one() == "done":
                    return
            await asyncio.sleep(0.01)


async def test_jobs_run_together_only_as_far_as_they_fit(database: Database, queue: JobQueue) -> None:
    lift = Lift()
    for subject, weight in [("a", 6), ("b", 3), ("c", 3)]:
        await put(database, queue, subject, weight)
    pool = JobPool(queue, [QueueConfig("one", 3, {"lift": lift}, capacity=10)], CLOCK)
    await pool.start()
    await until(lambda: lift.running == {"a", "b"})
    assert pool.waiting_reason("lift", 3) == "Waits until there is memory for it"
    assert pool.waiting_reason("lift", 1) == "Waits for its turn"
    lift.release("b")
    await until(lambda: lift.running == {"a", "c"})
    await pool.stop(grace_s=0)


async def test_what_is_too_heavy_by_itself_runs_alone(database: Database, queue: JobQueue) -> None:
    lift = Lift()
    for subject, weight in [("whale", 50), ("mouse", 1)]:
        await put(database, queue, subject, weight)
    pool = JobPool(queue, [QueueConfig("one", 2, {"lift": lift}, capacity=10)], CLOCK)
    await pool.start()
    await until(lambda: lift.running == {"whale"})
    lift.release("whale")
    await done(database, "whale")
    await until(lambda: lift.running == {"mouse"})
    assert lift.began == ["whale", "mouse"]
    await pool.stop(grace_s=0)


async def test_the_light_does_not_go_past_the_heavy_for_ever(database: Database, queue: JobQueue) -> None:
    lift = Lift()
    for subject, weight in [("first", 5), ("whale", 8), ("mouse", 1)]:
        await put(database, queue, subject, weight)
    pool = JobPool(queue, [QueueConfig("one", 3, {"lift": lift}, capacity=10)], CLOCK)
    await pool.start()
    await until(lambda: lift.running == {"first"})
    lift.release("first")
    await until(lambda: lift.running == {"whale", "mouse"})
    assert lift.began == ["first", "whale", "mouse"]
    await pool.stop(grace_s=0)


async def test_a_kind_that_is_held_back_waits_and_its_lane_does_other_work(database: Database, queue: JobQueue) -> None:
    lift, gate = Lift(), Gate("Waits for the tide")
    await put(database, queue, "long", 1)
    await put(database, queue, "quick", 1, kind="hop")
    pool = JobPool(queue, [QueueConfig("one", 1, {"lift": lift, "hop": lift}, admission={"lift": gate})], CLOCK)
    await pool.start()
    await until(lambda: lift.running == {"quick"})
    assert pool.waiting_reason("lift", 1) == "Waits for the tide"
    lift.release("quick")
    await done(database, "quick")
    assert [job.subject for job in await JobOverview(database).waiting(("lift",))] == ["long"]
    gate.words = None
    await until(lambda: lift.running == {"long"})
    await pool.stop(grace_s=0)


async def test_the_overview_shows_what_runs_before_what_waits(database: Database, queue: JobQueue) -> None:
    lift = Lift()
    for subject in ("one", "two", "three"):
        await put(database, queue, subject, 7)
    pool = JobPool(queue, [QueueConfig("one", 2, {"lift": lift}, capacity=10)], CLOCK)
    await pool.start()
    await until(lambda: lift.running == {"one"})
    seen = await JobOverview(database).active()
    assert [(job.subject, job.state, job.weight) for job in seen] == [
        ("one", "running", 7),
        ("two", "queued", 7),
        ("three", "queued", 7),
    ]
    await pool.stop(grace_s=0)
