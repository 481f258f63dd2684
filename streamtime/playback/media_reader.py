"""Read byte ranges of stored objects for playback.

A store that reads without waiting (a local disk) is read directly. From other stores (S3) whole ranges are read, once
for all concurrent requests, cached in memory, and the following range is read ahead.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from streamtime.errors import NotFound, ObjectDamaged, Unavailable
from streamtime.logging import get_logger
from streamtime.storage.object_store import PastEnd, SupportsReadNowait
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.objects.stores import Stores

MAX_ENTRY_FRACTION = 4
"""One entry may take at most the cache's size divided by this."""

MAX_BUFFERED_BYTES = 16 << 20
"""Longest range that is read as a whole; longer ones are streamed."""

READ_TIMEOUT_S = 8.0
"""Players wait ten seconds for the first byte of a segment; before that, `Unavailable` tells them to retry."""

MAX_READ_AHEADS = 4
"""Concurrent read-aheads. The limit leaves connections to the store for actual requests."""

Read = Callable[[], Awaitable[bytes]]

_log = get_logger("playback")


class ByteRange(NamedTuple):
    """A byte range of an object; the key of the segment cache."""

    key: str
    offset: int
    length: int


class SegmentCache:
    """An LRU cache of byte ranges, limited to `max_bytes`. Object keys are never reused, so entries can't get stale."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = 0
        self._entries: OrderedDict[ByteRange, bytes] = OrderedDict()

    def __contains__(self, at: ByteRange) -> bool:
        return at in self._entries

    def get(self, at: ByteRange) -> bytes | None:
        """Return the cached bytes of that range, or None."""
        found = self._entries.get(at)
        if found is not None:
            self._entries.move_to_end(at)
        return found

    def fits(self, length: int) -> bool:
        """Return whether a range of that length would be cached."""
        return length * MAX_ENTRY_FRACTION <= self._max_bytes

    def put(self, at: ByteRange, data: bytes) -> None:
        """Cache a range, and evict the least recently used ones.

        Raises:
            ValueError: `data` has not the length of the range.
        """
        if len(data) != at.length:
            raise ValueError(f"{len(data)} bytes for {at}")
        if not self.fits(len(data)) or at in self._entries:
            return
        self._entries[at] = data
        self._used_bytes += len(data)
        while self._used_bytes > self._max_bytes:
            _, evicted = self._entries.popitem(last=False)
            self._used_bytes -= len(evicted)


class SingleFlightReads:
    """Reads in progress, shared by all requests for the same range.

    A read does not end when a waiting request is cancelled or times out. If it fails, it fails for all who wait, and
    the next request starts a new one.
    """

    def __init__(self) -> None:
        self._in_flight: dict[ByteRange, asyncio.Task[bytes]] = {}

    def __contains__(self, at: ByteRange) -> bool:
        return at in self._in_flight

    def start(self, at: ByteRange, read: Read) -> asyncio.Task[bytes]:
        """Return the task that reads that range: the one in progress, or a new one that runs `read`."""
        task = self._in_flight.get(at)
        if task is None:
            task = asyncio.ensure_future(_run(read))
            self._in_flight[at] = task
            task.add_done_callback(partial(self._ended, at))
        return task

    async def wait(self, at: ByteRange, read: Read, *, within_s: float) -> bytes:
        """Start or join the read of that range, and return its bytes.

        Raises:
            Unavailable: it takes longer than `within_s`. The read goes on for later requests.
        """
        task = self.start(at, read)
        done, _ = await asyncio.wait([task], timeout=within_s)
        if not done:
            raise storage_timeout()
        if task.cancelled():
            raise Unavailable("The server is stopping.")
        return task.result()

    async def close(self) -> None:
        """Cancel the reads in progress."""
        tasks = [*self._in_flight.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ended(self, at: ByteRange, task: asyncio.Task[bytes]) -> None:
        del self._in_flight[at]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Waiting requests get the error; a read-ahead or an abandoned read is only logged.
            _log.info("read_failed", key=at.key, offset=at.offset, length=at.length, error=repr(error))


def storage_timeout() -> Unavailable:
    """Return the error for a store that does not answer in time."""
    return Unavailable("The storage takes too long to answer. Try again in a moment.", code="storage")


async def _run(read: Read) -> bytes:
    return await read()


@dataclass(frozen=True, slots=True)
class MediaRange:
    """A byte range of an object, with the headers of its response. `etag` is a strong validator (RFC 9110, 8.8.1)."""

    object_id: int
    store: str
    key: str
    offset: int
    length: int
    etag: str
    content_type: str
    immutable: bool
    download_name: str | None = None
    following_length: int = 0
    """Length of the adjacent range that will probably be requested next; 0 if there is none."""
    presigned_url: str | None = None
    """A short-lived URL at which the store itself serves the range; only for public videos."""

    @property
    def byte_range(self) -> ByteRange:
        """The range as a cache key."""
        return ByteRange(self.key, self.offset, self.length)


class MediaReader:
    """Reads byte ranges from the cache or their store. The caller has checked access."""

    def __init__(self, stores: Stores, ledger: Ledger, cache: SegmentCache) -> None:
        self._stores = stores
        self._ledger = ledger
        self._cache = cache
        self._reads = SingleFlightReads()
        self._read_aheads = 0
        self._immediate: dict[str, bool] = {}

    def reads_whole(self, media: MediaRange, length: int) -> bool:
        """Return whether to `read` a part of that length; else it must be streamed."""
        if self._is_immediate(media.store):
            return length <= MAX_BUFFERED_BYTES
        return media.immutable and media.length <= MAX_BUFFERED_BYTES

    def read_nowait(self, media: MediaRange) -> bytes | None:
        """Return the whole range if that needs no waiting, else None."""
        if media.length > MAX_BUFFERED_BYTES:
            return None
        found = self._cache.get(media.byte_range)
        if self._is_immediate(media.store):
            if found is None:
                store = self._stores.readable(media.store)
                found = (
                    store.read_nowait(media.key, media.offset, media.length)
                    if isinstance(store, SupportsReadNowait)
                    else None
                )
                if found is not None:
                    self._cache.put(media.byte_range, found)
        elif found is not None:
            self._read_ahead(media)
        return found

    async def read(self, media: MediaRange, start: int, length: int) -> bytes:
        """Return `length` bytes of the range, from `start`.

        Raises:
            NotFound: the object was deleted.
            ObjectDamaged: the stored object is too short.
            Unavailable: the store does not answer in time.
        """
        if self._is_immediate(media.store):
            return await self._read(media, start, length)
        data = await self._whole(media)
        self._read_ahead(media)
        return data if length == media.length else data[start : start + length]

    async def stream(self, media: MediaRange, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Yield `length` bytes of the range from `start`, in chunks. Raises the errors of `read`.

        If the object is moved to another store meanwhile, the stream continues from there.
        """
        sent = 0
        try:
            async with aclosing(self._chunks(media, start, length)) as chunks:
                chunk = await _first_chunk(chunks)
                while chunk:
                    sent += len(chunk)
                    yield chunk
                    chunk = await anext(chunks, b"")
        except (NotFound, Unavailable, ObjectDamaged) as error:
            moved = await self._relocated(media, error)
        else:
            return
        async with aclosing(self._chunks(moved, start + sent, length - sent)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        """Cancel the reads in progress."""
        await self._reads.close()

    def _is_immediate(self, name: str) -> bool:
        immediate = self._immediate.get(name)
        if immediate is None:
            immediate = self._immediate[name] = isinstance(self._stores.readable(name), SupportsReadNowait)
        return immediate

    async def _chunks(self, media: MediaRange, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from one store. Raises `ObjectDamaged` if it sends more or fewer than `length`."""
        left = length
        try:
            store = self._stores.readable(media.store)
            async with aclosing(store.stream(media.key, media.offset + start, length)) as chunks:
                async for chunk in chunks:
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except PastEnd as error:
            raise ObjectDamaged from error
        if left:
            raise ObjectDamaged

    async def _whole(self, media: MediaRange) -> bytes:
        found = self._cache.get(media.byte_range)
        if found is None:
            found = await self._reads.wait(media.byte_range, lambda: self._fetch(media), within_s=READ_TIMEOUT_S)
        return found

    async def _fetch(self, media: MediaRange) -> bytes:
        data = await self._read(media, 0, media.length)
        self._cache.put(media.byte_range, data)
        return data

    async def _read(self, media: MediaRange, start: int, length: int) -> bytes:
        try:
            return await self._range(media, start, length)
        except (NotFound, ObjectDamaged) as error:
            moved = await self._relocated(media, error)
        return await self._range(moved, start, length)

    async def _range(self, media: MediaRange, start: int, length: int) -> bytes:
        try:
            data = await self._stores.readable(media.store).get_range(media.key, media.offset + start, length)
        except PastEnd as error:
            raise ObjectDamaged from error
        if len(data) != length:
            raise ObjectDamaged
        return data

    def _read_ahead(self, media: MediaRange) -> None:
        """Start reading the adjacent range, unless it is cached or being read, or too many read-aheads run."""
        length = media.following_length
        if not length or not self._cache.fits(length) or length > MAX_BUFFERED_BYTES:
            return
        following = replace(media, offset=media.offset + media.length, length=length, following_length=0)
        if (
            following.byte_range in self._cache
            or following.byte_range in self._reads
            or self._read_aheads >= MAX_READ_AHEADS
        ):
            return
        self._read_aheads += 1
        self._reads.start(following.byte_range, lambda: self._fetch(following)).add_done_callback(
            self._on_read_ahead_done
        )

    def _on_read_ahead_done(self, _task: asyncio.Task[bytes]) -> None:
        self._read_aheads -= 1

    async def _relocated(self, media: MediaRange, error: NotFound | Unavailable | ObjectDamaged) -> MediaRange:
        """Return the range at the object's new store if it was moved since the lookup; else raise `error`."""
        found = await self._ledger.find([media.object_id])
        if not found or found[0].state == "doomed" or found[0].store == media.store:
            if isinstance(error, NotFound):
                error.reason = "bytes_missing"
            raise error
        return replace(media, store=found[0].store)


async def _first_chunk(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """Return the first chunk, empty if there is none. Raises `Unavailable` after `READ_TIMEOUT_S`."""
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await anext(chunks, b"")
    except TimeoutError as error:
        raise storage_timeout() from error
