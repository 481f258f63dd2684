"""Objects are read again and compared; a store that is merely away has no damage."""

import hashlib

from tests.unit.maintenance.setup import DAY_MS, ObjectsSetup

DATA = b"some bytes"
SOUND = hashlib.sha256(DATA).digest()


async def test_what_has_no_hash_gets_one(setup: ObjectsSetup) -> None:
    object_id = await setup.add("videos/a/a.mp4")
    report = await setup.scrubber().scrub(for_s=60)
    assert (report.objects, report.length_bytes, report.damaged) == (1, 10, [])
    row = await setup.row(object_id)
    assert (row["sha256"], row["scrubbed_at_ms"], row["damage"]) == (SOUND, setup.clock.at_ms, None)


async def test_other_bytes_are_damage_and_the_right_ones_mend_it(setup: ObjectsSetup) -> None:
    object_id = await setup.add("videos/a/a.mp4", sha256=SOUND)
    await setup.local.put("videos/a/a.mp4", b"some bytez")
    (damaged,) = (await setup.scrubber().scrub(for_s=60)).damaged
    assert (damaged.id, damaged.message) == (object_id, "Its bytes are not those that were written.")
    await setup.local.put("videos/a/a.mp4", DATA)
    assert (await setup.scrubber().scrub(for_s=60)).objects == 0
    setup.clock.at_ms += DAY_MS + 1
    assert (await setup.scrubber().scrub(for_s=60)).damaged == []
    assert (await setup.row(object_id))["damage"] is None


async def test_what_is_missing_or_shorter_is_damage(setup: ObjectsSetup) -> None:
    for name in ("gone", "short"):
        await setup.add(f"videos/a/{name}.mp4", sha256=SOUND)
    await setup.local.delete("videos/a/gone.mp4")
    await setup.local.put("videos/a/short.mp4", b"some")
    words = [one.message for one in (await setup.scrubber().scrub(for_s=60)).damaged]
    assert words == ["It is missing from the store.", "It has 4 bytes instead of 10."]


async def test_a_store_that_is_away_has_no_damage(setup: ObjectsSetup) -> None:
    away = await setup.add("videos/a/far.mp4", store="far", sha256=SOUND)
    near = await setup.add("videos/a/near.mp4", sha256=SOUND)
    setup.far.away = True
    report = await setup.scrubber().scrub(for_s=60)
    assert (report.unavailable, report.objects, report.damaged) == (["far"], 1, [])
    assert (await setup.row(away))["scrubbed_at_ms"] is None
    assert (await setup.row(near))["scrubbed_at_ms"] is not None


async def test_the_longest_unread_goes_first_and_a_stretch_has_an_end(setup: ObjectsSetup) -> None:
    ids = [await setup.add(f"videos/a/{number}.mp4", sha256=SOUND) for number in range(3)]
    for age, object_id in enumerate(ids, start=2):
        await setup.change(object_id, scrubbed_at_ms=setup.clock.at_ms - age * DAY_MS)
    scrubber = setup.scrubber()
    report = await scrubber.scrub(for_s=0)
    assert (report.objects, report.more) == (0, True)
    found = await setup.inventory.next_to_scrub(["local"], before_ms=setup.clock.at_ms)
    assert found is not None
    assert found.id == ids[-1]
    assert not await setup.scrubber(every_ms=0).due()
