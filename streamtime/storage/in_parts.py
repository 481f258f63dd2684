"""Putting a stream of unknown length into a store that takes only whole bodies and parts.

It holds one part in memory. What fits into one is put as it is; of anything longer nothing is visible before its
last part has arrived, and nothing is left where it never does.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress

from streamtime.errors import StreamtimeError, TooLarge
from streamtime.storage.object_store import MAX_PART_NUMBER, ObjectStore, StoredObject


async def put_in_parts(
    store: ObjectStore, key: str, body: AsyncIterable[bytes], *, part_bytes: int, content_type: str | None
) -> StoredObject:
    """See `ObjectStore.put`. Raises `TooLarge` for more than 10,000 parts."""
    async with aclosing(split_parts(body, part_bytes)) as parts:
        first = await anext(parts)
        if len(first) < part_bytes:
            return await store.put(key, first, content_type=content_type)
        upload_id = await store.create_multipart(key, content_type=content_type)
        try:
            return await _upload_parts(store, key, upload_id, first, parts)
        except BaseException:
            # Whatever happened, a cancellation too: what has arrived is taken back before it is told.
            await _abort(store, key, upload_id)
            raise


async def split_parts(body: AsyncIterable[bytes], part_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body in parts of that size, the last one shorter; an empty body is one empty part."""
    gathered = bytearray()
    whole = 0
    async for data in body:
        gathered += data
        while len(gathered) >= part_bytes:
            yield bytes(gathered[:part_bytes])
            whole += 1
            del gathered[:part_bytes]
    if gathered or not whole:
        yield bytes(gathered)


async def _upload_parts(
    store: ObjectStore, key: str, upload_id: str, first: bytes, rest: AsyncGenerator[bytes, None]
) -> StoredObject:
    digest = hashlib.sha256()
    await asyncio.to_thread(digest.update, first)
    done = [await store.upload_part(key, upload_id, 1, first)]
    async for part in rest:
        if len(done) == MAX_PART_NUMBER:
            raise TooLarge(f"An object can have {MAX_PART_NUMBER} parts: choose a larger storage.s3.part_size.")
        await asyncio.to_thread(digest.update, part)
        done.append(await store.upload_part(key, upload_id, len(done) + 1, part))
    whole = await store.complete_multipart(key, upload_id, done)
    length = sum(part.length_bytes for part in done)
    return StoredObject(key, length, whole.etag, sha256=digest.digest())


async def _abort(store: ObjectStore, key: str, upload_id: str) -> None:
    """Drop the upload, also in a task that is being cancelled. A store that is away keeps it: collecting finds it."""
    aborting = asyncio.ensure_future(store.abort_multipart(key, upload_id))
    while not aborting.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([aborting])
    with suppress(StreamtimeError):
        aborting.result()
