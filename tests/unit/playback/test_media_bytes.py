"""Runs of bytes from a store that answers late: kept, read ahead, and found again where they were moved to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from streamtime.errors import NotFound, ObjectDamaged, Unavailable
from streamtime.playback.media_reader import ByteRange, MediaRange, MediaReader, SegmentCache
from streamtime.storage.objects.ledger import ObjectRow
from tests.stores_fixture import StoresFixture, open_stores

SEGMENT = 10_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoresFixture]:
    async with open_stores(tmp_path) as made:
        yield made


@pytest.fixture
async def reader(house: StoresFixture) -> AsyncIterator[MediaReader]:
    made = MediaReader(house.stores, house.ledger, SegmentCache(10 * SEGMENT))
    yield made
    await made.close()


def segment(row: ObjectRow, number: int) -> MediaRange:
    last = (number + 1) * SEGMENT >= row.length_bytes
    return MediaRange(
        row.id, row.store, row.key, number * SEGMENT, SEGMENT, '"x"', "video/mp4", immutable=True,
        following_length=0 if last else SEGMENT,
    )  # fmt: skip


def original(row: ObjectRow) -> MediaRange:
    return MediaRange(row.id, row.store, row.key, 0, row.length_bytes, '"x"', "video/mp4", immutable=False)


async def settled(house: StoresFixture, reads: int) -> None:
    """Return when so many reads were begun and the last of them had its chance to end."""
    async with asyncio.timeout(60):
        while house.remote.calls["get_range"] < reads:
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)


async def test_two_hundred_viewers_cost_one_read_a_segment(house: StoresFixture, reader: MediaReader) -> None:
    row = await house.add("s3", 5 * SEGMENT)
    whole = house.content[row.key]
    for number in range(5):
        media = segment(row, number)
        got = await asyncio.gather(*[reader.read(media, 0, SEGMENT) for _ in range(200)])
        assert set(got) == {whole[number * SEGMENT : (number + 1) * SEGMENT]}
    await settled(house, 5)
    assert house.remote.calls == {"get_range": 5}


async def test_the_next_segment_is_there_before_it_is_asked_for(house: StoresFixture, reader: MediaReader) -> None:
    row = await house.add("s3", 3 * SEGMENT)
    assert reader.read_nowait(segment(row, 0)) is None
    await reader.read(segment(row, 0), 0, SEGMENT)
    await settled(house, 2)
    assert reader.read_nowait(segment(row, 1)) == house.content[row.key][SEGMENT : 2 * SEGMENT]
    await settled(house, 3)
    assert reader.read_nowait(segment(row, 2)) is not None, "a hot one is read ahead of, too"
    assert house.remote.calls == {"get_range": 3}


async def test_a_part_of_a_segment_comes_from_the_whole(house: StoresFixture, reader: MediaReader) -> None:
    row = await house.add("s3", SEGMENT)
    for start in (0, 5_000):
        assert await reader.read(segment(row, 0), start, 100) == house.content[row.key][start : start + 100]
    assert house.remote.calls == {"get_range": 1}


async def test_originals_are_streamed_and_not_kept(house: StoresFixture, reader: MediaReader) -> None:
    row = await house.add("s3", SEGMENT)
    assert not reader.reads_whole(original(row), SEGMENT)
    for _ in range(2):
        assert b"".join([piece async for piece in reader.stream(original(row), 0, SEGMENT)]) == house.content[row.key]
    assert house.remote.calls == {"stream": 2}


async def test_a_disk_is_not_read_ahead(house: StoresFixture, reader: MediaReader) -> None:
    row = await house.add("local", 2 * SEGMENT)
    assert reader.reads_whole(original(row), SEGMENT)
    await reader.read(segment(row, 0), 0, SEGMENT)
    assert reader.read_nowait(segment(row, 0)) is not None
    for _ in range(20):
        await asyncio.sleep(0)
    await house.local.delete(row.key)
    assert reader.read_nowait(segment(row, 1)) is None


@pytest.mark.parametrize(("place", "other"), [("local", "s3"), ("s3", "local")])
async def test_moved_after_the_look_up_it_is_read_in_the_new_place(
    house: StoresFixture, reader: MediaReader, place: str, other: str
) -> None:
    row = await house.add(place, 2 * SEGMENT)
    await house.stores.object_stores[other].put(row.key, house.content[row.key])
    await house.ledger.relocate(row.id, store=other, sha256=row.sha256 or b"", length_bytes=row.length_bytes)
    await house.stores.object_stores[place].delete(row.key)
    assert await reader.read(segment(row, 1), 0, SEGMENT) == house.content[row.key][SEGMENT:]
    pieces = [piece async for piece in reader.stream(original(row), 5, SEGMENT)]
    assert b"".join(pieces) == house.content[row.key][5 : SEGMENT + 5]


async def test_moved_in_the_middle_of_a_stream_it_goes_on_in_the_new_place(
    house: StoresFixture, reader: MediaReader
) -> None:
    row = await house.add("s3", 300_000)
    stream = reader.stream(original(row), 0, row.length_bytes)
    got = await anext(stream)
    await house.local.put(row.key, house.content[row.key])
    await house.ledger.relocate(row.id, store="local", sha256=row.sha256 or b"", length_bytes=row.length_bytes)
    house.remote.fails_after = len(got)
    assert got + b"".join([piece async for piece in stream]) == house.content[row.key]


async def test_what_breaks_off_without_having_moved_ends_in_the_error(
    house: StoresFixture, reader: MediaReader
) -> None:
    row = await house.add("s3", 300_000)
    house.remote.fails_after = 100_000
    with pytest.raises(Unavailable):
        assert [piece async for piece in reader.stream(original(row), 0, row.length_bytes)]


async def test_lost_is_lost(house: StoresFixture, reader: MediaReader) -> None:
    row = await house.add("s3", SEGMENT)
    await house.remote.delete(row.key)
    with pytest.raises(NotFound):
        await reader.read(segment(row, 0), 0, SEGMENT)


async def test_a_store_that_is_away_is_asked_anew_by_the_next(house: StoresFixture, reader: MediaReader) -> None:
    row = await house.add("s3", SEGMENT)
    house.remote.unavailable = True
    with pytest.raises(Unavailable):
        await reader.read(segment(row, 0), 0, SEGMENT)
    house.remote.unavailable = False
    assert await reader.read(segment(row, 0), 0, SEGMENT) == house.content[row.key]


@pytest.mark.parametrize("place", ["local", "s3"])
async def test_runs_of_other_lengths_at_the_same_offset_are_kept_apart(
    house: StoresFixture, reader: MediaReader, place: str
) -> None:
    row = await house.add(place, 2 * SEGMENT)
    whole = replace(original(row), immutable=True)
    init = replace(whole, length=100, following_length=SEGMENT)
    for _ in range(3):
        for media in (init, whole, init):
            assert await reader.read(media, 0, media.length) == house.content[row.key][: media.length]
            assert reader.read_nowait(media) in {None, house.content[row.key][: media.length]}


@pytest.mark.parametrize("off_by", [-1, 1, SEGMENT])
async def test_a_store_that_gives_another_number_of_bytes_is_not_believed(
    house: StoresFixture, reader: MediaReader, off_by: int
) -> None:
    row = await house.add("s3", 3 * SEGMENT)
    house.remote.off_by = off_by
    with pytest.raises(ObjectDamaged):
        await reader.read(segment(row, 0), 0, SEGMENT)
    with pytest.raises(ObjectDamaged):
        await gathered(reader.stream(replace(original(row), length=SEGMENT), 0, SEGMENT))
    house.remote.off_by = 0
    assert await reader.read(segment(row, 0), 0, SEGMENT) == house.content[row.key][:SEGMENT]


async def gathered(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def test_nothing_is_kept_under_another_length() -> None:
    hot = SegmentCache(1000)
    with pytest.raises(ValueError, match="3 bytes"):
        hot.put(ByteRange("videos/a", 0, 4), b"abc")
