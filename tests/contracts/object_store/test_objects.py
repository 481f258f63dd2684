"""What every object store promises about whole objects."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from streamtime.errors import Invalid, NotFound, Unavailable
from streamtime.storage.object_store import ObjectStore

KEY = "videos/a/720p.mp4"


async def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return sorted([found.key async for found in store.list(prefix)])


async def read(store: ObjectStore, key: str, offset: int = 0, length: int | None = None) -> bytes:
    async with aclosing(store.stream(key, offset, length)) as pieces:
        return b"".join([piece async for piece in pieces])


async def in_pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[start : start + size]


def pattern(length: int, seed: int = 0) -> bytes:
    block = hashlib.sha512(bytes([seed])).digest()
    return (block * (length // len(block) + 1))[:length]


async def test_what_was_put_is_there_with_its_length_and_hash(store: ObjectStore) -> None:
    data = pattern(100_000)
    stored = await store.put(KEY, data)
    assert (stored.key, stored.length_bytes, stored.sha256) == (KEY, 100_000, hashlib.sha256(data).digest())
    found = await store.head(KEY)
    assert found is not None
    assert (found.key, found.length_bytes) == (KEY, 100_000)
    assert await store.get_range(KEY, 0, 100_000) == data


@pytest.mark.parametrize("size", [1, 65_536, 3_000_000])
async def test_a_streamed_body_arrives_whole(store: ObjectStore, size: int) -> None:
    data = pattern(3_000_001 if size > 1 else 300)
    stored = await store.put(KEY, in_pieces(data, size))
    assert stored.sha256 == hashlib.sha256(data).digest()
    assert await read(store, KEY) == data


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_object_may_be_empty(store: ObjectStore, streamed: bool) -> None:
    stored = await store.put(KEY, in_pieces(b"", 1) if streamed else b"")
    assert stored.length_bytes == 0
    assert await read(store, KEY) == b""
    assert await store.get_range(KEY, 0, 0) == b""


async def test_putting_again_replaces_the_whole_object(store: ObjectStore) -> None:
    await store.put(KEY, pattern(5_000, seed=1))
    assert await store.get_range(KEY, 0, 10) == pattern(10, seed=1)
    await store.put(KEY, b"short")
    assert await read(store, KEY) == b"short"
    assert await store.get_range(KEY, 0, 5) == b"short"


async def test_concurrent_puts_of_one_key_leave_one_of_them_whole(store: ObjectStore) -> None:
    bodies = [pattern(300_000, seed) for seed in range(8)]
    await asyncio.gather(*(store.put(KEY, in_pieces(body, 10_000)) for body in bodies))
    assert await read(store, KEY) in bodies
    assert await keys(store) == [KEY]


async def test_many_puts_at_once_all_arrive(store: ObjectStore) -> None:
    names = [f"videos/{n % 5}/{n}" for n in range(60)]
    await asyncio.gather(*(store.put(name, name.encode()) for name in names))
    assert await keys(store) == sorted(names)
    assert [await read(store, name) for name in names] == [name.encode() for name in names]


async def test_an_object_is_invisible_until_it_is_whole(store: ObjectStore) -> None:
    half, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield pattern(2_000_000)
        half.set()
        await go_on.wait()
        yield b"end"

    put = asyncio.create_task(store.put(KEY, body()))
    await half.wait()
    assert await store.head(KEY) is None
    assert await keys(store) == []
    go_on.set()
    await put
    assert await keys(store) == [KEY]


async def test_a_body_that_fails_leaves_nothing_and_says_its_own_error(store: ObjectStore) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield pattern(2_000_000)
        raise ConnectionResetError("the browser went away")

    with pytest.raises(ConnectionResetError, match="browser"):
        await store.put(KEY, body())
    assert await store.head(KEY) is None
    assert await keys(store) == []


async def test_a_body_is_never_read_twice(store: ObjectStore) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield pattern(2_000_000)
        raise Unavailable("the other store is away")

    with pytest.raises(Unavailable, match="other"):
        await store.put(KEY, body())
    assert read == 1
    assert await store.head(KEY) is None


async def test_a_cancelled_put_leaves_the_older_object_as_it_was(store: ObjectStore) -> None:
    await store.put(KEY, b"older")
    half = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield pattern(2_000_000)
        half.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(store.put(KEY, body()))
    await half.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert await read(store, KEY) == b"older"


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 1), (0, 0), (0, 600_000), (599_999, 1), (600_000, 0), (1, 599_999), (262_143, 2), (262_144, 262_144)],
)
async def test_ranges_up_to_the_edges(store: ObjectStore, offset: int, length: int) -> None:
    data = pattern(600_000)
    await store.put(KEY, data)
    for _ in range(2):  # the second time it may come from a warmer place
        assert await store.get_range(KEY, offset, length) == data[offset : offset + length]
        assert await read(store, KEY, offset, length) == data[offset : offset + length]
    assert await read(store, KEY, offset) == data[offset:]


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (5, 6), (2**40, 1)])
async def test_a_range_past_the_end_is_an_error_never_a_short_answer(
    store: ObjectStore, offset: int, length: int
) -> None:
    await store.put(KEY, b"0123456789")
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            await store.get_range(KEY, offset, length)
        assert refused.value.code == "storage"
        with pytest.raises(Unavailable):
            await read(store, KEY, offset, length)


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1)])
async def test_negative_ranges_are_a_mistake_of_the_program(store: ObjectStore, offset: int, length: int) -> None:
    await store.put(KEY, b"0123456789")
    with pytest.raises(ValueError, match="range"):
        await store.get_range(KEY, offset, length)
    with pytest.raises(ValueError, match="range"):
        await read(store, KEY, offset, length)


@pytest.mark.parametrize("key", [KEY, "videos", "videos/a", "videos/a/b/c", "videos/a/b.mp4/inside"])
async def test_what_is_not_there_is_not_found(store: ObjectStore, key: str) -> None:
    await store.put("videos/a/b.mp4", b"another")
    assert await store.head(key) is None
    with pytest.raises(NotFound):
        await store.get_range(key, 0, 1)
    with pytest.raises(NotFound):
        await read(store, key)
    await store.delete(key)
    assert await keys(store) == ["videos/a/b.mp4"]


async def test_deleted_is_gone_at_once_and_deleting_again_is_a_success(store: ObjectStore) -> None:
    await store.put(KEY, b"data")
    assert await store.get_range(KEY, 0, 4) == b"data"
    for _ in range(2):
        await store.delete(KEY)
        assert await store.head(KEY) is None
        with pytest.raises(NotFound):
            await store.get_range(KEY, 0, 4)
    assert await keys(store) == []


async def test_a_key_can_be_used_again_after_its_neighbours_are_gone(store: ObjectStore) -> None:
    for _ in range(3):
        await store.put("videos/a/deep/er/one", b"1")
        await store.delete("videos/a/deep/er/one")
    await asyncio.gather(*(_come_and_go(store, n) for n in range(20)))
    assert await keys(store) == []


async def _come_and_go(store: ObjectStore, number: int) -> None:
    for turn in range(5):
        await store.put(f"videos/shared/{number}", bytes([turn]))
        await store.delete(f"videos/shared/{number}")


async def test_a_reader_outlives_the_deletion_or_hears_of_it_but_never_gets_other_bytes(store: ObjectStore) -> None:
    data = pattern(2_000_000)
    await store.put(KEY, data)
    got = b""
    async with aclosing(store.stream(KEY)) as pieces:
        try:
            async for piece in pieces:
                if not got:
                    await store.delete(KEY)
                    await store.put(KEY, pattern(2_000_000, seed=9))
                got += piece
        except (NotFound, Unavailable):
            pass
        else:
            assert got == data
    assert data.startswith(got)


async def test_closing_a_stream_early_is_no_error(store: ObjectStore) -> None:
    await store.put(KEY, pattern(2_000_000))
    async with aclosing(store.stream(KEY)) as pieces:
        assert await anext(pieces)
    await store.delete(KEY)


async def test_lists_by_any_prefix(store: ObjectStore) -> None:
    for name in ("a", "ab/c", "ab/cd", "ab/c.d/e", "abc/x", "b-1/y"):
        await store.put(name, name.encode())
    assert await keys(store) == ["a", "ab/c", "ab/c.d/e", "ab/cd", "abc/x", "b-1/y"]
    assert await keys(store, "a") == ["a", "ab/c", "ab/c.d/e", "ab/cd", "abc/x"]
    assert await keys(store, "ab/") == ["ab/c", "ab/c.d/e", "ab/cd"]
    assert await keys(store, "ab/c") == ["ab/c", "ab/c.d/e", "ab/cd"]
    assert await keys(store, "ab/c.d/") == ["ab/c.d/e"]
    assert await keys(store, "nothing/here") == []
    assert [found.length_bytes async for found in store.list("ab/cd")] == [5]


async def test_a_key_inside_another_object_is_refused(store: ObjectStore) -> None:
    await store.put("videos/a", b"object")
    with pytest.raises(Invalid):
        await store.put("videos/a/b", b"inside")
    with pytest.raises(Invalid):
        await store.put("videos", b"around")
    assert await keys(store) == ["videos/a"]


async def test_a_store_that_works_says_so(store: ObjectStore) -> None:
    await store.check()


async def test_a_signed_url_is_a_url_or_nothing(store: ObjectStore) -> None:
    await store.put(KEY, b"data")
    url = store.signed_url(KEY, 60)
    assert url is None or url.startswith(("http://", "https://"))
