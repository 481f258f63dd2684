"""An object can be given another key in every store, whether the store can do it by itself or has to copy."""

from pathlib import Path

import pytest

from streamtime.errors import NotFound
from streamtime.maintenance.orphans import rename
from streamtime.storage.object_store import ObjectStore, SupportsRename
from streamtime.storage.spool import Spool

KEY, ASIDE = "videos/a/720p.mp4", "aside/1800000000000/videos/a/720p.mp4"
DATA = b"some bytes" * 10_000


async def test_it_is_there_under_the_other_key_alone(store: ObjectStore) -> None:
    await store.put(KEY, DATA)
    await rename(store, KEY, ASIDE)
    assert await store.head(KEY) is None
    assert await store.get_range(ASIDE, 0, len(DATA)) == DATA
    assert [found.key async for found in store.list("")] == [ASIDE]


async def test_it_takes_the_place_of_one_that_was_left_there(store: ObjectStore) -> None:
    await store.put(ASIDE, b"an earlier try")
    await store.put(KEY, DATA)
    await rename(store, KEY, ASIDE)
    assert await store.get_range(ASIDE, 0, len(DATA)) == DATA


async def test_what_is_not_there_cannot_be_renamed(store: ObjectStore) -> None:
    with pytest.raises(NotFound):
        await rename(store, KEY, ASIDE)
    assert [found.key async for found in store.list("")] == []


async def test_a_reader_of_the_old_key_is_not_served_by_what_it_had_open(store: ObjectStore) -> None:
    await store.put(KEY, DATA)
    assert await store.get_range(KEY, 0, 4) == DATA[:4]
    await rename(store, KEY, ASIDE)
    with pytest.raises(NotFound):
        await store.get_range(KEY, 0, 4)
    await rename(store, ASIDE, KEY)
    assert await store.get_range(KEY, 0, 4) == DATA[:4]


async def test_the_spool_renames_as_well(tmp_path: Path) -> None:
    spool = await Spool.open_at(tmp_path / "spool")
    assert isinstance(spool, SupportsRename)
    async with await spool.create(KEY) as file:
        await file.write_at(0, DATA)
    await rename(spool, KEY, ASIDE)
    assert [found.key async for found in spool.list("")] == [ASIDE]
    assert not (tmp_path / "spool" / "videos").exists()
    await spool.close()
