"""A supervised loop: no error ends it, each is counted, and one kind is logged once."""

import asyncio
import errno
import sqlite3
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from streamtime import periodic
from streamtime.errors import NoSpace, StreamtimeError, Unavailable
from streamtime.periodic import FAILURES, every

ERRORS: dict[str, Callable[[], BaseException]] = {
    "busy": lambda: Unavailable("The database is busy.", code="database_busy"),
    "full": lambda: NoSpace("The disk is full."),
    "descriptors": lambda: OSError(errno.EMFILE, "Too many open files"),
    "memory": MemoryError,
    "threads": lambda: RuntimeError("can't start new thread"),
    "driver": lambda: sqlite3.OperationalError("locking protocol"),
    "program": lambda: KeyError("no such thing"),
    "timeout": TimeoutError,
    "cancelled": asyncio.CancelledError,
    "end of iteration": StopAsyncIteration,
}
OUTAGES = ("busy", "full", "descriptors", "memory", "threads", "timeout")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "FIRST_BACKOFF_S", 0.001)


def count(loop: str) -> float:
    return sum(
        sample.value
        for family in FAILURES.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["loop"] == loop
    )


async def run_until(done: asyncio.Event, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        await done.wait()
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


@pytest.mark.parametrize("kind", ERRORS)
async def test_no_error_ends_a_loop(kind: str) -> None:
    name, errors, done = f"test {kind}", [ERRORS[kind]] * 5, asyncio.Event()
    before = count(name)

    async def function() -> None:
        if errors:
            error = errors.pop()()
            raise error
        done.set()

    await run_until(done, asyncio.create_task(every(0.001, function, name, max_backoff_s=0.002)))
    assert count(name) == before + 5


def test_only_errors_of_the_program_are_logged_with_their_stack() -> None:
    assert [kind for kind, error in ERRORS.items() if periodic.is_outage(error())] == list(OUTAGES)


async def test_a_kind_of_failure_is_logged_once_and_so_is_its_end() -> None:
    errors: list[StreamtimeError | None] = [Unavailable("Busy.", code="database_busy")] * 20
    errors += [NoSpace("Full."), None, Unavailable("Busy.", code="database_busy"), None]
    done = asyncio.Event()

    async def function() -> None:
        if not errors:
            done.set()
            return
        if (error := errors.pop(0)) is not None:
            raise error

    with capture_logs() as lines:
        await run_until(done, asyncio.create_task(every(0, function, "test flood", max_backoff_s=0.001)))
    said = [(line["event"], line["log_level"], line.get("error"), "exc_info" in line) for line in lines]
    assert said == [
        ("loop_failed", "warning", "Busy.", False),
        ("loop_failed", "warning", "Full.", False),
        ("loop_recovered", "info", None, False),
    ]


async def test_pauses_grow_with_each_failure_up_to_a_bound_and_begin_anew_after_a_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(periodic, "FIRST_BACKOFF_S", 1.0)
    pauses: list[float] = []
    sleep, done = asyncio.sleep, asyncio.Event()

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 8:
            done.set()
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    calls: list[int] = []

    async def function() -> None:
        calls.append(1)
        if len(calls) != 6:
            raise Unavailable("Away.")

    await run_until(done, asyncio.create_task(every(2.0, function, "test pauses", delay_s=7.0, max_backoff_s=5.0)))
    assert (pauses[0], pauses[6]) == (7.0, 2.0)
    for pause, bound in zip([*pauses[1:6], *pauses[7:9]], (1.0, 2.0, 4.0, 5.0, 5.0, 1.0, 2.0), strict=True):
        assert 0.75 * bound <= pause <= bound
