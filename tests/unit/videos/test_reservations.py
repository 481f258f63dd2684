"""When reserved room lapses, by a clock that goes on, jumps and stands wrong; how many uploads may be open."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from streamtime.app.core import Infrastructure, database_path, open_infrastructure
from streamtime.app.videos import build_reservations, build_upload_repository
from streamtime.clock import EpochMs
from streamtime.config.load import load
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import uploads, videos
from streamtime.database.transaction import Transaction
from streamtime.errors import NoSpace, TooManyRequests
from streamtime.uploads.upload import MAX_OPEN_UPLOADS, NewUpload, Upload
from streamtime.videos.quota import QuotaExceeded, ReservationTotals, SpaceRequest, StorageUsage

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


class FakeClock:
    """Stands still, and can be set."""

    def __init__(self) -> None:
        self.wall_ms = 1_700_000_000_000

    def now_ms(self) -> EpochMs:
        return EpochMs(self.wall_ms)

    def monotonic(self) -> float:
        return 0.0


class ReservationSetup:
    """A member (1) and an administrator (2) who begin uploads."""

    def __init__(self, base: Infrastructure, clock: FakeClock, folder: Path) -> None:
        config = load(None, {"STREAMTIME_DATA_DIR": str(folder)}, {})
        self.clock = clock
        self.database = base.database
        self.reservations = build_reservations(config, base)
        self.rows = build_upload_repository(config, base)
        self.space = StorageUsage(base.database, self.reservations, quota_bytes=0)

    async def people(self) -> None:
        async def body(tx: Transaction) -> None:
            for name, role in (("ann", "member"), ("root", "admin")):
                user = {"public_id": name, "name": name, "name_folded": name, "role": role, "password_hash": ""}
                await tx.execute(insert(users).values(**user, created_at_ms=self.clock.now_ms()))

        await self.database.write(body)

    async def begin(self, owner_id: int, length: int) -> Upload:
        async def body(tx: Transaction) -> str:
            await self.rows.require_open_slot(tx, owner_id, None)
            count = (await tx.execute(select(func.count()).select_from(videos))).scalar_one()
            video = {"public_id": f"v{count}", "title": "x", "title_folded": "x", "state": "uploading"}
            more = {"storage_prefix": f"v/{count}/", "source_name": "x", "created_at_ms": 0, "visibility": "private"}
            made = await tx.execute(insert(videos).values(**video, **more, owner_id=owner_id).returning(videos.c.id))
            new = NewUpload(owner_id, made.scalar_one(), length, "", None)
            return await self.rows.add(tx, new, f"v/{count}/x")

        name = await self.database.write(body)
        async with self.database.read() as connection:
            found = await connection.execute(select(uploads.c.id).where(uploads.c.public_id == name))
            upload_id = found.scalar_one()
        return await self.rows.by_id(upload_id)

    async def receive(self, upload: Upload, offset: int) -> bool:
        """So much of it has come; whether it still had room reserved."""
        return await self.database.write(lambda tx: self.rows.set_offset(tx, upload.id, offset))

    async def ask(self, owner_id: int, length: int, *, free: int, by_link: bool = False) -> None:
        async def told() -> int:
            return free

        await self.database.write(lambda tx: self.space.reserve(tx, SpaceRequest(owner_id, length, by_link), told))

    async def totals(self) -> ReservationTotals:
        return await self.database.write(self.reservations.totals)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[ReservationSetup]:
    config = load(None, {"STREAMTIME_DATA_DIR": str(tmp_path)}, {})
    clock = FakeClock()
    migrate(database_path(config), now_ms=clock.now_ms())
    async with AsyncExitStack() as stack:
        base = replace(await open_infrastructure(config, stack), clock=clock)
        made = ReservationSetup(base, clock, tmp_path)
        await made.people()
        yield made


async def test_without_a_byte_it_lapses_after_a_quarter_of_an_hour(house: ReservationSetup) -> None:
    await house.begin(1, 1000)
    house.clock.wall_ms += 15 * MINUTE - 1
    assert await house.totals() == ReservationTotals(1000, 1000)
    house.clock.wall_ms += 1
    assert await house.totals() == ReservationTotals(0, 0)


async def test_after_a_byte_it_lapses_an_hour_after_the_last(house: ReservationSetup) -> None:
    upload = await house.begin(1, 1000)
    house.clock.wall_ms += 14 * MINUTE
    assert await house.receive(upload, 1)
    for offset in range(2, 5):
        house.clock.wall_ms += 59 * MINUTE
        assert await house.receive(upload, offset)
    house.clock.wall_ms += HOUR - 1
    assert (await house.totals()).total == 996
    house.clock.wall_ms += 1
    assert (await house.totals()).total == 0
    assert (await house.space.quota_usage(1)).reserved == 4  # what has arrived counts, and stays
    assert not await house.receive(upload, 5)  # and a byte more brings no room back by itself
    kept = await house.rows.by_id(upload.id)
    assert (kept.offset_bytes, kept.reserved) == (5, False)
    await house.database.write(lambda tx: house.rows.reserve(tx, upload.id))
    assert (await house.totals()).total == 995


@pytest.mark.parametrize("days", [1, -1, 10_000, -10_000])
async def test_a_clock_that_was_wrong_holds_no_room(house: ReservationSetup, days: int) -> None:
    upload = await house.begin(1, 1000)
    house.clock.wall_ms += days * DAY
    assert (await house.totals()).total == 0
    await house.database.write(lambda tx: house.rows.reserve(tx, upload.id))
    assert (await house.totals()).total == 1000
    house.clock.wall_ms -= days * DAY
    assert (await house.totals()).total == 0


async def test_members_and_links_share_half_of_what_is_free(house: ReservationSetup) -> None:
    await house.begin(1, 300)
    await house.ask(1, 200, free=1000)
    for owner, by_link in ((1, False), (1, True), (2, True)):
        with pytest.raises(NoSpace) as told:
            await house.ask(owner, 201, free=1000, by_link=by_link)
        assert told.value.facts == {"left": 200, "needed": 201}
    await house.ask(2, 700, free=1000)
    with pytest.raises(NoSpace):
        await house.ask(2, 701, free=1000)
    await house.begin(2, 600)  # what administrators have is not of the half
    await house.ask(1, 100, free=1000)
    with pytest.raises(NoSpace):
        await house.ask(1, 101, free=1000)
    with pytest.raises(NoSpace):
        await house.ask(2, 1, free=-50)


async def test_a_lapsed_upload_counts_against_a_quota_with_what_has_arrived(house: ReservationSetup) -> None:
    house.space = StorageUsage(house.database, house.reservations, quota_bytes=1000)
    upload = await house.begin(1, 900)
    await house.receive(upload, 400)
    with pytest.raises(QuotaExceeded):
        await house.ask(1, 200, free=10_000)
    house.clock.wall_ms += HOUR
    await house.ask(1, 600, free=10_000)
    with pytest.raises(QuotaExceeded):
        await house.ask(1, 601, free=10_000)


async def test_a_line_is_released_alone(house: ReservationSetup) -> None:
    await house.begin(1, 100)
    begun = await house.begin(1, 200)
    await house.receive(begun, 50)
    await house.begin(2, 400)
    lines = [
        (line.owner, line.received, line.pending_bytes, line.received_bytes)
        for line in await house.reservations.active()
    ]
    assert lines == [("root", False, 400, 0), ("ann", False, 100, 0), ("ann", True, 150, 50)]
    assert await house.database.write(lambda tx: house.reservations.release(tx, 1, None, received=False)) == 1
    assert (await house.totals()).total == 550
    assert await house.database.write(lambda tx: house.reservations.release(tx, 1, 7, received=True)) == 0


async def test_only_so_many_are_open_at_once(house: ReservationSetup) -> None:
    for _ in range(MAX_OPEN_UPLOADS):
        last = await house.begin(1, 1)
    with pytest.raises(TooManyRequests):
        await house.begin(1, 1)
    await house.begin(2, 1)
    await house.database.write(lambda tx: house.rows.set_offset(tx, last.id, 1, complete=True))
    await house.begin(1, 1)
