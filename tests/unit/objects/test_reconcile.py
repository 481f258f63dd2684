"""Strays are watched, put aside, deleted, in that order and with brakes; what is missing is found."""

from sqlalchemy import delete

from streamtime.database.tables import marks
from streamtime.objects.deployment import STORE_ID_KEY, StoreStatus
from tests.unit.objects.house import DAY_MS, ObjectsSetup

STRAY = "videos/gone/stray.mp4"


async def test_a_stray_is_watched_for_a_day_then_put_aside_then_deleted(house: ObjectsSetup) -> None:
    await house.many(30)
    await house.put(STRAY)
    for _ in range(3):
        report = await house.reconcile()
        assert (report.watched, report.put_aside) == (1, 0)
    house.clock.at_ms += DAY_MS
    assert (await house.reconcile()).put_aside == 1
    aside = f"aside/{house.clock.at_ms}/{STRAY}"
    assert await house.keys(prefix="aside/") == [aside]
    assert len(await house.keys()) == 30
    house.clock.at_ms += 7 * DAY_MS - 1
    assert (await house.reconcile()).aside == 1
    house.clock.at_ms += 1
    assert (await house.reconcile()).deleted == 1
    assert await house.keys(prefix="aside/") == []
    assert await house.stray_rows() == 0
    assert house.local.deletes == [aside]


async def test_age_alone_is_not_enough(house: ObjectsSetup) -> None:
    await house.many(30)
    await house.put(STRAY)
    house.watched_ms = 0
    assert (await house.reconcile()).watched == 1
    assert (await house.reconcile()).put_aside == 1


async def test_more_than_a_twentieth_is_refused(house: ObjectsSetup) -> None:
    await house.many(18)
    await house.put(STRAY)
    house.watched_ms = 0
    await house.reconcile()
    report = await house.reconcile()
    assert "1 of the 19 objects" in report.refused
    assert "gc --take-over" in report.refused
    assert STRAY in await house.keys()
    assert (await house.reconcile(despite_share=True)).put_aside == 1


async def test_a_dry_run_changes_nothing(house: ObjectsSetup) -> None:
    await house.many(30)
    await house.put(STRAY)
    house.watched_ms = 0
    for _ in range(3):
        assert (await house.reconcile(dry_run=True)).watched == 1
    assert await house.stray_rows() == 0
    await house.reconcile()
    assert (await house.reconcile(dry_run=True)).put_aside == 1
    assert STRAY in await house.keys()


async def test_an_unmounted_disk_does_not_look_like_an_empty_one(house: ObjectsSetup) -> None:
    await house.many(3)
    house.local._objects.clear()
    report = await house.reconcile()
    assert "lost the marker" in report.refused
    assert report.missing == []


async def test_a_store_of_another_deployment_is_left_alone(house: ObjectsSetup) -> None:
    await house.many(3)
    await house.put(STRAY)
    await house.local.put(STORE_ID_KEY, b"somebody else's")
    house.watched_ms = 0
    for _ in range(2):
        assert "another deployment" in (await house.reconcile()).refused
    assert STRAY in await house.keys()


async def test_a_copy_that_a_move_left_is_a_stray_but_one_on_its_way_is_not(house: ObjectsSetup) -> None:
    await house.many(30)
    await house.many(0, store="far")
    await house.add("videos/moved/a.mp4", store="far")
    await house.put("videos/moved/a.mp4")
    await house.add("videos/coming/a.mp4", store="spool")
    await house.put("videos/coming/a.mp4")
    house.watched_ms = 0
    await house.reconcile()
    assert (await house.reconcile()).put_aside == 1
    assert "videos/coming/a.mp4" in await house.keys()
    assert "videos/moved/a.mp4" not in await house.keys()
    assert await house.keys("far") == ["videos/moved/a.mp4"]


async def test_what_was_put_aside_and_is_needed_after_all_comes_back(house: ObjectsSetup) -> None:
    await house.many(30)
    object_id = await house.add("videos/moved/a.mp4", store="far")
    await house.put("videos/moved/a.mp4")
    house.watched_ms = 0
    await house.reconcile()
    await house.reconcile()
    await house.change(object_id, store="local")
    report = await house.reconcile()
    assert (report.brought_back, report.missing) == (1, [])
    assert "videos/moved/a.mp4" in await house.keys()
    assert await house.stray_rows() == 1  # the other store has a copy now


async def test_leftovers_of_the_spool_are_found(house: ObjectsSetup) -> None:
    for number in range(30):
        await house.add(f"videos/crowd/{number}.mp4", store="spool")
    await house.put(STRAY, store="spool")
    house.watched_ms = 0
    await house.reconcile("spool")
    assert (await house.reconcile("spool")).put_aside == 1
    assert STRAY not in await house.keys("spool")
    assert len(await house.keys("spool", "aside/")) == 1


async def test_multipart_uploads_that_nobody_knows_are_ended(house: ObjectsSetup) -> None:
    await house.local.create_multipart(STRAY)
    house.watched_ms = 0
    assert (await house.reconcile()).aborted == 0
    assert (await house.reconcile()).aborted == 1
    assert [upload async for upload in house.local.list_multiparts("")] == []


async def test_what_is_missing_is_marked_and_counts_as_sound_when_it_is_back(house: ObjectsSetup) -> None:
    await house.many(3)
    gone, short = await house.add("videos/a/gone.mp4"), await house.add("videos/a/short.mp4")
    await house.local.delete("videos/a/gone.mp4")
    await house.local.put("videos/a/short.mp4", b"some")
    report = await house.reconcile()
    assert {one.id: one.message for one in report.missing} == {
        gone: "It is missing from the store.",
        short: "It has 4 bytes instead of 10.",
    }
    assert (await house.row(gone))["damage"] == "It is missing from the store."
    await house.put("videos/a/gone.mp4")
    assert [one.id for one in (await house.reconcile()).missing] == [short]
    assert (await house.row(gone))["damage"] is None


async def test_a_new_store_that_holds_what_nobody_here_wrote_is_not_ours(house: ObjectsSetup) -> None:
    await house.far.put("videos/theirs/a.mp4", b"x")
    await house.far.delete(STORE_ID_KEY)
    await house.write(delete(marks).where(marks.c.store == "far"))
    assert await house.another_deployment().check("far") is StoreStatus.UNKNOWN_CONTENT
    await house.add("videos/ours/a.mp4", store="far")
    assert await house.another_deployment().check("far") is StoreStatus.OWNED
