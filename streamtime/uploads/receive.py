"""Append request bodies to uploads: write to the spool, sync, save the offset, acknowledge. Memory use is constant.

One request at a time writes to an upload. A newer request takes over from an older one, even while that waits for
its client: a dead connection would otherwise block the upload until it times out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, Locked, NoSpace, NotFound, OffsetMismatch, StreamtimeError
from streamtime.logging import get_logger
from streamtime.storage.spool import Spool, SpoolFile
from streamtime.uploads.checksums import MAX_CHECKED_BYTES, Checksum, Hasher, too_large_to_check
from streamtime.uploads.upload import RunningHashes, Upload, UploadRepository, UploadSpace
from streamtime.videos.ingest import VideoIngest
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.quota import QuotaExceeded
from streamtime.videos.video import Video, Videos

LOCK_TIMEOUT_S = 10.0
"""How long a new request waits for an older one to release its lock."""

BUFFER_BYTES = 1 << 20
"""Bytes gathered for one write in a thread."""

SYNC_BYTES = 32 << 20
SYNC_INTERVAL_S = 2.0
"""Received bytes are synced and the offset saved after this many bytes or seconds, so a long request can resume."""

SLACK_BYTES = 1 << 20
"""Truncated from the file on a full disk, so that a database on the same disk can save the offset (4 KiB pages)."""

SaveOffset = Callable[[int, Hasher | None], Awaitable[StreamtimeError | None]]
"""Saves the offset and, if known, the SHA-256 so far. Returns an error if the upload may not continue."""

_log = get_logger("uploads")


class Interrupted(Locked):
    """A newer request has taken the upload over."""

    code = "interrupted"


class UploadLock:
    """A request's exclusive lock on an upload, which a newer request may ask it to release."""

    __slots__ = ("_reading", "_release_requested")

    def __init__(self) -> None:
        self._release_requested = False
        self._reading: asyncio.Timeout | None = None

    def request_release(self) -> None:
        """Ask the holder to release: immediately if it waits for its client, else on its next read."""
        self._release_requested = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def read(self, body: AsyncIterator[bytes]) -> bytes | None:
        """Return the next chunk of `body`, or None at its end.

        Raises:
            Interrupted: a newer request asked for the lock.
        """
        try:
            async with asyncio.timeout(0 if self._release_requested else None) as self._reading:
                return await anext(body, None)
        except TimeoutError:
            raise Interrupted("A newer request has taken this upload over.") from None
        finally:
            self._reading = None


@dataclass(slots=True)
class BodyHashes:
    """Hashers fed while writing: one over the whole upload if it is known, one over this body if it has a checksum."""

    upload: Hasher | None
    checksum: Checksum | None
    body: Hasher | None = None

    def __post_init__(self) -> None:
        if self.checksum is not None:
            self.body = self.checksum.new_hasher()

    def add(self, data: memoryview) -> None:
        """Hash more bytes; called in a thread."""
        for hasher in (self.upload, self.body):
            if hasher is not None:
                hasher.update(data)


