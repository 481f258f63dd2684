"""Receiving bytes at an offset: to disk first, then into the row, then acknowledged. Memory stays flat.

One request at a time writes to an upload. A newer one asks an older one to let go, also where that waits for bytes:
a connection that died without a word would otherwise hold the upload until it times out.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from streamtime.clock import Clock
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Locked, NoSpace, NotFound, OffsetMismatch, StreamtimeError
from streamtime.logging import get_logger
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool, SpoolFile
from streamtime.uploads.checksums import Checksum, Hasher, RunningHashes
from streamtime.uploads.reserve import UploadSpace
from streamtime.uploads.upload import Upload, UploadRepository
from streamtime.uploads.write import BodyHashes, BodyWriter, UploadLock, require_end
from streamtime.videos.ingest import VideoIngest
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.quota import QuotaExceeded
from streamtime.videos.video import Video
from streamtime.videos.videos import Videos

LOCK_TIMEOUT_S = 10.0

_log = get_logger("uploads")


class Receiver:
    """Takes the bytes of uploads."""

    def __init__(
        self,
        database: Database,
        rows: UploadRepository,
        ledger: Ledger,
        videos: Videos,
        ingest: VideoIngest,
        progress: ProgressTracker,
        space: UploadSpace,
        spool: Spool,
        clock: Clock,
    ) -> None:
        self._database = database
        self._rows = rows
        self._ledger = ledger
        self._videos = videos
        self._ingest = ingest
        self._progress = progress
        self._space = space
        self._spool = spool
        self._clock = clock
        self._hashes = RunningHashes()
        self._locks: dict[int, UploadLock] = {}
        self._released = asyncio.Condition()

    async def receive(
        self, upload: Upload, offset: int, body: AsyncIterator[bytes], checksum: Checksum | None = None
    ) -> int:
        """Append `body`, which begins at `offset`, and give the offset that is now on disk.

        When the last byte is there the video is queued in the same transaction. If `body` breaks off, what has
        arrived is kept, and the error goes on.

        Raises:
            OffsetMismatch: the upload continues elsewhere.
            Invalid: more bytes came than were announced.
            ChecksumMismatch: they are not those that were sent; none is kept.
            TooLarge: with a checksum, more came than is checked as a whole.
            NoSpace, Unavailable: the disk would not take them; what it took is kept.
            QuotaExceeded: the reservation had lapsed, and its owner may not have so much any more.
        """
        async with self._locked(upload.id) as hold:
            upload = await self._rows.by_id(upload.id)
            if offset != upload.offset_bytes:
                raise OffsetMismatch(upload.offset_bytes)
            if upload.finished:
                await require_end(hold, body)
                return upload.offset_bytes
            async with await self._file(upload) as file:
                if await file.length() != offset:
                    await file.truncate(offset)  # bytes that were never acknowledged
                video = await self._videos.by_id(upload.video_id)
                sums = BodyHashes(self._hashes.get(upload.id, offset), checksum)
                reserving = self._with_reservation(upload, body)
                try:
                    return await BodyWriter(upload, file, hold, sums, partial(self.save_offset, upload, video)).run(
                        reserving
                    )
                except NoSpace:
                    self._spool.out_of_space = True
                    raise

    async def interrupt(self, upload: Upload) -> None:
        """Ask a request that still writes to the upload to stop, and wait until it has."""
        async with self._locked(upload.id):
            return

    async def save_offset(
        self, upload: Upload, video: Video, offset: int, sha256: Hasher | None
    ) -> StreamtimeError | None:
        """Write down how much is on disk, `sha256` being its sum where it is known; with the last byte, queue it.

        Gives why no more of it may come, where its reservation was ended meanwhile and there is no room for another.

        Raises:
            NotFound: it was given up.
            NoSpace: the disk of the database is full; nothing was written down.
        """
        whole = offset == upload.length_bytes

        async def body(tx: Transaction) -> StreamtimeError | None:
            finished_at = self._clock.now_ms() if whole else None
            reserved = await self._rows.set_offset(tx, upload.id, offset, finished_at_ms=finished_at)
            if whole:
                digest = sha256.digest() if sha256 is not None else None
                await self._ledger.complete(tx, upload.object_id, length_bytes=offset, sha256=digest)
                await self._ingest.complete(
                    tx, video, upload.object_id, ask_about_duplicate=upload.asks_about_duplicates
                )
            elif not reserved:
                try:
                    await self._space.renew(tx, upload, offset)
                except (NoSpace, QuotaExceeded) as error:
                    return error  # what has arrived is written down all the same
            return None

        refused = await self._database.write(body)
        if whole:
            self._hashes.discard(upload.id)
            self._progress.clear(video.id)
        else:
            if sha256 is not None:
                self._hashes.put(upload.id, offset, sha256)
            self._progress.report(video, offset / upload.length_bytes, "Uploading")
        return refused

    async def _with_reservation(self, upload: Upload, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body; before its first byte room is reserved, where the upload has none: an empty one keeps nothing."""
        reserved = upload.reserved
        async for data in body:
            if data and not reserved:
                await self._database.write(lambda tx: self._space.renew(tx, upload, upload.offset_bytes))
                reserved = True
            yield data

    async def _file(self, upload: Upload) -> SpoolFile:
        try:
            return await self._spool.open(upload.key)
        except NotFound:
            if upload.offset_bytes:
                await self._restart(upload)
            return await self._spool.create(upload.key)  # the server ended between the row and the file

    async def _restart(self, upload: Upload) -> None:
        """What has arrived of an upload was lost with its file: it goes on at the beginning.

        Raises:
            OffsetMismatch: always.
        """
        _log.warning("upload_bytes_lost", upload=upload.id, lost=upload.offset_bytes)
        self._hashes.discard(upload.id)
        await self._database.write(lambda tx: self._rows.set_offset(tx, upload.id, 0, finished_at_ms=None))
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
