"""What a store promises when it can adopt files or read without waiting: all adapters of one machine do."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.storage.local.store import LocalStore
from streamtime.storage.memory import MemoryStore
from streamtime.storage.object_store import (
    ObjectStore,
    SupportsAdopt,
    SupportsOpenFile,
    SupportsPartSize,
    SupportsReadNowait,
)
from streamtime.storage.s3.store import S3Store
from streamtime.storage.wrappers import MeteredStore, RetryingStore, StoreMetrics
from tests.s3 import Bucket

KEY = "videos/a/original"
DATA = b"0123456789" * 300_000


def adopting(store: ObjectStore) -> SupportsAdopt:
    assert isinstance(store, SupportsAdopt)
    return store


async def test_a_file_becomes_an_object_and_stays(near_store: ObjectStore, make_file: Callable[[bytes], Path]) -> None:
    path = make_file(DATA)
    stored = await adopting(near_store).adopt(KEY, path)
    assert (stored.key, stored.length_bytes, stored.sha256) == (KEY, len(DATA), hashlib.sha256(DATA).digest())
    assert path.read_bytes() == DATA
    path.unlink()
    assert await near_store.get_range(KEY, 0, len(DATA)) == DATA


async def test_adopting_again_after_a_crash_is_a_success(
    near_store: ObjectStore, make_file: Callable[[bytes], Path]
) -> None:
    path = make_file(DATA)
    first = await adopting(near_store).adopt(KEY, path)
    assert await adopting(near_store).adopt(KEY, path) == first
    assert await adopting(near_store).adopt(KEY, make_file(DATA)) == first


async def test_a_key_that_holds_something_else_is_not_overwritten(
    near_store: ObjectStore, make_file: Callable[[bytes], Path]
) -> None:
    await near_store.put(KEY, b"something else")
    with pytest.raises(Conflict):
        await adopting(near_store).adopt(KEY, make_file(DATA))
    assert await near_store.get_range(KEY, 0, 14) == b"something else"


async def test_a_file_that_is_missing_is_not_found(near_store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await adopting(near_store).adopt(KEY, tmp_path / "missing")
    assert await near_store.head(KEY) is None


async def test_an_empty_file_is_adopted(near_store: ObjectStore, make_file: Callable[[bytes], Path]) -> None:
    assert (await adopting(near_store).adopt(KEY, make_file(b""))).length_bytes == 0
    assert await near_store.get_range(KEY, 0, 0) == b""


async def test_a_bad_key_adopts_nothing(near_store: ObjectStore, make_file: Callable[[bytes], Path]) -> None:
    with pytest.raises(Invalid):
        await adopting(near_store).adopt("../outside", make_file(DATA))


async def test_what_was_just_read_can_be_read_again_now(near_store: ObjectStore) -> None:
    assert isinstance(near_store, SupportsReadNowait)
    await near_store.put(KEY, DATA)
    await near_store.get_range(KEY, 0, len(DATA))
    assert near_store.read_nowait(KEY, 5, 10) == b"5678901234"
    assert near_store.read_nowait(KEY, len(DATA) - 1, 1) == b"9"
    assert near_store.read_nowait(KEY, len(DATA) - 1, 2) is None
    assert near_store.read_nowait("videos/b/missing", 0, 1) is None
    await near_store.delete(KEY)
    assert near_store.read_nowait(KEY, 0, 1) is None


def abilities(store: object) -> list[type]:
    return [
        each
        for each in (SupportsAdopt, SupportsReadNowait, SupportsOpenFile, SupportsPartSize)
        if isinstance(store, each)
    ]


async def test_a_wrapped_store_can_what_the_inner_one_can_and_nothing_else(store: ObjectStore) -> None:
    for wrapped in (
        RetryingStore(store),
        MeteredStore(store, "any", StoreMetrics()),
        MeteredStore(RetryingStore(store), "", StoreMetrics()),
    ):
        assert abilities(wrapped) == abilities(store)


async def test_only_what_is_on_this_machine_can_be_adopted_opened_or_read_now(tmp_path: Path, bucket: Bucket) -> None:
    for store, can in (
        (MemoryStore(), [SupportsAdopt, SupportsReadNowait]),
        (await LocalStore.open_at(tmp_path), [SupportsAdopt, SupportsReadNowait, SupportsOpenFile]),
        (S3Store(bucket.address), [SupportsPartSize]),
    ):
        assert abilities(store) == can
        await store.close()
