"""Objects brought back from a store that has no files, so that a worker can read them.

What is fetched has no name on the disk: it is gone with its last user, also when the server is killed. One fetch serves
all jobs of a video, and the file stays for a moment after the last of them, since the next one mostly comes at once.

A source, open for a worker to read, wherever its bytes are at the moment.
"""

import asyncio
import hashlib
import weakref
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from streamtime.errors import NoSpace, NotFound, Unavailable
from streamtime.jobs.job import AttemptFailed
from streamtime.logging import get_logger
from streamtime.storage.object_store import OpenedFile, SupportsOpenFile
from streamtime.storage.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.storage.objects.stores import Stores
from streamtime.storage.spool import SpoolFile
from streamtime.videos.video import Video

CACHE_TTL_S = 60.0
"""So long after its last user a fetched file is still there."""

WRITE_BUFFER_BYTES = 1 << 20
"""Bytes are gathered to this before they are written."""

MERGE_GAP_BYTES = 256 << 10
"""Runs that lie closer together are read as one: a request costs more than that."""

MAX_REQUEST_BYTES = 8 << 20
"""What is read in one request at most, and held in memory."""

ObjectRange = tuple[int, int]
"""Offset and length of some bytes of an object."""

_log = get_logger("pipeline")


class _FileReference:
    """What one user holds; the file is given back when nobody holds the loan any more."""

    __slots__ = ("__weakref__", "_file")

    def __init__(self, file: OpenedFile) -> None:
        self._file = file

    @property
    def descriptor(self) -> int:
        """See `OpenedFile`."""
        return self._file.descriptor


@dataclass(slots=True)
class _CachedFile:
    """A file that is there, how many hold it, and when it goes if nobody does."""

    file: OpenedFile
    references: int = 0
    eviction: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _PendingFetch:
    """A file that is on its way, and how many wait for it."""

    task: asyncio.Task[OpenedFile]
    waiting: int = 0


class Fetcher:
    """Fetches objects into the spool's disk."""

    def __init__(self, stores: Stores, *, minimum_free_bytes: int, cache_ttl_s: float = CACHE_TTL_S) -> None:
        self._stores = stores
        self._minimum_free_bytes = minimum_free_bytes
        self._cache_ttl_s = cache_ttl_s
        self._cached: dict[int, _CachedFile] = {}
        self._pending: dict[int, _PendingFetch] = {}

    async def fetch(self, row: ObjectRow) -> OpenedFile:
        """All of an object, as a file.

        Raises:
            NotFound: it is not in the store that its row names.
            NoSpace: the disk has no room for it.
            Unavailable: the store does not answer.
            AttemptFailed: what came is not what was stored.
        """
        if row.id not in self._cached:
            await self._wait_for(row)
        return self._acquire(row.id)

    async def fetch_ranges(self, row: ObjectRow, ranges: Sequence[ObjectRange]) -> OpenedFile:
        """A file as long as the object that holds these runs of it; all of it where that is hardly more.

        Raises:
            NotFound, NoSpace, Unavailable, AttemptFailed: as with `whole`.
        """
        wanted = merge_ranges(ranges)
        wanted_bytes = sum(length for _, length in wanted)
        if row.id in self._cached or wanted_bytes * 2 > row.length_bytes:
            return await self.fetch(row)
        await self._require_space(wanted_bytes)
        store = self._stores.readable(row.store)
        async with await self._stores.spool.create_unnamed() as file:
            await file.truncate(row.length_bytes)
            for offset, length in wanted:
                await file.write_at(offset, await store.get_range(row.key, offset, length))
            return await file.reopen_read_only()

    async def _wait_for(self, row: ObjectRow) -> None:
        """Wait until it is there. A fetch that nobody waits for any more is broken off."""
        fetch = self._pending.get(row.id)
        if fetch is None:
            fetch = self._pending[row.id] = _PendingFetch(asyncio.ensure_future(self._fetch(row)))
        fetch.waiting += 1
        try:
            file = await asyncio.shield(fetch.task)
            self._cached.setdefault(row.id, _CachedFile(file))
        finally:
            fetch.waiting -= 1
            if not fetch.waiting:
                del self._pending[row.id]
                fetch.task.cancel()
                await asyncio.wait([fetch.task])

    async def _fetch(self, row: ObjectRow) -> OpenedFile:
        await self._require_space(row.length_bytes)
        async with await self._stores.spool.create_unnamed() as file:
            digest = await self._download(file, row)
            if row.sha256 is not None and digest != row.sha256:
                _log.error("object_damaged", store=row.store, key=row.key)
                words = "What the storage holds of this video is not what was stored there."
                raise AttemptFailed(words, code="object_damaged", retryable=True)
            return await file.reopen_read_only()

    async def _download(self, file: SpoolFile, row: ObjectRow) -> bytes:
        """Write the object into the file, going on where it broke off while it gets further; gives its SHA-256."""
        digest = hashlib.sha256()
        at = 0
        while at < row.length_bytes:
            begun_at = at
            try:
                async with aclosing(self._stores.readable(row.store).stream(row.key, at)) as pieces:
                    block = bytearray()
                    async for piece in pieces:
                        block += piece
                        if len(block) >= WRITE_BUFFER_BYTES or at + len(block) >= row.length_bytes:
                            data, block = bytes(block), bytearray()
                            await file.write_at(at, data)
                            await asyncio.to_thread(digest.update, data)
                            at += len(data)
            except Unavailable:
                if at == begun_at:
                    raise
                continue
            if at < row.length_bytes:
                raise Unavailable(f"{row.key!r} is shorter than it was.", code="storage")
        return digest.digest()

    async def _require_space(self, length_bytes: int) -> None:
        if await self._stores.spool.free_bytes() - length_bytes < self._minimum_free_bytes:
            raise NoSpace("The disk has no room to fetch this back from the storage.")

    def _acquire(self, object_id: int) -> OpenedFile:
        fetched = self._cached[object_id]
        fetched.references += 1
        if fetched.eviction is not None:
            fetched.eviction.cancel()
            fetched.eviction = None
        loan = _FileReference(fetched.file)
        loop = asyncio.get_running_loop()
        weakref.finalize(loan, self._on_released, loop, object_id).atexit = False
        return loan

    def _on_released(self, loop: asyncio.AbstractEventLoop, object_id: int) -> None:
        """A loan is over; whoever collects garbage may be in another thread, or after the end of the loop."""
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._release, loop, object_id)

    def _release(self, loop: asyncio.AbstractEventLoop, object_id: int) -> None:
        fetched = self._cached[object_id]
        fetched.references -= 1
        if not fetched.references:
            fetched.eviction = loop.call_later(self._cache_ttl_s, self._cached.pop, object_id)


