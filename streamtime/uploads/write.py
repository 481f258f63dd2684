"""One request's bytes on their way to disk: gathered, written, synced and noted. Memory stays flat.

One request's hold on an upload, which a newer request may ask back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from streamtime.errors import Invalid, Locked, NoSpace, StreamtimeError
from streamtime.logging import get_logger
from streamtime.storage.spool import SpoolFile
from streamtime.uploads.checksums import MAX_CHECKED_BYTES, Checksum, Hasher, too_large_to_check
from streamtime.uploads.upload import Upload


class Interrupted(Locked):
    """A newer request has taken the upload over."""

    code = "interrupted"


class UploadLock:
    """What a request has for as long as it writes."""

    __slots__ = ("_reading", "_release_requested")

    def __init__(self) -> None:
        self._release_requested = False
        self._reading: asyncio.Timeout | None = None

    def request_release(self) -> None:
        """Have the holder let go: at once where it waits for its client, else as soon as it does."""
        self._release_requested = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def read(self, body: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of `body`, or None at its end.

        Raises:
            Interrupted: the hold was asked back.
        """
        try:
            async with asyncio.timeout(0 if self._release_requested else None) as self._reading:
                return await anext(body, None)
        except TimeoutError:
            raise Interrupted("A newer request has taken this upload over.") from None
        finally:
            self._reading = None


BUFFER_BYTES = 1 << 20
"""Bytes written with one call to a thread."""

SYNC_BYTES = 32 << 20
SYNC_INTERVAL_S = 2.0
"""After so much, or so long, what has arrived is synced and noted: one endless request can be resumed too."""

SLACK_BYTES = 1 << 20
"""What is given back of a full disk so that the database on it can note the rest: it writes some pages of 4 KiB."""

SaveOffset = Callable[[int, Hasher | None], Awaitable[StreamtimeError | None]]
"""Writes down how much is on disk, and its SHA-256 so far where that is known; gives why nothing more may come."""

_log = get_logger("uploads")


@dataclass(slots=True)
class BodyHashes:
    """What is added up on the way: the whole upload, where that was kept up, and this body, where it is checked."""

    upload: Hasher | None
    checksum: Checksum | None
    body: Hasher | None = None

    def __post_init__(self) -> None:
        if self.checksum is not None:
            self.body = self.checksum.new_hasher()

    def add(self, data: memoryview) -> None:
        """Add bytes; called in a thread."""
        for sum_ in (self.upload, self.body):
            if sum_ is not None:
                sum_.update(data)


class BodyWriter:
    """Takes one body. With a checksum it counts as a whole, when it is right, or not at all."""

    def __init__(
        self, upload: Upload, file: SpoolFile, lock: UploadLock, hashes: BodyHashes, save_offset: SaveOffset
    ) -> None:
        self._upload = upload
        self._file = file
        self._lock = lock
        self._hashes = hashes
        self._save_offset = save_offset
        self._buffer = bytearray()
        self._sync_failed = False
        self._written = self._saved = upload.offset_bytes
        self._saved_at = asyncio.get_running_loop().time()

    async def run(self, body: AsyncIterator[bytes]) -> int:
        """Take it to its end, and give the offset that is on disk then."""
        if self._hashes.checksum is not None:
            return await self._run_checked(body, self._hashes.checksum)
        try:
            while (chunk := await self._lock.read(body)) is not None:
                await self._accept(chunk)
        finally:
            await self._flush_shielded()
        return self._written

    async def _run_checked(self, body: AsyncIterator[bytes], checksum: Checksum) -> int:
        # What was written of a body that breaks off or is wrong was never noted: the next request cuts it off.
        while (chunk := await self._lock.read(body)) is not None:
            if self._written + len(self._buffer) + len(chunk) - self._upload.offset_bytes > MAX_CHECKED_BYTES:
                raise too_large_to_check()
            await self._append(chunk)
        await self._write()
        checksum.check(self._hashes.body.digest() if self._hashes.body is not None else b"")
        await self._flush_shielded()
        return self._written

    async def _flush_shielded(self) -> None:
        """Keep what arrived, also when the client is gone or the server stops; the file stays open for as long."""
        keeping = asyncio.ensure_future(self._flush())
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await asyncio.wait([keeping])
            if not keeping.cancelled() and (error := keeping.exception()) is not None:
                _log.warning("upload_flush_failed", error=repr(error))  # there is nobody left to be told
            raise

    async def _accept(self, chunk: bytes) -> None:
        await self._append(chunk)
        elapsed = asyncio.get_running_loop().time() - self._saved_at
        if self._written - self._saved >= SYNC_BYTES or elapsed >= SYNC_INTERVAL_S:
            await self._flush()

    async def _append(self, chunk: bytes) -> None:
        if self._written + len(self._buffer) + len(chunk) > self._upload.length_bytes:
            raise too_many_bytes()
        self._buffer += chunk
        if len(self._buffer) >= BUFFER_BYTES:
            await self._write()

    async def _write(self) -> None:
        gathered, self._buffer = self._buffer, bytearray()
        if not gathered:
            return
        try:
            await self._file.write_at(self._written, memoryview(gathered), on_written=self._hashes.add)
        except NoSpace:
            await self._count_partial_write(gathered)
            raise
        self._written += len(gathered)

    async def _count_partial_write(self, gathered: bytearray) -> None:
        """A full disk may have taken the beginning of what was written (pwrite(2)): those bytes are as good as others.

        After any other error it is unknown what became of them.
        """
        fitted = min(await self._file.length() - self._written, len(gathered))
        if fitted > 0:
            self._hashes.add(memoryview(gathered)[:fitted])
            self._written += fitted

    async def _flush(self) -> None:
        if self._sync_failed:
            return
        full = None
        try:
            await self._write()
        except NoSpace as error:
            full = error
        if self._written > self._saved:
            await self._sync()
            try:
                refused = await self._save_offset(self._written, self._hashes.upload)
            except NoSpace:
                await self._truncate_slack()
                refused = await self._save_offset(self._written, self._hashes.upload)
            self._saved = self._written
            if refused is not None:
                raise refused
        self._saved_at = asyncio.get_running_loop().time()
        if full is not None:
            raise full

    async def _sync(self) -> None:
        # After a sync that failed the kernel may have dropped the bytes and forgotten the error: never ask twice.
        self._sync_failed = True
        await self._file.sync()
        self._sync_failed = False

    async def _truncate_slack(self) -> None:
        """Cut off a little of what fitted: the database is on the same disk and has no room to note any of it."""
        back = min(SLACK_BYTES, (self._written - self._saved + 1) // 2)
        self._written -= back
        self._hashes.upload = None  # of more than is kept now: settling adds it up anew
        await self._file.truncate(self._written)
        await self._sync()


async def require_end(lock: UploadLock, body: AsyncIterator[bytes]) -> None:
    """Read to the end of a body that has to be empty.

    Raises:
        Invalid: it is not.
    """
    while (chunk := await lock.read(body)) is not None:
        if chunk:
            raise too_many_bytes()


def too_many_bytes() -> Invalid:
    """More bytes than were announced."""
    return Invalid("More bytes came than the upload was announced with.", code="too_many_bytes")
