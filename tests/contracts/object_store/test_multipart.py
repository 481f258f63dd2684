"""What every object store promises about uploads in parts. Parts are as large as S3 wants them where it matters."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamtime.errors import Invalid, NotFound
from streamtime.storage.object_store import MultipartInfo, ObjectStore, PartInfo

KEY = "videos/a/original"
PART = 5 * 2**20


async def under_way(store: ObjectStore, prefix: str = "") -> list[MultipartInfo]:
    return [found async for found in store.list_multiparts(prefix)]


async def test_parts_in_any_order_become_one_object(store: ObjectStore) -> None:
    upload = await store.create_multipart(KEY)
    last = await store.upload_part(KEY, upload, 3, b"end")
    second = await store.upload_part(KEY, upload, 2, b"b" * PART)
    first = await store.upload_part(KEY, upload, 1, b"a" * PART)
    assert await store.head(KEY) is None
    whole = await store.complete_multipart(KEY, upload, [last, first, second])
    assert (whole.key, whole.length_bytes) == (KEY, 2 * PART + 3)
    assert await store.get_range(KEY, PART - 2, 4) == b"aabb"
    assert await store.get_range(KEY, 2 * PART - 1, 4) == b"bend"
    assert await under_way(store) == []


async def test_numbers_may_have_gaps_and_parts_may_come_at_once(store: ObjectStore) -> None:
    upload = await store.create_multipart(KEY)
    parts = await asyncio.gather(
        store.upload_part(KEY, upload, 10_000, b"last"), store.upload_part(KEY, upload, 7, b"7" * PART)
    )
    await store.complete_multipart(KEY, upload, parts)
    assert await store.get_range(KEY, PART - 1, 5) == b"7last"


async def test_a_part_sent_again_replaces_the_earlier_one(store: ObjectStore) -> None:
    upload = await store.create_multipart(KEY)
    await store.upload_part(KEY, upload, 1, b"first try")
    again = await store.upload_part(KEY, upload, 1, b"again")
    await store.complete_multipart(KEY, upload, [again])
    assert await store.get_range(KEY, 0, 5) == b"again"


async def test_a_part_may_be_streamed_and_empty(store: ObjectStore) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for piece in (b"", b""):
            yield piece

    upload = await store.create_multipart(KEY)
    part = await store.upload_part(KEY, upload, 1, nothing())
    assert part.length_bytes == 0
    assert (await store.complete_multipart(KEY, upload, [part])).length_bytes == 0


async def test_a_part_whose_body_fails_is_not_there(store: ObjectStore) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    upload = await store.create_multipart(KEY)
    with pytest.raises(ConnectionResetError):
        await store.upload_part(KEY, upload, 1, body())
    with pytest.raises(Invalid):
        await store.complete_multipart(KEY, upload, [PartInfo(1, 4, "0" * 64)])
    await store.abort_multipart(KEY, upload)


async def test_completing_replaces_an_older_object(store: ObjectStore) -> None:
    await store.put(KEY, b"older and longer")
    assert await store.get_range(KEY, 0, 5) == b"older"
    upload = await store.create_multipart(KEY)
    part = await store.upload_part(KEY, upload, 1, b"newer")
    assert await store.get_range(KEY, 0, 5) == b"older"
    await store.complete_multipart(KEY, upload, [part])
    assert await store.get_range(KEY, 0, 5) == b"newer"


async def test_aborted_is_gone_and_aborting_again_is_a_success(store: ObjectStore) -> None:
    upload = await store.create_multipart(KEY)
    part = await store.upload_part(KEY, upload, 1, b"data")
    for _ in range(2):
        await store.abort_multipart(KEY, upload)
        assert await under_way(store) == []
    with pytest.raises(NotFound):
        await store.upload_part(KEY, upload, 2, b"late")
    with pytest.raises(NotFound):
        await store.complete_multipart(KEY, upload, [part])
    assert await store.head(KEY) is None


async def test_completed_is_over(store: ObjectStore) -> None:
    upload = await store.create_multipart(KEY)
    part = await store.upload_part(KEY, upload, 1, b"data")
    await store.complete_multipart(KEY, upload, [part])
    with pytest.raises(NotFound):
        await store.complete_multipart(KEY, upload, [part])
    await store.abort_multipart(KEY, upload)
    assert await store.get_range(KEY, 0, 4) == b"data"


async def test_uploads_in_the_making_are_listed_but_are_no_objects(store: ObjectStore) -> None:
    first = await store.create_multipart(KEY)
    second = await store.create_multipart(KEY)
    other = await store.create_multipart("videos/b/original")
    assert len({first, second, other}) == 3
    assert sorted(found.upload_id for found in await under_way(store, "videos/a/")) == sorted([first, second])
    assert await under_way(store, "videos/b") == [MultipartInfo("videos/b/original", other)]
    assert [found async for found in store.list("")] == []


@pytest.mark.parametrize("number", [0, -1, 10_001])
async def test_part_numbers_have_bounds(store: ObjectStore, number: int) -> None:
    upload = await store.create_multipart(KEY)
    with pytest.raises(Invalid):
        await store.upload_part(KEY, upload, number, b"x")


async def test_completing_needs_parts_that_are_there_each_once(store: ObjectStore) -> None:
    upload = await store.create_multipart(KEY)
    part = await store.upload_part(KEY, upload, 1, b"data")
    for parts in ([], [part, part], [part, PartInfo(2, 4, part.etag)], [PartInfo(1, 4, "../../../etc/passwd")]):
        with pytest.raises(Invalid):
            await store.complete_multipart(KEY, upload, parts)
    assert await store.head(KEY) is None


@pytest.mark.parametrize("upload_id", ["", "..", "../.incoming", "0" * 32, "no such upload"])
async def test_an_unknown_upload_is_not_found(store: ObjectStore, upload_id: str) -> None:
    with pytest.raises(NotFound):
        await store.upload_part(KEY, upload_id, 1, b"x")
    await store.abort_multipart(KEY, upload_id)


async def test_an_upload_belongs_to_its_key(store: ObjectStore) -> None:
    upload = await store.create_multipart(KEY)
    with pytest.raises(NotFound):
        await store.upload_part("videos/b/original", upload, 1, b"x")
    await store.abort_multipart("videos/b/original", upload)
    assert await under_way(store) == [MultipartInfo(KEY, upload)]
