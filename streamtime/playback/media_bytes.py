"""What a request for media comes down to: a run of bytes of one object, or a text made on the spot.

Where a store answers at once (a disk), it is asked. Where it does not (S3), runs are read whole, once for all who want
them, kept in memory while they are hot, and the one that follows is read before it is asked for.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from streamtime.errors import NotFound, ObjectDamaged, Unavailable
from streamtime.objects.ledger import Ledger
from streamtime.objects.stores import Stores
from streamtime.playback.hot_segments import ByteRange, SegmentCache
from streamtime.playback.shared_reads import SingleFlightReads, storage_timeout
from streamtime.storage.object_store import PastEnd, SupportsReadNowait

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