def merge_ranges(ranges: Sequence[ObjectRange]) -> list[ObjectRange]:
    """The runs in order, those that touch or nearly do as one, none of them longer than one request may be."""
    found: list[ObjectRange] = []
    for offset, length in sorted(ranges):
        start, end = found[-1] if found else (0, 0)
        if found and offset <= end + MERGE_GAP_BYTES:
            found[-1] = (start, max(end, offset + length))
        else:
            found.append((offset, offset + length))
    return [
        (at, min(MAX_REQUEST_BYTES, end - at)) for start, end in found for at in range(start, end, MAX_REQUEST_BYTES)
    ]


class Sources:
    """Opens the originals of videos, and what was made of them."""

    def __init__(self, ledger: Ledger, stores: Stores, fetcher: Fetcher) -> None:
        self._ledger = ledger
        self._stores = stores
        self._fetcher = fetcher

    async def open(self, video: Video) -> OpenedFile:
        """The original, open for reading.

        Raises:
            AttemptFailed: it was not kept, or is lost, so there is nothing to work on.
            NoSpace: it has to be fetched, and there is no room for it.
            Unavailable: its store does not answer.
        """
        if video.source_object_id is None:
            raise AttemptFailed("The original was not kept.", code="no_original", retryable=False)
        try:
            return await self.open_object(video.source_object_id)
        except NotFound as error:
            words = "The original is missing from the store."
            raise AttemptFailed(words, code="original_lost", retryable=False) from error

    async def open_object(self, object_id: int, *, ranges: Sequence[ObjectRange] | None = None) -> OpenedFile:
        """Any object of a video, open for reading; with `runs`, no other bytes of it need be right.

        Raises:
            NotFound: it is gone.
            NoSpace, Unavailable: as with `open`.
        """
        try:
            return await self._open(await self._row(object_id), ranges)
        except NotFound:
            # It settled or moved between the look-up and the opening: the row knows better now.
            return await self._open(await self._row(object_id), ranges)

    async def _row(self, object_id: int) -> ObjectRow:
        found = await self._ledger.find([object_id])
        if not found:
            raise NotFound
        return found[0]

    async def _open(self, row: ObjectRow, ranges: Sequence[ObjectRange] | None) -> OpenedFile:
        store = self._stores.spool if row.store == SPOOL else self._stores.readable(row.store)
        if isinstance(store, SupportsOpenFile):
            return await store.open_file(row.key)
        if ranges is not None:
            return await self._fetcher.fetch_ranges(row, ranges)
        return await self._fetcher.fetch(row)
