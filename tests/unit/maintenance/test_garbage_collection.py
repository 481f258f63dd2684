"""Garbage collection: the bytes of objects pending deletion are deleted, then their rows."""

import pytest

from streamtime.errors import Unavailable
from streamtime.storage.objects.leases import BACKUP, COLLECTION
from tests.unit.maintenance.setup import FOLDER, ObjectsSetup

RENDITIONS = 6
SHEETS = 10
"""Of a two-hour video's storyboard; with source, sound, poster and preview beside them, 20 objects."""


async def test_a_film_costs_one_delete_an_object(setup: ObjectsSetup) -> None:
    names = ["source", "sound.mp4", "poster.jpg", "preview.mp4"]
    names += [f"{number}.mp4" for number in range(RENDITIONS)] + [f"sheet-{number}.jpg" for number in range(SHEETS)]
    for name in names:
        await setup.add(f"{FOLDER}{name}", state="doomed")
    await setup.add("videos/bbbb/source")
    assert await setup.collector.collect() == len(names)
    assert len(setup.local.deletes) == 20
    assert setup.far.deletes == []
    assert await setup.keys() == ["videos/bbbb/source"]
    assert await setup.rows() == 1


async def test_what_a_broken_off_move_left_behind_goes_with_the_rest(setup: ObjectsSetup) -> None:
    await setup.add(f"{FOLDER}a.mp4", state="doomed")
    await setup.put(f"{FOLDER}a.mp4", store="far")
    await setup.put(f"{FOLDER}a.mp4", store="spool")
    await setup.put(f"{FOLDER}nobody-knows.mp4")
    await setup.collector.collect()
    assert [await setup.keys(name) for name in setup.stores.names] == [[], [], []]


async def test_what_lives_beside_it_stays(setup: ObjectsSetup) -> None:
    await setup.add(f"{FOLDER}old.jpg", state="doomed")
    await setup.add(f"{FOLDER}new.jpg")
    await setup.add(f"{FOLDER}growing.mp4", store="spool", state="staging")
    await setup.put(f"{FOLDER}unknown.mp4")
    await setup.collector.collect()
    assert await setup.keys() == [f"{FOLDER}new.jpg", f"{FOLDER}unknown.mp4"]
    assert await setup.keys("spool") == [f"{FOLDER}growing.mp4"]


async def test_what_is_missing_already_is_a_success(setup: ObjectsSetup) -> None:
    object_id = await setup.add(f"{FOLDER}a.mp4", state="doomed")
    await setup.local.delete(f"{FOLDER}a.mp4")
    assert await setup.collector.collect() == 1
    assert object_id
    assert await setup.rows() == 0


async def test_a_multipart_upload_of_it_is_ended(setup: ObjectsSetup) -> None:
    await setup.add(f"{FOLDER}a.mp4", store="spool", state="doomed")
    await setup.local.create_multipart(f"{FOLDER}a.mp4")
    await setup.local.create_multipart("videos/bbbb/a.mp4")
    await setup.collector.collect()
    assert [upload.key async for upload in setup.local.list_multiparts("")] == ["videos/bbbb/a.mp4"]


async def test_a_store_that_is_away_delays_only_its_own(setup: ObjectsSetup) -> None:
    await setup.add(f"{FOLDER}near.mp4", state="doomed")
    await setup.add(f"{FOLDER}far.mp4", store="far", state="doomed")
    setup.far.away = True
    with pytest.raises(Unavailable, match="far does not answer"):
        await setup.collector.collect()
    assert await setup.keys() == []
    assert await setup.rows() == 1
    setup.far.away = False
    assert await setup.collector.collect() == 1
    assert await setup.keys("far") == []


async def test_nothing_is_deleted_in_a_store_without_the_marker(setup: ObjectsSetup) -> None:
    await setup.add(f"{FOLDER}a.mp4", state="doomed")
    await setup.local.delete("deployment/marker")
    with pytest.raises(Unavailable, match="lost its store id"):
        await setup.collector.collect()
    assert await setup.keys() == [f"{FOLDER}a.mp4"]
    await setup.deployment.take_over("local")
    assert await setup.collector.collect() == 1


async def test_a_backup_and_a_collection_wait_for_each_other(setup: ObjectsSetup) -> None:
    await setup.add(f"{FOLDER}a.mp4", state="doomed")
    async with setup.holds.acquire(BACKUP, conflicts=[COLLECTION]):
        with pytest.raises(Unavailable, match="backup is running"):
            await setup.collector.collect()
        with pytest.raises(Unavailable, match="backup is running"):
            async with setup.holds.acquire(BACKUP):
                pass
    assert await setup.collector.collect() == 1
    async with setup.holds.acquire(COLLECTION, conflicts=[BACKUP]):
        with pytest.raises(Unavailable, match="garbage collection is running"):
            async with setup.holds.acquire(BACKUP, conflicts=[COLLECTION]):
                pass


async def test_a_hold_whose_holder_died_is_void_a_minute_later(setup: ObjectsSetup) -> None:
    died = setup.holds.acquire(BACKUP)
    await died.__aenter__()
    await setup.add(f"{FOLDER}a.mp4", state="doomed")
    with pytest.raises(Unavailable):
        await setup.collector.collect()
    setup.clock.at_ms += 61_000
    assert await setup.collector.collect() == 1
    with pytest.raises(Unavailable) as told:
        await died.__aexit__(None, None, None)
    assert told.value.code == "hold_lost"
