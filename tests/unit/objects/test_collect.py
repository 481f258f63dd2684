"""Doomed bytes go, wherever they are, with few requests; whatever is away or not ours delays only its own."""

import pytest

from streamtime.errors import Unavailable
from streamtime.objects.holds import BACKUP, COLLECTION
from tests.unit.objects.house import FOLDER, ObjectsSetup

RENDITIONS = 6
SHEETS = 10
"""Of a two-hour video's storyboard; with source, sound, poster and preview beside them, 20 objects."""


async def test_a_film_costs_one_delete_an_object(house: ObjectsSetup) -> None:
    names = ["source", "sound.mp4", "poster.jpg", "preview.mp4"]
    names += [f"{number}.mp4" for number in range(RENDITIONS)] + [f"sheet-{number}.jpg" for number in range(SHEETS)]
    for name in names:
        await house.add(f"{FOLDER}{name}", state="doomed")
    await house.add("videos/bbbb/source")
    assert await house.collector.collect() == len(names)
    assert len(house.local.deletes) == 20
    assert house.far.deletes == []
    assert await house.keys() == ["videos/bbbb/source"]
    assert await house.rows() == 1


async def test_what_a_broken_off_move_left_behind_goes_with_the_rest(house: ObjectsSetup) -> None:
    await house.add(f"{FOLDER}a.mp4", state="doomed")
    await house.put(f"{FOLDER}a.mp4", store="far")
    await house.put(f"{FOLDER}a.mp4", store="spool")
    await house.put(f"{FOLDER}nobody-knows.mp4")
    await house.collector.collect()
    assert [await house.keys(name) for name in house.stores.names] == [[], [], []]


async def test_what_lives_beside_it_stays(house: ObjectsSetup) -> None:
    await house.add(f"{FOLDER}old.jpg", state="doomed")
    await house.add(f"{FOLDER}new.jpg")
    await house.add(f"{FOLDER}growing.mp4", store="spool", state="staging")
    await house.put(f"{FOLDER}unknown.mp4")
    await house.collector.collect()
    assert await house.keys() == [f"{FOLDER}new.jpg", f"{FOLDER}unknown.mp4"]
    assert await house.keys("spool") == [f"{FOLDER}growing.mp4"]


async def test_what_is_missing_already_is_a_success(house: ObjectsSetup) -> None:
    object_id = await house.add(f"{FOLDER}a.mp4", state="doomed")
    await house.local.delete(f"{FOLDER}a.mp4")
    assert await house.collector.collect() == 1
    assert object_id
    assert await house.rows() == 0


async def test_a_multipart_upload_of_it_is_ended(house: ObjectsSetup) -> None:
    await house.add(f"{FOLDER}a.mp4", store="spool", state="doomed")
    await house.local.create_multipart(f"{FOLDER}a.mp4")
    await house.local.create_multipart("videos/bbbb/a.mp4")
    await house.collector.collect()
    assert [upload.key async for upload in house.local.list_multiparts("")] == ["videos/bbbb/a.mp4"]


async def test_a_store_that_is_away_delays_only_its_own(house: ObjectsSetup) -> None:
    await house.add(f"{FOLDER}near.mp4", state="doomed")
    await house.add(f"{FOLDER}far.mp4", store="far", state="doomed")
    house.far.away = True
    with pytest.raises(Unavailable, match="far does not answer"):
        await house.collector.collect()
    assert await house.keys() == []
    assert await house.rows() == 1
    house.far.away = False
    assert await house.collector.collect() == 1
    assert await house.keys("far") == []


async def test_nothing_is_deleted_in_a_store_without_the_marker(house: ObjectsSetup) -> None:
    await house.add(f"{FOLDER}a.mp4", state="doomed")
    await house.local.delete("deployment/marker")
    with pytest.raises(Unavailable, match="lost the marker"):
        await house.collector.collect()
    assert await house.keys() == [f"{FOLDER}a.mp4"]
    await house.deployment.take_over("local")
    assert await house.collector.collect() == 1


async def test_a_backup_and_a_collection_wait_for_each_other(house: ObjectsSetup) -> None:
    await house.add(f"{FOLDER}a.mp4", state="doomed")
    async with house.holds.acquire(BACKUP, conflicts=[COLLECTION]):
        with pytest.raises(Unavailable, match="backup is being made"):
            await house.collector.collect()
        with pytest.raises(Unavailable, match="backup is being made"):
            async with house.holds.acquire(BACKUP):
                pass
    assert await house.collector.collect() == 1
    async with house.holds.acquire(COLLECTION, conflicts=[BACKUP]):
        with pytest.raises(Unavailable, match="removed from disk"):
            async with house.holds.acquire(BACKUP, conflicts=[COLLECTION]):
                pass


async def test_a_hold_whose_holder_died_is_void_a_minute_later(house: ObjectsSetup) -> None:
    died = house.holds.acquire(BACKUP)
    await died.__aenter__()
    await house.add(f"{FOLDER}a.mp4", state="doomed")
    with pytest.raises(Unavailable):
        await house.collector.collect()
    house.clock.at_ms += 61_000
    assert await house.collector.collect() == 1
    with pytest.raises(Unavailable) as told:
        await died.__aexit__(None, None, None)
    assert told.value.code == "hold_lost"
