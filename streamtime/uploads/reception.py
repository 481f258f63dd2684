"""One request's bytes on their way to disk: gathered, written, synced and noted. Memory stays flat."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from streamtime.errors import Invalid, NoSpace, StreamtimeError
from streamtime.logging import get_logger
from streamtime.storage.spool import SpoolFile
from streamtime.uploads.checksum import MOST_BYTES, Checksum, Sum, too_large_to_check
from streamtime.uploads.hold import Hold
from streamtime.uploads.upload import Upload

GATHERED_BYTES = 1 << 20
"""Bytes written with one call to a thread."""

SYNCED_BYTES = 32 << 20
SYNCED_S = 2.0
"""After so much, or so long, what has arrived is synced and noted: one endless request can be resumed too."""

SLACK_BYTES = 1 << 20
"""What is given back of a full disk so that the database on it can note the rest: it writes some pages of 4 KiB."""

Note = Callable[[int, Sum | None], Awaitable[StreamtimeError | None]]
"""Writes down how much is on disk, and its SHA-256 so far where that is known; gives why nothing more may come."""

_log = get_logger("uploads")


@dataclass(slots=True)
class Sums:
    """What is added up on the way: the whole upload, where that was kept up, and this body, where it is checked."""

    upload: Sum | None
    checksum: Checksum | None
    body: Sum | None = None

    def __post_init__(self) -> None:
        if self.checksum is not None:
            self.body = self.checksum.new()

    def add(self, data: memoryview) -> None:
        """Add bytes; called in a thread."""
        for sum_ in (self.upload, self.body):
            if sum_ is not None:
                sum_.update(data)


class Reception:
    """Takes one body. With a checksum it counts as a whole, when it is right, or not at all."""

    def __init__(self, upload: Upload, file: SpoolFile, hold: Hold, sums: Sums, note: Note) -> None:
        self._upload = upload
        self._file = file
        self._hold = hold
        self._sums = sums
        self._note = note
        self._gathered = bytearray()
        self._broken = False
        self._written = self._noted = upload.offset_bytes
        self._noted_at = asyncio.get_running_loop().time()

    async def run(self, body: AsyncIterator[bytes]) -> int:
        """Take it to its end, and give the offset that is on disk then."""
        if self._sums.checksum is not None:
            return await self._run_checked(body, self._sums.checksum)
        try:
            while (chunk := await self._hold.next(body)) is not None:
                await self._take(chunk)
        finally:
            await self._keep_whatever_happens()
        return self._written

    async def _run_checked(self, body: AsyncIterator[bytes], checksum: Checksum) -> int:
        # What was written of a body that breaks off or is wrong was never noted: the next request cuts it off.
        while (chunk := await self._hold.next(body)) is not None:
            if self._written + len(self._gathered) + len(chunk) - self._upload.offset_bytes > MOST_BYTES:
                raise too_large_to_check()
            await self._gather(chunk)
        await self._write()
        checksum.check(self._sums.body.digest() if self._sums.body is not None else b"")
        await self._keep_whatever_happens()
        return self._written

    async def _keep_whatever_happens(self) -> None:
        """Keep what arrived, also when the client is gone or the server stops; the file stays open for as long."""
        keeping = asyncio.ensure_future(self._keep())
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await asyncio.wait([keeping])
            if not keeping.cancelled() and (error := keeping.exception()) is not None:
                _log.warning("upload_not_kept", error=repr(error))  # there is nobody left to be told
            raise

    async def _take(self, chunk: bytes) -> None:
        await self._gather(chunk)
        elapsed = asyncio.get_running_loop().time() - self._noted_at
        if self._written - self._noted >= SYNCED_BYTES or elapsed >= SYNCED_S:
            await self._keep()

    async def _gather(self, chunk: bytes) -> None:
        if self._written + len(self._gathered) + len(chunk) > self._upload.length_bytes:
            raise too_many()
        self._gathered += chunk
        if len(self._gathered) >= GATHERED_BYTES:
            await self._write()

    async def _write(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        if not gathered:
            return
        try:
            await self._file.write_at(self._written, memoryview(gathered), also=self._sums.add)
        except NoSpace:
            await self._count_what_fitted(gathered)
            raise
        self._written += len(gathered)

    async def _count_what_fitted(self, gathered: bytearray) -> None:
        """A full disk may have taken the beginning of what was written (pwrite(2)): those bytes are as good as others.

        After any other error it is unknown what became of them.
        """
        fitted = min(await self._file.length() - self._written, len(gathered))
        if fitted > 0:
            self._sums.add(memoryview(gathered)[:fitted])
            self._written += fitted

    async def _keep(self) -> None:
        if self._broken:
            return
        full = None
        try:
            await self._write()
        except NoSpace as error:
            full = error
        if self._written > self._noted:
            await self._sync()
            try:
                refused = await self._note(self._written, self._sums.upload)
            except NoSpace:
                await self._give_back()
                refused = await self._note(self._written, self._sums.upload)
            self._noted = self._written
            if refused is not None:
                raise refused
        self._noted_at = asyncio.get_running_loop().time()
        if full is not None:
            raise full

    async def _sync(self) -> None:
        # After a sync that failed the kernel may have dropped the bytes and forgotten the error: never ask twice.
        self._broken = True
        await self._file.sync()
        self._broken = False

    async def _give_back(self) -> None:
        """Cut off a little of what fitted: the database is on the same disk and has no room to note any of it."""
        back = min(SLACK_BYTES, (self._written - self._noted + 1) // 2)
        self._written -= back
        self._sums.upload = None  # of more than is kept now: settling adds it up anew
        await self._file.truncate(self._written)
        await self._sync()


async def nothing_more(hold: Hold, body: AsyncIterator[bytes]) -> None:
    """Read to the end of a body that has to be empty.

    Raises:
        Invalid: it is not.
    """
    while (chunk := await hold.next(body)) is not None:
        if chunk:
            raise too_many()


def too_many() -> Invalid:
    """More bytes than were announced."""
    return Invalid("More bytes came than the upload was announced with.", code="too_many_bytes")
