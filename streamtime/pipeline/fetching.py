"""Objects brought back from a store that has no files, so that a worker can read them.

What is fetched has no name on the disk: it is gone with its last user, also when the server is killed. One fetch serves
all jobs of a video, and the file stays for a moment after the last of them, since the next one mostly comes at once.
"""

import asyncio
import hashlib
import weakref
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from streamtime.errors import NoSpace, Unavailable
from streamtime.jobs.job import AttemptFailed
from streamtime.logging import get_logger
from streamtime.objects.ledger import ObjectRow
from streamtime.objects.stores import Stores
from streamtime.storage.object_store import OpenedFile
from streamtime.storage.spool import SpoolFile

STAYS_FOR_S = 60.0
"""So long after its last user a fetched file is still there."""

WRITE_BYTES = 1 << 20
"""Bytes are gathered to this before they are written."""

GAP_BYTES = 256 << 10
"""Runs that lie closer together are read as one: a request costs more than that."""

RUN_BYTES = 8 << 20
"""What is read in one request at most, and held in memory."""

Run = tuple[int, int]
"""Offset and length of some bytes of an object."""

_log = get_logger("pipeline")


class _Loan:
    """What one user holds; the file is given back when nobody holds the loan any more."""

    __slots__ = ("__weakref__", "_file")

    def __init__(self, file: OpenedFile) -> None:
        self._file = file

    @property
    def descriptor(self) -> int:
        """See `OpenedFile`."""
        return self._file.descriptor


@dataclass(slots=True)
class _Fetched:
    """A file that is there, how many hold it, and when it goes if nobody does."""

    file: OpenedFile
    loans: int = 0
    going: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Fetch:
    """A file that is on its way, and how many wait for it."""

    task: asyncio.Task[OpenedFile]
    waiting: int = 0


class Fetcher:
    """Fetches objects into the spool's disk."""

    def __init__(self, stores: Stores, *, minimum_free_bytes: int, stays_for_s: float = STAYS_FOR_S) -> None:
        self._stores = stores
        self._minimum_free_bytes = minimum_free_bytes
        self._stays_for_s = stays_for_s
        self._there: dict[int, _Fetched] = {}
        self._under_way: dict[int, _Fetch] = {}

    async def whole(self, row: ObjectRow) -> OpenedFile:
        """All of an object, as a file.

        Raises:
            NotFound: it is not in the store that its row names.
            NoSpace: the disk has no room for it.
            Unavailable: the store does not answer.
            AttemptFailed: what came is not what was stored.
        """
        if row.id not in self._there:
            await self._arrival(row)
        return self._lend(row.id)

    async def parts(self, row: ObjectRow, runs: Sequence[Run]) -> OpenedFile:
        """A file as long as the object that holds these runs of it; all of it where that is hardly more.

        Raises:
            NotFound, NoSpace, Unavailable, AttemptFailed: as with `whole`.
        """
        wanted = joined(runs)
        wanted_bytes = sum(length for _, length in wanted)
        if row.id in self._there or wanted_bytes * 2 > row.length_bytes:
            return await self.whole(row)
        await self._require_room(wanted_bytes)
        store = self._stores.readable(row.store)
        async with await self._stores.spool.create_nameless() as file:
            await file.truncate(row.length_bytes)
            for offset, length in wanted:
                await file.write_at(offset, await store.get_range(row.key, offset, length))
            return await file.for_reading()

    async def _arrival(self, row: ObjectRow) -> None:
        """Wait until it is there. A fetch that nobody waits for any more is broken off."""
        fetch = self._under_way.get(row.id)
        if fetch is None:
            fetch = self._under_way[row.id] = _Fetch(asyncio.ensure_future(self._fetch(row)))
        fetch.waiting += 1
        try:
            file = await asyncio.shield(fetch.task)
            self._there.setdefault(row.id, _Fetched(file))
        finally:
            fetch.waiting -= 1
            if not fetch.waiting:
                del self._under_way[row.id]
                fetch.task.cancel()
                await asyncio.wait([fetch.task])

    async def _fetch(self, row: ObjectRow) -> OpenedFile:
        await self._require_room(row.length_bytes)
        async with await self._stores.spool.create_nameless() as file:
            digest = await self._filled(file, row)
            if row.sha256 is not None and digest != row.sha256:
                _log.error("object_damaged", store=row.store, key=row.key)
                words = "What the storage holds of this video is not what was stored there."
                raise AttemptFailed(words, code="object_damaged", retryable=True)
            return await file.for_reading()

    async def _filled(self, file: SpoolFile, row: ObjectRow) -> bytes:
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
                        if len(block) >= WRITE_BYTES or at + len(block) >= row.length_bytes:
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

    async def _require_room(self, length_bytes: int) -> None:
        if await self._stores.spool.free_bytes() - length_bytes < self._minimum_free_bytes:
            raise NoSpace("The disk has no room to fetch this back from the storage.")

    def _lend(self, object_id: int) -> OpenedFile:
        fetched = self._there[object_id]
        fetched.loans += 1
        if fetched.going is not None:
            fetched.going.cancel()
            fetched.going = None
        loan = _Loan(fetched.file)
        loop = asyncio.get_running_loop()
        weakref.finalize(loan, self._given_back, loop, object_id).atexit = False
        return loan

    def _given_back(self, loop: asyncio.AbstractEventLoop, object_id: int) -> None:
        """A loan is over; whoever collects garbage may be in another thread, or after the end of the loop."""
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._count_back, loop, object_id)

    def _count_back(self, loop: asyncio.AbstractEventLoop, object_id: int) -> None:
        fetched = self._there[object_id]
        fetched.loans -= 1
        if not fetched.loans:
            fetched.going = loop.call_later(self._stays_for_s, self._there.pop, object_id)


def joined(runs: Sequence[Run]) -> list[Run]:
    """The runs in order, those that touch or nearly do as one, none of them longer than one request may be."""
    found: list[Run] = []
    for offset, length in sorted(runs):
        start, end = found[-1] if found else (0, 0)
        if found and offset <= end + GAP_BYTES:
            found[-1] = (start, max(end, offset + length))
        else:
            found.append((offset, offset + length))
    return [(at, min(RUN_BYTES, end - at)) for start, end in found for at in range(start, end, RUN_BYTES)]
