"""Open the objects that workers read, and fetch them to the spool's disk if their store has no files (S3).

Fetched files have no name, so they disappear with their last user, even if the server is killed. Jobs of one video
share a fetch, and the file is kept for a moment after the last one.
"""

import asyncio
import hashlib
import weakref
from collections.abc import Callable, Sequence
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
"""How long a fetched file is kept after its last user."""

WRITE_BUFFER_BYTES = 1 << 20
"""Bytes gathered for one write."""

MERGE_GAP_BYTES = 256 << 10
"""Ranges with a smaller gap are read in one request, which is cheaper than two."""

MAX_REQUEST_BYTES = 8 << 20
"""Maximum bytes of one request, which are held in memory."""

ObjectRange = tuple[int, int]
"""Offset and length of a byte range of an object."""

_log = get_logger("transcoding")


class _FileReference:
    """A user's reference to a cached file, which is released when the reference is garbage-collected."""

    __slots__ = ("__weakref__", "_file")

    def __init__(self, file: OpenedFile) -> None:
        self._file = file

    @property
    def descriptor(self) -> int:
        """See `OpenedFile`."""
        return self._file.descriptor


@dataclass(slots=True)
class _CachedFile:
    """A fetched file, its number of references, and the timer of its eviction without any."""

    file: OpenedFile
    references: int = 0
    eviction: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _PendingFetch:
    """A fetch in progress, and the number of jobs waiting for it."""

    task: asyncio.Task[OpenedFile]
    waiting: int = 0


class Fetcher:
    """Fetches objects to unnamed files on the spool's disk."""

    def __init__(
        self, stores: Stores, *, minimum_free_bytes: Callable[[], int], cache_ttl_s: float = CACHE_TTL_S
    ) -> None:
        self._stores = stores
        self._minimum_free_bytes = minimum_free_bytes
        self._cache_ttl_s = cache_ttl_s
        self._cached: dict[int, _CachedFile] = {}
        self._pending: dict[int, _PendingFetch] = {}

    async def fetch(self, row: ObjectRow) -> OpenedFile:
        """Fetch a whole object.

        Raises:
            NotFound: the object is not in the store that its row names.
            NoSpace: the disk has no room for it.
            Unavailable: the store does not answer.
            AttemptFailed: the object does not match its hash.
        """
        if row.id not in self._cached:
            await self._wait_for(row)
        return self._acquire(row.id)

    async def fetch_ranges(self, row: ObjectRow, ranges: Sequence[ObjectRange]) -> OpenedFile:
        """Fetch byte ranges into a sparse file as long as the object. If they are more than half of it, fetch all.

        Raises:
            NotFound, NoSpace, Unavailable, AttemptFailed: as in `fetch`.
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
        """Wait for the fetch. It is cancelled when no job waits for it any more."""
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
                message = "What the storage holds of this video is not what was stored there."
                raise AttemptFailed(message, code="object_damaged", retryable=True)
            return await file.reopen_read_only()

    async def _download(self, file: SpoolFile, row: ObjectRow) -> bytes:
        """Write the object to the file and return its SHA-256. A broken stream is resumed while it makes progress."""
        digest = hashlib.sha256()
        at = 0
        while at < row.length_bytes:
            started_at = at
            try:
                async with aclosing(self._stores.readable(row.store).stream(row.key, at)) as chunks:
                    block = bytearray()
                    async for chunk in chunks:
                        block += chunk
                        if len(block) >= WRITE_BUFFER_BYTES or at + len(block) >= row.length_bytes:
                            data, block = bytes(block), bytearray()
                            await file.write_at(at, data)
                            await asyncio.to_thread(digest.update, data)
                            at += len(data)
            except Unavailable:
                if at == started_at:
                    raise
                continue
            if at < row.length_bytes:
                raise Unavailable(f"{row.key!r} is shorter than it was.", code="storage")
        return digest.digest()

    async def _require_space(self, length_bytes: int) -> None:
        if await self._stores.spool.free_bytes() - length_bytes < self._minimum_free_bytes():
            raise NoSpace("The disk has no room to fetch this back from the storage.")

    def _acquire(self, object_id: int) -> OpenedFile:
        cached = self._cached[object_id]
        cached.references += 1
        if cached.eviction is not None:
            cached.eviction.cancel()
            cached.eviction = None
        reference = _FileReference(cached.file)
        loop = asyncio.get_running_loop()
        weakref.finalize(reference, self._on_released, loop, object_id).atexit = False
        return reference

    def _on_released(self, loop: asyncio.AbstractEventLoop, object_id: int) -> None:
        """Release a reference. The finalizer may run in another thread, or after the event loop has ended."""
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._release, loop, object_id)

    def _release(self, loop: asyncio.AbstractEventLoop, object_id: int) -> None:
        cached = self._cached[object_id]
        cached.references -= 1
        if not cached.references:
            cached.eviction = loop.call_later(self._cache_ttl_s, self._cached.pop, object_id)


def merge_ranges(ranges: Sequence[ObjectRange]) -> list[ObjectRange]:
    """Sort the ranges, merge those within `MERGE_GAP_BYTES`, and split them at `MAX_REQUEST_BYTES`."""
    merged: list[ObjectRange] = []
    for offset, length in sorted(ranges):
        start, end = merged[-1] if merged else (0, 0)
        if merged and offset <= end + MERGE_GAP_BYTES:
            merged[-1] = (start, max(end, offset + length))
        else:
            merged.append((offset, offset + length))
    return [
        (at, min(MAX_REQUEST_BYTES, end - at)) for start, end in merged for at in range(start, end, MAX_REQUEST_BYTES)
    ]


class Sources:
    """Opens the originals and renditions of videos."""

    def __init__(self, ledger: Ledger, stores: Stores, fetcher: Fetcher) -> None:
        self._ledger = ledger
        self._stores = stores
        self._fetcher = fetcher

    async def open(self, video: Video) -> OpenedFile:
        """Open the original of a video for reading.

        Raises:
            AttemptFailed: the original was not kept or is missing.
            NoSpace: it must be fetched, and the disk has no room for it.
            Unavailable: its store does not answer.
        """
        if video.source_object_id is None:
            raise AttemptFailed("The original was not kept.", code="no_original", retryable=False)
        try:
            return await self.open_object(video.source_object_id)
        except NotFound as error:
            message = "The original is missing from the store."
            raise AttemptFailed(message, code="original_lost", retryable=False) from error

    async def open_object(self, object_id: int, *, ranges: Sequence[ObjectRange] | None = None) -> OpenedFile:
        """Open an object for reading. With `ranges`, only those bytes are needed; others may read as zeros.

        Raises:
            NotFound: the object was deleted.
            NoSpace, Unavailable: as in `open`.
        """
        try:
            return await self._open(await self._row(object_id), ranges)
        except NotFound:
            # It was moved to another store between the lookup and the open: look it up again.
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
