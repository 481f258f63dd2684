"""Strays are watched, put aside, deleted, in that order and with brakes; what is missing is found."""

from sqlalchemy import delete

from streamtime.database.tables.storage import marked_stores
from streamtime.storage.objects.stores import STORE_ID_KEY, StoreStatus
from tests.unit.maintenance.setup import DAY_MS, ObjectsSetup

STRAY = "videos/gone/stray.mp4"


async def test_a_stray_is_watched_for_a_day_then_put_aside_then_deleted(setup: ObjectsSetup) -> None:
    await setup.many(30)
    await setup.put(STRAY)
    for _ in range(3):
        report = await setup.reconcile()
        assert (report.observed, report.quarantined) == (1, 0)
    setup.clock.at_ms += DAY_MS
    assert (await setup.reconcile()).quarantined == 1
    aside = f"aside/{setup.clock.at_ms}/{STRAY}"
    assert await setup.keys(prefix="aside/") == [aside]
    assert len(await setup.keys()) == 30
    setup.clock.at_ms += 7 * DAY_MS - 1
    assert (await setup.reconcile()).in_quarantine == 1
    setup.clock.at_ms += 1
    assert (await setup.reconcile()).deleted == 1
    assert await setup.keys(prefix="aside/") == []
    assert await setup.stray_rows() == 0
    assert setup.local.deletes == [aside]


async def test_age_alone_is_not_enough(setup: ObjectsSetup) -> None:
    await setup.many(30)
    await setup.put(STRAY)
    setup.watched_ms = 0
    assert (await setup.reconcile()).observed == 1
    assert (await setup.reconcile()).quarantined == 1


async def test_more_than_a_twentieth_is_refused(setup: ObjectsSetup) -> None:
    await setup.many(18)
    await setup.put(STRAY)
    setup.watched_ms = 0
    await setup.reconcile()
    report = await setup.reconcile()
    assert "1 of the 19 objects" in report.error
    assert "gc --take-over" in report.error
    assert STRAY in await setup.keys()
    assert (await setup.reconcile(ignore_share_limit=True)).quarantined == 1


async def test_a_dry_run_changes_nothing(setup: ObjectsSetup) -> None:
    await setup.many(30)
    await setup.put(STRAY)
    setup.watched_ms = 0
    for _ in range(3):
        assert (await setup.reconcile(dry_run=True)).observed == 1
    assert await setup.stray_rows() == 0
    await setup.reconcile()
    assert (await setup.reconcile(dry_run=True)).quarantined == 1
    assert STRAY in await setup.keys()


async def test_an_unmounted_disk_does_not_look_like_an_empty_one(setup: ObjectsSetup) -> None:
    await setup.many(3)
    setup.local._objects.clear()
    report = await setup.reconcile()
    assert "lost its store id" in report.error
    assert report.missing == []


async def test_a_store_of_another_deployment_is_left_alone(setup: ObjectsSetup) -> None:
    await setup.many(3)
    await setup.put(STRAY)
    await setup.local.put(STORE_ID_KEY, b"somebody else's")
    setup.watched_ms = 0
    for _ in range(2):
        assert "another deployment" in (await setup.reconcile()).error
    assert STRAY in await setup.keys()


async def test_a_copy_that_a_move_left_is_a_stray_but_one_on_its_way_is_not(setup: ObjectsSetup) -> None:
    await setup.many(30)
    await setup.many(0, store="far")
    await setup.add("videos/moved/a.mp4", store="far")
    await setup.put("videos/moved/a.mp4")
    await setup.add("videos/coming/a.mp4", store="spool")
    await setup.put("videos/coming/a.mp4")
    setup.watched_ms = 0
    await setup.reconcile()
    assert (await setup.reconcile()).quarantined == 1
    assert "videos/coming/a.mp4" in await setup.keys()
    assert "videos/moved/a.mp4" not in await setup.keys()
    assert await setup.keys("far") == ["videos/moved/a.mp4"]


async def test_what_was_put_aside_and_is_needed_after_all_comes_back(setup: ObjectsSetup) -> None:
    await setup.many(30)
    object_id = await setup.add("videos/moved/a.mp4", store="far")
    await setup.put("videos/moved/a.mp4")
    setup.watched_ms = 0
    await setup.reconcile()
    await setup.reconcile()
    await setup.change(object_id, store="local")
    report = await setup.reconcile()
    assert (report.restored, report.missing) == (1, [])
    assert "videos/moved/a.mp4" in await setup.keys()
    assert await setup.stray_rows() == 1  # the other store has a copy now


async def test_leftovers_of_the_spool_are_found(setup: ObjectsSetup) -> None:
    for number in range(30):
        await setup.add(f"videos/crowd/{number}.mp4", store="spool")
    await setup.put(STRAY, store="spool")
    setup.watched_ms = 0
    await setup.reconcile("spool")
    assert (await setup.reconcile("spool")).quarantined == 1
    assert STRAY not in await setup.keys("spool")
    assert len(await setup.keys("spool", "aside/")) == 1


async def test_multipart_uploads_that_nobody_knows_are_ended(setup: ObjectsSetup) -> None:
    await setup.local.create_multipart(STRAY)
    setup.watched_ms = 0
    assert (await setup.reconcile()).aborted == 0
    assert (await setup.reconcile()).aborted == 1
    assert [upload async for upload in setup.local.list_multiparts("")] == []


async def test_what_is_missing_is_marked_and_counts_as_sound_when_it_is_back(setup: ObjectsSetup) -> None:
    await setup.many(3)
    gone, short = await setup.add("videos/a/gone.mp4"), await setup.add("videos/a/short.mp4")
    await setup.local.delete("videos/a/gone.mp4")
    await setup.local.put("videos/a/short.mp4", b"some")
    report = await setup.reconcile()
    assert {one.id: one.message for one in report.missing} == {
        gone: "It is missing from the store.",
        short: "It has 4 bytes instead of 10.",
    }
    assert (await setup.row(gone))["damage"] == "It is missing from the store."
    await setup.put("videos/a/gone.mp4")
    assert [one.id for one in (await setup.reconcile()).missing] == [short]
    assert (await setup.row(gone))["damage"] is None


async def test_a_new_store_that_holds_what_nobody_here_wrote_is_not_ours(setup: ObjectsSetup) -> None:
    await setup.far.put("videos/theirs/a.mp4", b"x")
    await setup.far.delete(STORE_ID_KEY)
    await setup.write(delete(marked_stores).where(marked_stores.c.store == "far"))
    assert await setup.another_deployment().check("far") is StoreStatus.UNKNOWN_CONTENT
    await setup.add("videos/ours/a.mp4", store="far")
    assert await setup.another_deployment().check("far") is StoreStatus.OWNED
