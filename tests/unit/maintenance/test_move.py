"""Moving objects between stores: each object is whole in one store or the other, whatever is interrupted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from streamtime.clock import SystemClock
from streamtime.database.tables.storage import objects
from streamtime.database.transaction import Transaction
from streamtime.errors import Invalid, NoSpace, Unavailable
from streamtime.maintenance.move import MoveProgress, Mover, MoveReport
from streamtime.storage.objects.copy import MultipartUploads, ObjectCopier
from streamtime.storage.objects.ledger import ObjectLocations, StoreTotals
from tests.stores_fixture import StoresFixture, open_stores


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[StoresFixture]:
    async with open_stores(tmp_path) as made:
        yield made


def mover(setup: StoresFixture, *, minimum_free_bytes: int = 0) -> Mover:
    multiparts = MultipartUploads(setup.database, SystemClock())
    carrier = ObjectCopier(multiparts, setup.stores, read_back=True)
    whereabouts = ObjectLocations(setup.database)
    return Mover(setup.ledger, whereabouts, setup.stores, carrier, minimum_free_bytes=minimum_free_bytes)


async def move(setup: StoresFixture, to: str) -> tuple[MoveReport, list[MoveProgress]]:
    told: list[MoveProgress] = []
    return await mover(setup).move(to, told.append), told


async def test_everything_goes_and_nothing_is_left(setup: StoresFixture) -> None:
    for _ in range(3):
        await setup.add("local")
    await setup.add("s3")
    moved, told = await move(setup, "s3")
    assert (moved.objects, moved.length_bytes, moved.complete) == (3, 150_000, True)
    assert told[-1] == MoveProgress(3, 3, 150_000, 150_000)
    assert set((await setup.where()).values()) == {"s3"}
    assert await setup.contents("s3") == setup.content
    assert await setup.contents("local") == {}
    assert await ObjectLocations(setup.database).totals_by_store() == [StoreTotals("s3", 4, 200_000)]

    moved, _ = await move(setup, "local")
    assert moved.objects == 4
    assert await setup.contents("local") == setup.content
    assert await setup.contents("s3") == {}


async def test_only_what_lives_is_moved(setup: StoresFixture) -> None:
    doomed = await setup.add("local", state="doomed")
    moved, _ = await move(setup, "s3")
    assert moved.objects == 0
    assert list(await setup.contents("local")) == [doomed.key]


async def test_broken_off_at_any_point_it_can_be_run_again(setup: StoresFixture) -> None:
    """A copy without its row, and a row without the end of its old copy: both are put right."""
    copied, switched = await setup.add("local"), await setup.add("local")
    for row in (copied, switched):
        await setup.remote.put(row.key, setup.content[row.key])
    await setup.ledger.relocate(switched.id, store="s3", sha256=switched.sha256 or b"", length_bytes=50_000)
    moved, _ = await move(setup, "s3")
    assert (moved.objects, moved.leftovers) == (1, 1)
    assert await setup.contents("s3") == setup.content
    assert await setup.contents("local") == {}


async def test_what_is_not_in_the_new_place_is_never_deleted_in_the_old_one(setup: StoresFixture) -> None:
    row = await setup.add("local")
    await setup.ledger.relocate(row.id, store="s3", sha256=row.sha256 or b"", length_bytes=50_000)
    moved, _ = await move(setup, "s3")
    assert moved.leftovers == 0
    assert await setup.contents("local") == setup.content


async def test_damage_and_loss_are_told_and_left_alone(setup: StoresFixture) -> None:
    sound, damaged, lost = [await setup.add("local") for _ in range(3)]
    await setup.local.put(damaged.key, b"x" * 50_000)
    await setup.local.delete(lost.key)
    moved, _ = await move(setup, "s3")
    assert (moved.missing, moved.damaged, moved.complete) == ([lost.key], [damaged.key], False)
    assert await setup.where() == {sound.key: "s3", damaged.key: "local", lost.key: "local"}
    assert list(await setup.contents("s3")) == [sound.key]
    assert list(await setup.contents("local")) == [damaged.key]


async def test_a_copy_that_came_out_otherwise_is_no_copy(setup: StoresFixture) -> None:
    row = await setup.add("local")
    setup.remote.returns_wrong_bytes = True
    with pytest.raises(Unavailable):
        await move(setup, "s3")
    assert await setup.where() == {row.key: "local"}
    assert await setup.contents("local") == setup.content
    setup.remote.returns_wrong_bytes = False
    assert (await move(setup, "s3"))[0].objects == 1
    assert await setup.contents("s3") == setup.content


async def test_deleted_in_the_middle_it_leaves_no_copy(setup: StoresFixture) -> None:
    row = await setup.add("local")

    async def doom(tx: Transaction) -> None:
        await tx.execute(update(objects).values(state="doomed"))

    setup.remote.after_put = lambda: setup.database.write(doom)
    moved, _ = await move(setup, "s3")
    assert (moved.objects, moved.complete) == (0, True)
    assert await setup.contents("s3") == {}
    assert list(await setup.contents("local")) == [row.key], "it is the collector's"


async def test_what_comes_meanwhile_is_taken_along(setup: StoresFixture) -> None:
    await setup.add("local")

    async def come() -> None:
        if len(setup.content) < 3:
            await setup.add("local")

    setup.remote.after_put = come
    moved, told = await move(setup, "s3")
    assert moved.objects == 3
    assert told[-1].objects_total == 3


async def test_a_store_that_is_away_ends_it_and_changes_nothing(setup: StoresFixture) -> None:
    row = await setup.add("s3", 200_000)
    setup.remote.fails_after = 100_000
    with pytest.raises(Unavailable):
        await move(setup, "local")
    assert await setup.where() == {row.key: "s3"}
    assert await setup.contents("local") == {}
    setup.remote.fails_after = None
    assert (await move(setup, "local"))[0].objects == 1


async def test_a_disk_is_not_filled_up(setup: StoresFixture) -> None:
    await setup.add("s3")
    with pytest.raises(NoSpace):
        await mover(setup, minimum_free_bytes=1 << 60).move("local", lambda _: None)


async def test_there_is_no_moving_to_nowhere(setup: StoresFixture) -> None:
    with pytest.raises(Invalid):
        await move(setup, "moon")
