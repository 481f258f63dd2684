"""What a request for media comes down to: a run of bytes of one object, or a text made on the spot.

Where a store answers at once (a disk), it is asked. Where it does not (S3), runs are read whole, once for all who want
them, kept in memory while they are hot, and the one that follows is read before it is asked for.

Segments that are being watched, in memory, bounded by bytes: many viewers of one film cost one read.

One read for everybody who wants the same bytes at the same time.

A read belongs to nobody who waits for it: one who leaves, or whose patience ends, does not end it for the others. It
fails for all who wait, and whoever comes next begins another. It knows nothing of stores.
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
"""One entry may take a quarter of the room at most."""


class ByteRange(NamedTuple):
    """A run of bytes of an object. Runs that begin at the same offset and differ in length are different places."""

    key: str
    offset: int
    length: int


class SegmentCache:
    """Keeps what was read last, by place. Keys of objects are never reused, so nothing goes stale."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = 0
        self._entries: OrderedDict[ByteRange, bytes] = OrderedDict()

    def __contains__(self, at: ByteRange) -> bool:
        return at in self._entries

    def get(self, at: ByteRange) -> bytes | None:
        """What is kept there, if anything."""
        found = self._entries.get(at)
        if found is not None:
            self._entries.move_to_end(at)
        return found

    def fits(self, length: int) -> bool:
        """Whether a run of that length would be kept."""
        return length * MAX_ENTRY_FRACTION <= self._max_bytes

    def put(self, at: ByteRange, data: bytes) -> None:
        """Keep it, in place of what was used longest ago.

        Raises:
            ValueError: `data` has another length than the place.
        """
        if len(data) != at.length:
            raise ValueError(f"{len(data)} bytes for {at}")
        if not self.fits(len(data)) or at in self._entries:
            return
        self._entries[at] = data
        self._used_bytes += len(data)
        while self._used_bytes > self._max_bytes:
            _, dropped = self._entries.popitem(last=False)
            self._used_bytes -= len(dropped)


Read = Callable[[], Awaitable[bytes]]

_log = get_logger("playback")