class BodyWriter:
    """Writes one request body. A body with a checksum is kept only if it is complete and matches."""

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
        """Write `body` to its end and return the new offset."""
        if self._hashes.checksum is not None:
            return await self._run_checked(body, self._hashes.checksum)
        try:
            while (chunk := await self._lock.read(body)) is not None:
                await self._accept(chunk)
        finally:
            await self._flush_shielded()
        return self._written

    async def _run_checked(self, body: AsyncIterator[bytes], checksum: Checksum) -> int:
        # The offset is saved only after the check: the next request truncates bytes of a broken or corrupt body.
        while (chunk := await self._lock.read(body)) is not None:
            if self._written + len(self._buffer) + len(chunk) - self._upload.offset_bytes > MAX_CHECKED_BYTES:
                raise too_large_to_check()
            await self._append(chunk)
        await self._write()
        checksum.check(self._hashes.body.digest() if self._hashes.body is not None else b"")
        await self._flush_shielded()
        return self._written

    async def _flush_shielded(self) -> None:
        """Flush received bytes even if the client disconnects or the server stops, while the file is still open."""
        flush = asyncio.ensure_future(self._flush())
        try:
            await asyncio.shield(flush)
        except asyncio.CancelledError:
            await asyncio.wait([flush])
            if not flush.cancelled() and (error := flush.exception()) is not None:
                _log.warning("upload_flush_failed", error=repr(error))
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
        data, self._buffer = self._buffer, bytearray()
        if not data:
            return
        try:
            await self._file.write_at(self._written, memoryview(data), on_written=self._hashes.add)
        except NoSpace:
            await self._count_partial_write(data)
            raise
        self._written += len(data)

    async def _count_partial_write(self, data: bytearray) -> None:
        """Count the part of `data` that a full disk accepted (pwrite(2) may write fewer bytes than asked).

        This is valid only for a full disk: after other errors the state of the bytes is unknown.
        """
        written = min(await self._file.length() - self._written, len(data))
        if written > 0:
            self._hashes.add(memoryview(data)[:written])
            self._written += written

    async def _flush(self) -> None:
        if self._sync_failed:
            return
        no_space = None
        try:
            await self._write()
        except NoSpace as error:
            no_space = error
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
        if no_space is not None:
            raise no_space

    async def _sync(self) -> None:
        # After a failed fsync the kernel may drop the pages and clear the error, so a second fsync would lie.
        self._sync_failed = True
        await self._file.sync()
        self._sync_failed = False

    async def _truncate_slack(self) -> None:
        """Truncate the unsaved tail a little, so that a database on the same full disk can save the offset."""
        self._written -= min(SLACK_BYTES, (self._written - self._saved + 1) // 2)
        self._hashes.upload = None  # it includes truncated bytes; finalizing computes the hash instead
        await self._file.truncate(self._written)
        await self._sync()


async def require_end(lock: UploadLock, body: AsyncIterator[bytes]) -> None:
    """Read a body that must be empty.

    Raises:
        Invalid: it has bytes.
    """
    while (chunk := await lock.read(body)) is not None:
        if chunk:
            raise too_many_bytes()


def too_many_bytes() -> Invalid:
    """Return the error for bytes beyond the declared length."""
    return Invalid("The body exceeds the declared length of the upload.", code="too_many_bytes")


class UploadProgress:
    """Saves how much of each upload has arrived. With the last byte, the upload is complete and its video queued."""

    def __init__(
        self,
        database: Database,
        rows: UploadRepository,
        ingest: VideoIngest,
        progress: ProgressTracker,
        space: UploadSpace,
    ) -> None:
        self._database = database
        self._rows = rows
        self._ingest = ingest
        self._progress = progress
        self._space = space
        self.hashes = RunningHashes()

    async def save(self, upload: Upload, video: Video, offset: int, sha256: Hasher | None) -> StreamtimeError | None:
        """Save the offset and the running `sha256`, if known. At the full length, complete the upload.

        Returns an error if the upload may not continue: its reservation was released and can't be renewed.

        Raises:
            NotFound: the upload was terminated.
            NoSpace: the database's disk is full; nothing was saved.
        """
        complete = offset == upload.length_bytes

        async def body(tx: Transaction) -> StreamtimeError | None:
            if complete:
                await self._rows.complete(tx, upload, sha256=sha256.digest() if sha256 is not None else None)
                await self._ingest.complete(
                    tx, video, upload.object_id, ask_about_duplicate=upload.asks_about_duplicates
                )
            elif not await self._rows.set_offset(tx, upload.id, offset):
                try:
                    await self._space.renew(tx, upload, offset)
                except (NoSpace, QuotaExceeded) as error:
                    return error  # returned, not raised: the offset is still committed
            return None

        refused = await self._database.write(body)
        if complete:
            self.hashes.discard(upload.id)
            self._progress.clear(video.id)
        else:
            if sha256 is not None:
                self.hashes.put(upload.id, offset, sha256)
            self._progress.report(video, offset / upload.length_bytes, "Uploading")
        return refused

    async def renew_reservation(self, upload: Upload) -> None:
        """Reserve space for the rest of an upload whose reservation has expired. Raises as `UploadSpace.reserve`."""
        await self._database.write(lambda tx: self._space.renew(tx, upload, upload.offset_bytes))

    async def restart(self, upload: Upload) -> None:
        """Set an upload back to offset 0, since its bytes are lost."""
        self.hashes.discard(upload.id)
        await self._database.write(lambda tx: self._rows.set_offset(tx, upload.id, 0))


class Receiver:
    """Appends request bodies to uploads and completes them."""

    def __init__(self, rows: UploadRepository, videos: Videos, progress: UploadProgress, spool: Spool) -> None:
        self._rows = rows
        self._videos = videos
        self._progress = progress
        self._spool = spool
        self._locks: dict[int, UploadLock] = {}
        self._released = asyncio.Condition()

    async def receive(
        self, upload: Upload, offset: int, body: AsyncIterator[bytes], checksum: Checksum | None = None
    ) -> int:
        """Append `body`, which starts at `offset`, and return the new offset.

        The transaction that saves the last byte also queues the video. If `body` breaks off, the received bytes are
        kept and the error is raised.

        Raises:
            OffsetMismatch: `offset` is not the upload's offset.
            Invalid: the body exceeds the declared length.
            ChecksumMismatch: the body does not match `checksum`; none of it is kept.
            TooLarge: a body with a checksum exceeds `MAX_CHECKED_BYTES`.
            NoSpace, Unavailable: the disk did not accept the bytes; those written are kept.
            QuotaExceeded: the reservation expired, and the rest exceeds the owner's quota.
        """
        async with self._locked(upload.id) as lock:
            upload = await self._rows.by_id(upload.id)
            if offset != upload.offset_bytes:
                raise OffsetMismatch(upload.offset_bytes)
            if upload.finished:
                await require_end(lock, body)
                return upload.offset_bytes
            async with await self._file(upload) as file:
                if await file.length() != offset:
                    await file.truncate(offset)  # bytes that were never acknowledged
                video = await self._videos.by_id(upload.video_id)
                hashes = BodyHashes(self._progress.hashes.get(upload.id, offset), checksum)
                writer = BodyWriter(upload, file, lock, hashes, partial(self._progress.save, upload, video))
                try:
                    return await writer.run(self._with_reservation(upload, body))
                except NoSpace:
                    self._spool.out_of_space = True
                    raise

    async def interrupt(self, upload: Upload) -> None:
        """Stop a request that writes to the upload, and wait until it has stopped."""
        async with self._locked(upload.id):
            return

    async def _with_reservation(self, upload: Upload, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield `body`. Before its first byte, renew the reservation if it has expired."""
        reserved = upload.reserved
        async for data in body:
            if data and not reserved:
                await self._progress.renew_reservation(upload)
                reserved = True
            yield data

    async def _file(self, upload: Upload) -> SpoolFile:
        try:
            return await self._spool.open(upload.key)
        except NotFound:
            if upload.offset_bytes:
                await self._restart(upload)
            return await self._spool.create(upload.key)  # the server stopped between committing the row and this

    async def _restart(self, upload: Upload) -> None:
        """Reset an upload whose spool file is missing to offset 0.

        Raises:
            OffsetMismatch: always.
        """
        _log.warning("upload_bytes_lost", upload=upload.id, lost=upload.offset_bytes)
        await self._progress.restart(upload)
        raise OffsetMismatch(0)

    @asynccontextmanager
    async def _locked(self, upload_id: int) -> AsyncIterator[UploadLock]:
        async with self._released:
            if (other := self._locks.get(upload_id)) is not None:
                other.request_release()
            try:
                async with asyncio.timeout(LOCK_TIMEOUT_S):
                    await self._released.wait_for(lambda: upload_id not in self._locks)
            except TimeoutError:
                raise Locked("Another request is still sending this file.") from None
            mine = self._locks[upload_id] = UploadLock()
        try:
            yield mine
        finally:
            del self._locks[upload_id]
            async with self._released:
                self._released.notify_all()
