"""Terms that are over, by a clock that stands wrong, jumps, and is right again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from streamtime.app.core import Infrastructure, database_path, open_infrastructure
from streamtime.app.videos import build_upload_expiry, build_videos
from streamtime.auth.audit import COMMAND_LINE, AuditEvent, AuditLog, AuditRetention
from streamtime.clock import EpochMs
from streamtime.config.load import load
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import users
from streamtime.database.tables.jobs import jobs
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Transaction
from streamtime.jobs.job import Job
from streamtime.jobs.queue import JobQueue
from streamtime.maintenance.expiry import CHECK_INTERVAL_S, CLOCK_STABLE_S, ExpireHandler, ExpiryScheduler
from streamtime.uploads.terminate import UploadExpiry
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.trash import DAY_MS, Trash
from streamtime.videos.video import Video


class FakeClock:
    """Goes on when it is told to, and can be set."""

    def __init__(self) -> None:
        self.wall_ms = 1_700_000_000_000
        self.passed = 0.0

    def now_ms(self) -> EpochMs:
        return EpochMs(self.wall_ms)

    def monotonic(self) -> float:
        return self.passed

    def go_on(self, seconds: float) -> None:
        self.passed += seconds
        self.wall_ms += int(seconds * 1000)

    def set_days_ahead(self, days: int) -> None:
        self.wall_ms += days * DAY_MS


class ExpirySetup:
    """The rooms that have to do with terms, on a clock of the test's own, with one video in the bin."""

    def __init__(self, base: Infrastructure, clock: FakeClock, bin_: Trash, uploads: UploadExpiry) -> None:
        self.clock = clock
        self.bin = bin_
        self.database = base.database
        self._deeds = AuditLog(base.database, clock)
        self._audit = AuditRetention(base.database, clock, days=365)
        self._expire = ExpireHandler(base.database, bin_, uploads, [self._audit])
        self._schedule = ExpiryScheduler(base.database, WorkQueue(base.queue), bin_, uploads, [self._audit], clock)

    async def add_binned(self) -> Video:
        now = self.clock.now_ms()
        user = {"public_id": "u", "name": "ann", "name_folded": "ann", "role": "member", "password_hash": ""}
        video = {"public_id": "v", "title": "x", "title_folded": "x", "state": "ready", "visibility": "private"}
        more = {"storage_prefix": "videos/x/", "source_name": "x.mp4", "created_at_ms": now, "deleted_at_ms": now}

        async def body(tx: Transaction) -> None:
            made = await tx.execute(insert(users).values(**user, created_at_ms=now).returning(users.c.id))
            await tx.execute(insert(videos).values(**video, **more, owner_id=made.scalar_one()))

        await self.database.write(body)
        (found,) = await self.bin.list_for_owner(1)
        return found

    async def look(self) -> bool:
        """Look once, as the server does every minute; whether a job was queued for what is over."""
        await self._schedule.run_once()
        async with self.database.read() as connection:
            return (await connection.execute(select(jobs.c.id).where(jobs.c.kind == "expire"))).first() is not None

    async def go_on(self, hours: float) -> bool:
        """Some hours with a look every minute; whether a job is queued at their end."""
        queued = False
        for _ in range(int(hours * 3600 / CHECK_INTERVAL_S)):
            self.clock.go_on(CHECK_INTERVAL_S)
            queued = await self.look()
        return queued

    async def expire(self) -> None:
        await self._expire.run(Job(1, "expire", "x", 1, 1))

    async def note(self, subject: str) -> None:
        """Write a line of the audit."""
        await self.database.write(lambda tx: self._deeds.record(tx, COMMAND_LINE, AuditEvent.SIGNED_IN, subject))

    async def noted(self) -> list[str]:
        """Whom its lines are about, the latest first."""
        return [entry.subject for entry in await self._deeds.page()]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[ExpirySetup]:
    config = load(None, {"STREAMTIME_DATA_DIR": str(tmp_path)}, {})
    clock = FakeClock()
    migrate(database_path(config), now_ms=clock.now_ms())
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack)
        base = replace(base, clock=clock, queue=JobQueue(base.database, clock, process_id="x"))
        library = build_videos(config, base)
        yield ExpirySetup(base, clock, library.trash, build_upload_expiry(config, base, library))


async def test_what_is_not_over_stays(house: ExpirySetup) -> None:
    await house.add_binned()
    house.clock.go_on(29.9 * 86_400)
    assert not await house.look()
    await house.expire()
    assert len(await house.bin.list_for_owner(1)) == 1


async def test_what_is_over_goes_once_the_clock_was_steady_for_an_hour(house: ExpirySetup) -> None:
    await house.add_binned()
    house.clock.set_days_ahead(31)  # as after a start
    assert not await house.look()
    assert not await house.go_on(CLOCK_STABLE_S / 3600 * 0.9)
    assert await house.go_on(CLOCK_STABLE_S / 3600 * 0.2)
    await house.expire()
    assert await house.bin.list_for_owner(1) == []


async def test_a_clock_that_jumps_ahead_and_back_takes_nothing(house: ExpirySetup) -> None:
    await house.add_binned()
    assert not await house.go_on(2)
    for _ in range(3):
        house.clock.set_days_ahead(4000)
        assert not await house.go_on(0.5)
        house.clock.set_days_ahead(-4000)
        assert not await house.go_on(0.5)
    assert len(await house.bin.list_for_owner(1)) == 1


async def test_what_was_deleted_before_it_came_by_the_clock_stays_for_its_whole_term(house: ExpirySetup) -> None:
    """A clock without a battery tells 1970 until it hears from the network."""
    video = await house.add_binned()
    await house.database.write(lambda tx: house.bin.restore(tx, video, COMMAND_LINE))
    house.clock.set_days_ahead(-10_000)
    await house.database.write(lambda tx: house.bin.soft_delete(tx, video, COMMAND_LINE))
    house.clock.set_days_ahead(10_000)
    assert not await house.go_on(2)


async def test_lines_of_the_audit_go_after_their_term_by_a_clock_that_was_steady(house: ExpirySetup) -> None:
    await house.note("early")
    house.clock.set_days_ahead(200)
    await house.note("late")
    house.clock.set_days_ahead(200)
    assert not await house.go_on(0.5)
    assert await house.noted() == ["late", "early"]
    assert await house.go_on(2)
    await house.expire()
    assert await house.noted() == ["late"]