class SingleFlightReads:
    """The reads under way, by what they read."""

    def __init__(self) -> None:
        self._in_flight: dict[ByteRange, asyncio.Task[bytes]] = {}

    def __contains__(self, at: ByteRange) -> bool:
        return at in self._in_flight

    def start(self, at: ByteRange, read: Read) -> asyncio.Task[bytes]:
        """The read of that place: the one under way, or else `read`, begun now."""
        task = self._in_flight.get(at)
        if task is None:
            task = asyncio.ensure_future(_run(read))
            self._in_flight[at] = task
            task.add_done_callback(partial(self._ended, at))
        return task

    async def wait(self, at: ByteRange, read: Read, *, within_s: float) -> bytes:
        """What it gives.

        Raises:
            Unavailable: it takes longer than `within_s`; it goes on, for whoever asks again.
        """
        task = self.start(at, read)
        done, _ = await asyncio.wait([task], timeout=within_s)
        if not done:
            raise storage_timeout()
        if task.cancelled():
            raise Unavailable("The server is stopping.")
        return task.result()

    async def close(self) -> None:
        """End what is under way."""
        left = [*self._in_flight.values()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _ended(self, at: ByteRange, task: asyncio.Task[bytes]) -> None:
        del self._in_flight[at]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever waits is told; a read ahead, or one that nobody waits for any more, leaves a line in the log.
            _log.info("read_failed", key=at.key, offset=at.offset, length=at.length, error=repr(error))


def storage_timeout() -> Unavailable:
    """What somebody is told whose patience has ended."""
    return Unavailable("The storage takes too long to answer. Try again in a moment.", code="storage")


async def _run(read: Read) -> bytes:
    return await read()


MAX_BUFFERED_BYTES = 16 << 20
"""Runs up to this long are read in one piece; longer ones are streamed."""

READ_TIMEOUT_S = 8.0
"""Players give a segment's first byte ten seconds: after less than that they are told to ask again."""

MAX_READ_AHEADS = 4
"""Runs that are read before anybody asks: whoever does ask goes first with the store's connections."""


@dataclass(frozen=True, slots=True)
class MediaRange:
    """A run of bytes of an object. `etag` is strong: the same tag, the same bytes, for ever."""

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
    """Length of the run right behind this one that will probably be wanted next; 0 where there is none."""
    presigned_url: str | None = None
    """An address at which the run's store serves it itself, for a moment; only ever of a public video."""

    @property
    def byte_range(self) -> ByteRange:
        """What identifies the bytes of this run."""
        return ByteRange(self.key, self.offset, self.length)


class MediaReader:
    """Reads runs of bytes, from memory where they are hot. Whoever asks has passed the check of permission."""

    def __init__(self, stores: Stores, ledger: Ledger, cache: SegmentCache) -> None:
        self._stores = stores
        self._ledger = ledger
        self._cache = cache
        self._reads = SingleFlightReads()
        self._read_aheads = 0
        self._immediate: dict[str, bool] = {}

    def reads_whole(self, media: MediaRange, length: int) -> bool:
        """Whether a part of that length comes in one piece; else it is to be streamed."""
        if self._is_immediate(media.store):
            return length <= MAX_BUFFERED_BYTES
        return media.immutable and media.length <= MAX_BUFFERED_BYTES

    def read_nowait(self, media: MediaRange) -> bytes | None:
        """The whole run, if it is in memory."""
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
        """Exactly `length` bytes from `start` of the run on.

        Raises:
            NotFound: the object is gone.
            Damaged: its store has another number of bytes.
            Unavailable: its store does not answer, or not in time.
        """
        if self._is_immediate(media.store):
            return await self._read(media, start, length)
        data = await self._whole(media)
        self._read_ahead(media)
        return data if length == media.length else data[start : start + length]

    async def stream(self, media: MediaRange, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """The same in pieces, which have `length` bytes together, or end in one of the same errors.

        It goes on from the new place where the object is moved in the middle of it.
        """
        sent = 0
        try:
            async with aclosing(self._pieces(media, start, length)) as pieces:
                piece = await _first_piece(pieces)
                while piece:
                    sent += len(piece)
                    yield piece
                    piece = await anext(pieces, b"")
        except (NotFound, Unavailable, ObjectDamaged) as error:
            moved = await self._relocated(media, error)
        else:
            return
        async with aclosing(self._pieces(moved, start + sent, length - sent)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """End the reads under way."""
        await self._reads.close()

    def _is_immediate(self, name: str) -> bool:
        known = self._immediate.get(name)
        if known is None:
            known = self._immediate[name] = isinstance(self._stores.readable(name), SupportsReadNowait)
        return known

    async def _pieces(self, media: MediaRange, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Bytes from one store. Raises `ObjectDamaged` where there are more or fewer than `length`."""
        left = length
        try:
            store = self._stores.readable(media.store)
            async with aclosing(store.stream(media.key, media.offset + start, length)) as pieces:
                async for piece in pieces:
                    left -= len(piece)
                    if left < 0:
                        break
                    yield piece
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
        """Begin to read the run behind this one, unless it is there, or on its way, or there is much on its way."""
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
        self._reads.start(following.byte_range, lambda: self._fetch(following)).add_done_callback(self._ahead_ended)

    def _ahead_ended(self, _task: asyncio.Task[bytes]) -> None:
        self._read_aheads -= 1

    async def _relocated(self, media: MediaRange, error: NotFound | Unavailable | ObjectDamaged) -> MediaRange:
        """The same run where it is by now, if it settled or moved between the look-up and the read; else `error`."""
        found = await self._ledger.find([media.object_id])
        if not found or found[0].state == "doomed" or found[0].store == media.store:
            raise error
        return replace(media, store=found[0].store)


async def _first_piece(pieces: AsyncGenerator[bytes, None]) -> bytes:
    """The first piece, or nothing where there is none. Raises `Unavailable` where it takes too long."""
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await anext(pieces, b"")
    except TimeoutError as error:
        raise storage_timeout() from error
