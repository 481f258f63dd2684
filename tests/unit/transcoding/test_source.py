"""Objects fetched back for a worker: once for all, gone afterwards, never half or wrong."""

import asyncio
import gc
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamtime.errors import NoSpace, NotFound, Unavailable
from streamtime.jobs.job import AttemptFailed
from streamtime.storage.object_store import OpenedFile
from streamtime.storage.objects.ledger import ObjectRow
from streamtime.storage.objects.stores import Stores
from streamtime.storage.spool import Spool
from streamtime.transcoding.source import MAX_REQUEST_BYTES, MERGE_GAP_BYTES, Fetcher, merge_ranges
from tests.remote_store import RemoteStore

KEY = "videos/a/film.mp4"
FILM = os.urandom(3_000_000)


@pytest.fixture
async def remote() -> RemoteStore:
    store = RemoteStore()
    await store.put(KEY, FILM)
    return store


@pytest.fixture
async def stores(tmp_path: Path, remote: RemoteStore) -> AsyncIterator[Stores]:
    spool = await Spool.open_at(tmp_path / "spool")
    yield Stores(spool, {"s3": remote}, default_name="s3")
    await spool.close()


@pytest.fixture
def fetcher(stores: Stores) -> Fetcher:
    return Fetcher(stores, minimum_free_bytes=lambda: 0, cache_ttl_s=0)


def row(*, sha256: bytes | None = None, key: str = KEY) -> ObjectRow:
    return ObjectRow(7, "s3", key, "live", "source", len(FILM), sha256 or hashlib.sha256(FILM).digest())


def content(file: OpenedFile) -> bytes:
    return os.pread(file.descriptor, len(FILM) + 1, 0)


async def test_one_fetch_serves_all_and_leaves_nothing(fetcher: Fetcher, remote: RemoteStore, stores: Stores) -> None:
    files = await asyncio.gather(*[fetcher.fetch(row()) for _ in range(5)])
    assert {content(file) for file in files} == {FILM}
    assert remote.calls["stream"] == 1
    assert [file async for file in stores.spool.list()] == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(files[0].descriptor, b"a worker cannot write into it")
    again = await fetcher.fetch(row())
    assert content(again) == FILM
    assert remote.calls["stream"] == 1, "it is still there while somebody holds it"


async def test_it_goes_when_nobody_holds_it(fetcher: Fetcher, remote: RemoteStore, open_there: "OpenThere") -> None:
    held = [await fetcher.fetch(row())]
    assert open_there() == 1
    held.clear()
    gc.collect()
    async with asyncio.timeout(60):
        while open_there():
            await asyncio.sleep(0.001)
    held.append(await fetcher.fetch(row()))
    assert remote.calls["stream"] == 2


async def test_what_breaks_off_is_gone_on_with(fetcher: Fetcher, remote: RemoteStore) -> None:
    remote.fails_after = 1_200_000
    assert content(await fetcher.fetch(row())) == FILM
    assert remote.calls["stream"] > 1


async def test_a_store_that_gives_nothing_is_away(
    fetcher: Fetcher, remote: RemoteStore, open_there: "OpenThere"
) -> None:
    remote.fails_after = 0
    with pytest.raises(Unavailable):
        await fetcher.fetch(row())
    assert open_there() == 0
    remote.fails_after = None
    assert content(await fetcher.fetch(row())) == FILM


async def test_other_bytes_than_were_stored_are_not_handed_out(fetcher: Fetcher) -> None:
    with pytest.raises(AttemptFailed) as told:
        await fetcher.fetch(row(sha256=bytes(32)))
    assert told.value.code == "object_damaged"


async def test_nothing_is_fetched_where_there_is_no_room(stores: Stores, remote: RemoteStore) -> None:
    with pytest.raises(NoSpace):
        await Fetcher(stores, minimum_free_bytes=lambda: 1 << 60).fetch(row())
    assert not remote.calls


async def test_what_is_gone_is_gone(fetcher: Fetcher) -> None:
    with pytest.raises(NotFound):
        await fetcher.fetch(row(key="videos/a/other.mp4"))


async def test_parts_lie_where_they_lay(fetcher: Fetcher, remote: RemoteStore) -> None:
    runs = [(0, 1000), (2_000_000, 5000), (2_004_000, 3000)]
    file = await fetcher.fetch_ranges(row(), runs)
    for offset, length in runs:
        assert os.pread(file.descriptor, length, offset) == FILM[offset : offset + length]
    assert os.fstat(file.descriptor).st_size == len(FILM)
    assert remote.calls == {"get_range": 2}


async def test_many_parts_are_better_had_whole(fetcher: Fetcher, remote: RemoteStore) -> None:
    assert content(await fetcher.fetch_ranges(row(), [(0, 1000), (1000, 2_000_000)])) == FILM
    assert remote.calls == {"stream": 1}


def test_runs_are_joined_and_bounded() -> None:
    near, far = 100 + MERGE_GAP_BYTES, 1000 + 3 * MERGE_GAP_BYTES
    assert merge_ranges([(far, 10), (0, 100), (near, 50), (20, 10)]) == [(0, near + 50), (far, 10)]
    long = merge_ranges([(5, MAX_REQUEST_BYTES * 2 + 1)])
    assert [length for _, length in long] == [MAX_REQUEST_BYTES, MAX_REQUEST_BYTES, 1]
    assert merge_ranges([]) == []


class OpenThere:
    """How many files without a name this process has open under a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __call__(self) -> int:
        found = 0
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except FileNotFoundError:
                continue
            found += target.startswith(self._folder) and target.endswith("(deleted)")
        return found


@pytest.fixture
def open_there(tmp_path: Path) -> OpenThere:
    return OpenThere(tmp_path)
