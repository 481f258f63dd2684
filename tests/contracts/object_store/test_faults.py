"""A bucket behind a line that fails: the right error, nothing half there, and all well when the line is."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from streamtime.errors import NotFound, Unavailable
from streamtime.storage.object_store import ObjectStore, StoreRefused
from streamtime.storage.s3.store import S3Store
from streamtime.storage.wrappers import RetryingStore
from tests.fault_proxy import FaultProxy, Faults
from tests.s3 import PART_BYTES, Bucket

KEY = "videos/a/original"
DATA = hashlib.sha512(b"data").digest() * 40_000
"""2.5 MB: well in the middle of a body when a megabyte has passed."""

FAULTS = {
    "reset while sending": Faults(reset_sent_after=1_000_000),
    "reset while answering": Faults(reset_answer_after=100),
    "answer lost": Faults(swallow_answers=True),
    "answered 500": Faults(status=500),
    "answered 503": Faults(status=503),
}


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
async def store(bucket: Bucket, proxy: FaultProxy) -> AsyncIterator[ObjectStore]:
    store = S3Store(replace(bucket.through(proxy.endpoint).address, read_timeout_s=5))
    yield store
    await store.close()


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


async def whole(store: ObjectStore, key: str) -> bytes:
    async with aclosing(store.stream(key)) as pieces:
        return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("fault", [*FAULTS.values()], ids=[*FAULTS])
async def test_what_could_not_be_put_is_whole_or_absent(
    store: ObjectStore, bucket: Bucket, proxy: FaultProxy, fault: Faults
) -> None:
    body = DATA * 5  # in three parts
    with proxy.failing(fault), pytest.raises(Unavailable) as failed:
        await store.put(KEY, in_pieces(body))
    assert failed.value.code == "storage"
    for key in bucket.objects():
        assert bucket.read(key) == body
    await store.put(KEY, body)
    assert await whole(store, KEY) == body


@pytest.mark.parametrize("fault", [*FAULTS.values()], ids=[*FAULTS])
async def test_an_older_object_is_the_old_one_or_the_new_one(
    store: ObjectStore, proxy: FaultProxy, fault: Faults
) -> None:
    await store.put(KEY, b"older")
    with proxy.failing(fault), pytest.raises(Unavailable):
        await store.put(KEY, DATA)
    assert await whole(store, KEY) in {b"older", DATA}


@pytest.mark.parametrize("fault", [Faults(reset_answer_after=1_000_000), Faults(status=503)], ids=["reset", "503"])
async def test_a_read_that_breaks_off_is_an_error_never_a_short_answer(
    store: ObjectStore, proxy: FaultProxy, fault: Faults
) -> None:
    await store.put(KEY, DATA)
    with proxy.failing(fault):
        with pytest.raises(Unavailable):
            await store.get_range(KEY, 0, len(DATA))
        with pytest.raises(Unavailable):
            await whole(store, KEY)
    assert await store.get_range(KEY, 7, 1000) == DATA[7:1007]
    assert await whole(store, KEY) == DATA


async def test_a_store_that_is_away_says_so_in_every_operation_and_is_well_afterwards(
    store: ObjectStore, proxy: FaultProxy
) -> None:
    upload = await store.create_multipart(KEY)
    part = await store.upload_part(KEY, upload, 1, b"data")
    proxy.stop()
    for operation in (
        lambda: store.put(KEY, b"data"),
        lambda: store.head(KEY),
        lambda: store.get_range(KEY, 0, 1),
        lambda: anext(store.stream(KEY)),
        lambda: anext(aiter(store.list(""))),
        lambda: store.delete(KEY),
        lambda: store.create_multipart(KEY),
        lambda: store.upload_part(KEY, upload, 2, b"more"),
        lambda: store.complete_multipart(KEY, upload, [part]),
        lambda: store.abort_multipart(KEY, upload),
        lambda: anext(aiter(store.list_multiparts(""))),
        store.check,
    ):
        with pytest.raises(Unavailable) as failed:
            await operation()
        assert failed.value.code == "storage"
        assert not isinstance(failed.value, StoreRefused)
    proxy.start()
    await store.complete_multipart(KEY, upload, [part])
    assert await whole(store, KEY) == b"data"


async def test_a_store_that_stands_still_is_given_up_in_time(bucket: Bucket, proxy: FaultProxy) -> None:
    store = S3Store(replace(bucket.through(proxy.endpoint).address, read_timeout_s=1))
    await store.put(KEY, DATA)
    with proxy.failing(Faults(bytes_per_s=0)), pytest.raises(Unavailable, match="in time"):
        await store.get_range(KEY, 0, 10)
    assert await store.get_range(KEY, 0, 10) == DATA[:10]
    await store.close()


async def test_a_slow_line_takes_its_time_and_loses_nothing(store: ObjectStore, proxy: FaultProxy) -> None:
    with proxy.failing(Faults(bytes_per_s=2_000_000)):
        await store.put(KEY, DATA)
        assert await whole(store, KEY) == DATA


@pytest.mark.parametrize("what", ["put", "get_range", "stream"])
async def test_a_cancelled_caller_does_not_wait_for_a_slow_line(
    store: ObjectStore, proxy: FaultProxy, what: str
) -> None:
    await store.put("videos/b", DATA)
    operations: dict[str, Callable[[], Awaitable[object]]] = {
        "put": lambda: store.put(KEY, DATA),
        "get_range": lambda: store.get_range("videos/b", 0, len(DATA)),
        "stream": lambda: whole(store, "videos/b"),
    }
    with proxy.failing(Faults(bytes_per_s=10_000)):  # four minutes for each
        before = proxy.requests
        task = asyncio.ensure_future(operations[what]())
        while proxy.requests == before:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task], timeout=30)
        assert task.cancelled()
    assert await store.head(KEY) is None


async def test_a_cancelled_put_in_parts_leaves_no_upload(store: ObjectStore, bucket: Bucket) -> None:
    part_arrived = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(2 * PART_BYTES)
        part_arrived.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(store.put(KEY, body()))
    await part_arrived.wait()
    assert bucket.uploads() == [KEY]
    put.cancel()
    await asyncio.wait([put])
    assert (bucket.uploads(), bucket.objects()) == ([], [])


async def test_what_fails_is_asked_again_and_a_stream_part_by_part(store: ObjectStore, proxy: FaultProxy) -> None:
    again = RetryingStore(store, (0.01,) * 1000)
    part_arrived = asyncio.Event()
    body = DATA * 5

    async def pieces() -> AsyncIterator[bytes]:
        yield body[:12_000_000]
        part_arrived.set()
        yield body[12_000_000:]

    streamed = asyncio.ensure_future(again.put("videos/b", pieces()))
    await part_arrived.wait()
    proxy.stop()
    put = asyncio.ensure_future(again.put(KEY, DATA))
    missing = asyncio.ensure_future(again.get_range("videos/c", 0, 1))
    with pytest.raises(Unavailable):
        await store.head(KEY)
    proxy.start()
    assert (await put).length_bytes == len(DATA)
    with pytest.raises(NotFound):
        await missing
    assert (await streamed).sha256 == hashlib.sha256(body).digest()
    assert await whole(again, "videos/b") == body


async def test_what_the_store_refuses_is_not_asked_again(bucket: Bucket, proxy: FaultProxy) -> None:
    wrong = S3Store(replace(bucket.through(proxy.endpoint).address, bucket="there-is-no-such-bucket"))
    with pytest.raises(StoreRefused, match="bucket"):
        await RetryingStore(wrong, (60.0,)).get_range(KEY, 0, 1)
    assert proxy.requests == 1
    await wrong.close()
