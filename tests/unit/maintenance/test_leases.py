"""A lease that cannot be renewed cancels its holder before it expires; a holder that ends held it all the time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import select

from streamtime.clock import EpochMs, SystemClock
from streamtime.database.tables import storage as storage_tables
from streamtime.database.transaction import Database
from streamtime.errors import Unavailable
from streamtime.periodic import FAILURES
from streamtime.storage.objects import leases
from streamtime.storage.objects.leases import BACKUP, COLLECTION, Leases
from tests.unit.maintenance.setup import ObjectsSetup


class JumpingClock(SystemClock):
    """The machine's clock, which a test sets forward."""

    ahead_ms = 0

    def now_ms(self) -> EpochMs:
        return EpochMs(super().now_ms() + self.ahead_ms)


@pytest.fixture(autouse=True)
def _short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewed every tenth of a second; the holder ends two seconds after a renewal, the row a minute after it."""
    monkeypatch.setattr(leases, "_CHECK_INTERVAL_S", 0.02)
    monkeypatch.setattr(leases, "RENEW_INTERVAL_S", 0.1)
    monkeypatch.setattr(leases, "MAX_BACKOFF_S", 0.1)
    monkeypatch.setattr(leases, "MARGIN_S", 58.0)


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Nobody else can write meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield
        stranger.execute("ROLLBACK")


async def end_ms(database: Database) -> int:
    async with database.read() as connection:
        end: int = (await connection.execute(select(storage_tables.leases.c.until_ms))).scalar_one()
        return end


async def renewed(database: Database) -> None:
    """Wait for the next renewal."""
    before = await end_ms(database)
    async with asyncio.timeout(60):
        while await end_ms(database) == before:
            await asyncio.sleep(0.01)


async def test_a_holder_whose_lease_cannot_be_renewed_is_cancelled_before_it_lapses(setup: ObjectsSetup) -> None:
    clock, in_time = SystemClock(), list[bool]()
    held = Leases(setup.database, clock)

    async def body() -> None:
        async with held.acquire(BACKUP, conflicts=[COLLECTION]), locked(setup.database.path):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                in_time.append(await end_ms(setup.database) > clock.now_ms())
                raise

    with pytest.raises(Unavailable, match="backup was stopped") as told:
        await body()
    assert (told.value.code, in_time) == ("hold_lost", [True])
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test is a task
    async with held.acquire(BACKUP, conflicts=[COLLECTION]):
        await renewed(setup.database)


async def test_a_lease_outlasts_failures_to_renew_that_end_in_time(
    setup: ObjectsSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MARGIN_S", 10.0)
    held = Leases(setup.database, SystemClock())
    failures = FAILURES.labels("hold-renewal")._value  # the library has no other way to read one
    async with held.acquire(BACKUP):
        before = failures.get()
        async with locked(setup.database.path), asyncio.timeout(60):
            while failures.get() == before:
                await asyncio.sleep(0.01)
        await renewed(setup.database)
        await renewed(setup.database)


async def test_a_machine_that_slept_longer_than_a_lease_stops_its_holders_at_once(setup: ObjectsSetup) -> None:
    clock = JumpingClock()

    async def body() -> None:
        async with Leases(setup.database, clock).acquire(COLLECTION, conflicts=[BACKUP]):
            await renewed(setup.database)
            clock.ahead_ms = leases.LEASE_TTL_MS + 1
            await asyncio.Event().wait()

    with pytest.raises(Unavailable, match="garbage collection was stopped") as told:
        await body()
    assert told.value.code == "hold_lost"


async def test_a_lapsed_lease_is_told_to_a_body_that_ends_before_anybody_looks(
    setup: ObjectsSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_CHECK_INTERVAL_S", 60.0)
    clock = JumpingClock()
    held = Leases(setup.database, clock).acquire(BACKUP)
    await held.__aenter__()
    clock.ahead_ms = leases.LEASE_TTL_MS + 1
    with pytest.raises(Unavailable) as told:
        await held.__aexit__(None, None, None)
    assert told.value.code == "hold_lost"


async def test_a_short_sleep_costs_nothing(setup: ObjectsSetup) -> None:
    clock = JumpingClock()
    async with Leases(setup.database, clock).acquire(BACKUP):
        clock.ahead_ms = leases.LEASE_TTL_MS // 2
        await renewed(setup.database)
        assert await end_ms(setup.database) > clock.now_ms() + leases.LEASE_TTL_MS // 2


async def test_errors_and_cancellations_of_the_body_stay_what_they_are(setup: ObjectsSetup) -> None:
    held = Leases(setup.database, SystemClock())
    for error in (TimeoutError("its own"), ValueError("its own")):
        with pytest.raises(type(error), match="its own"):
            async with held.acquire(BACKUP):
                raise error

    async def body() -> None:
        async with held.acquire(BACKUP):
            await asyncio.Event().wait()

    running = asyncio.create_task(body())
    async with asyncio.timeout(60):
        while not await taken(setup.database):
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not await taken(setup.database)


async def taken(database: Database) -> bool:
    async with database.read() as connection:
        return (await connection.execute(select(storage_tables.leases.c.name))).first() is not None
