"""Moving house: everything is in one place or in the other, whole, whatever happens on the way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from streamtime.clock import SystemClock
from streamtime.database.tables import objects
from streamtime.database.transaction import Transaction
from streamtime.errors import Invalid, NoSpace, Unavailable
from streamtime.objects.carrying import ObjectCopier
from streamtime.objects.move import MoveProgress, Mover, MoveReport
from streamtime.objects.multiparts import MultipartUploads
from streamtime.objects.whereabouts import ObjectLocations, StoreTotals
from tests.shelves import StoresFixture, open_stores


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoresFixture]:
    async with open_stores(tmp_path) as made:
        yield made


def mover(house: StoresFixture, *, minimum_free_bytes: int = 0) -> Mover:
    multiparts = MultipartUploads(house.database, SystemClock())
    carrier = ObjectCopier(multiparts, house.stores, read_back=True)
    whereabouts = ObjectLocations(house.database)
    return Mover(house.ledger, whereabouts, house.stores, carrier, minimum_free_bytes=minimum_free_bytes)


async def move(house: StoresFixture, to: str) -> tuple[MoveReport, list[MoveProgress]]:
    told: list[MoveProgress] = []
    return await mover(house).move(to, told.append), told


async def test_everything_goes_and_nothing_is_left(house: StoresFixture) -> None:
    for _ in range(3):
        await house.add("local")
    await house.add("s3")
    moved, told = await move(house, "s3")
    assert (moved.objects, moved.length_bytes, moved.complete) == (3, 150_000, True)
    assert told[-1] == MoveProgress(3, 3, 150_000, 150_000)
    assert set((await house.where()).values()) == {"s3"}
    assert await house.contents("s3") == house.content
    assert await house.contents("local") == {}
    assert await ObjectLocations(house.database).totals_by_store() == [StoreTotals("s3", 4, 200_000)]

    moved, _ = await move(house, "local")
    assert moved.objects == 4
    assert await house.contents("local") == house.content
    assert await house.contents("s3") == {}


async def test_only_what_lives_is_moved(house: StoresFixture) -> None:
    doomed = await house.add("local", state="doomed")
    moved, _ = await move(house, "s3")
    assert moved.objects == 0
    assert list(await house.contents("local")) == [doomed.key]


async def test_broken_off_at_any_point_it_can_be_run_again(house: StoresFixture) -> None:
    """A copy without its row, and a row without the end of its old copy: both are put right."""
    copied, switched = await house.add("local"), await house.add("local")
    for row in (copied, switched):
        await house.remote.put(row.key, house.content[row.key])
    await house.ledger.relocate(switched.id, store="s3", sha256=switched.sha256 or b"", length_bytes=50_000)
    moved, _ = await move(house, "s3")
    assert (moved.objects, moved.leftovers) == (1, 1)
    assert await house.contents("s3") == house.content
    assert await house.contents("local") == {}


async def test_what_is_not_in_the_new_place_is_never_deleted_in_the_old_one(house: StoresFixture) -> None:
    row = await house.add("local")
    await house.ledger.relocate(row.id, store="s3", sha256=row.sha256 or b"", length_bytes=50_000)
    moved, _ = await move(house, "s3")
    assert moved.leftovers == 0
    assert await house.contents("local") == house.content


async def test_damage_and_loss_are_told_and_left_alone(house: StoresFixture) -> None:
    sound, damaged, lost = [await house.add("local") for _ in range(3)]
    await house.local.put(damaged.key, b"x" * 50_000)
    await house.local.delete(lost.key)
    moved, _ = await move(house, "s3")
    assert (moved.missing, moved.damaged, moved.complete) == ([lost.key], [damaged.key], False)
    assert await house.where() == {sound.key: "s3", damaged.key: "local", lost.key: "local"}
    assert list(await house.contents("s3")) == [sound.key]
    assert list(await house.contents("local")) == [damaged.key]


async def test_a_copy_that_came_out_otherwise_is_no_copy(house: StoresFixture) -> None:
    row = await house.add("local")
    house.remote.returns_wrong_bytes = True
    with pytest.raises(Unavailable):
        await move(house, "s3")
    assert await house.where() == {row.key: "local"}
    assert await house.contents("local") == house.content
    house.remote.returns_wrong_bytes = False
    assert (await move(house, "s3"))[0].objects == 1
    assert await house.contents("s3") == house.content


async def test_deleted_in_the_middle_it_leaves_no_copy(house: StoresFixture) -> None:
    row = await house.add("local")

    async def doom(tx: Transaction) -> None:
        await tx.execute(update(objects).values(state="doomed"))

    house.remote.after_put = lambda: house.database.write(doom)
    moved, _ = await move(house, "s3")
    assert (moved.objects, moved.complete) == (0, True)
    assert await house.contents("s3") == {}
    assert list(await house.contents("local")) == [row.key], "it is the collector's"


async def test_what_comes_meanwhile_is_taken_along(house: StoresFixture) -> None:
    await house.add("local")

    async def come() -> None:
        if len(house.content) < 3:
            await house.add("local")

    house.remote.after_put = come
    moved, told = await move(house, "s3")
    assert moved.objects == 3
    assert told[-1].objects_total == 3


async def test_a_store_that_is_away_ends_it_and_changes_nothing(house: StoresFixture) -> None:
    row = await house.add("s3", 200_000)
    house.remote.fails_after = 100_000
    with pytest.raises(Unavailable):
        await move(house, "local")
    assert await house.where() == {row.key: "s3"}
    assert await house.contents("local") == {}
    house.remote.fails_after = None
    assert (await move(house, "local"))[0].objects == 1


async def test_a_disk_is_not_filled_up(house: StoresFixture) -> None:
    await house.add("s3")
    with pytest.raises(NoSpace):
        await mover(house, minimum_free_bytes=1 << 60).move("local", lambda _: None)


async def test_there_is_no_moving_to_nowhere(house: StoresFixture) -> None:
    with pytest.raises(Invalid):
        await move(house, "moon")
