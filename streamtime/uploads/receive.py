"""Receiving bytes at an offset: to disk first, then into the row, then acknowledged. Memory stays flat.

One request at a time writes to an upload. A newer one asks an older one to let go, also where that waits for bytes:
a connection that died without a word would otherwise hold the upload until it times out.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamtime.clock import Clock
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, Locked, NotFound, OffsetMismatch
from streamtime.library.arrivals import Arrivals
from streamtime.library.progress import ProgressBoard
from streamtime.library.video import Video
from streamtime.library.videos import Videos
from streamtime.objects.ledger import Ledger
from streamtime.storage.spool import Spool, SpoolFile
from streamtime.uploads.upload import Upload, UploadRows

GATHERED_BYTES = 1 << 20
"""Bytes written with one call to a thread."""

SYNCED_BYTES = 32 << 20
SYNCED_S = 2.0
"""After so much, or so long, what has arrived is synced and noted: one endless request can be resumed too."""

LET_GO_S = 10.0


class Interrupted(Locked):
    """A newer request has taken the upload over."""

    code = "interrupted"


class _Hold:
    """One request's hold on an upload, which a newer request may ask back."""

    __slots__ = ("_asked_back", "_listening")

    def __init__(self) -> None:
        self._asked_back = False
        self._listening: asyncio.Timeout | None = None

    def ask_back(self) -> None:
        """Have the holder let go: at once where it waits for its client, else as soon as it does."""
        self._asked_back = True
        if self._listening is not None:
            self._listening.reschedule(asyncio.get_running_loop().time())

    async def next(self, body: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of `body`, or None at its end.

        Raises:
            Interrupted: the hold was asked back.
        """
        try:
            async with asyncio.timeout(0 if self._asked_back else None) as self._listening:
                return await anext(body, None)
        except TimeoutError:
            raise Interrupted("A newer request has taken this upload over.") from None
        finally:
            self._listening = None


class Receiver:
    """Takes the bytes of uploads."""

    def __init__(
        self,
        database: Database,
        rows: UploadRows,
        ledger: Ledger,
        videos: Videos,
        arrivals: Arrivals,
        progress: ProgressBoard,
        spool: Spool,
        clock: Clock,
    ) -> None:
        self._database = database
        self._rows = rows
        self._ledger = ledger
        self._videos = videos
        self._arrivals = arrivals
        self._progress = progress
        self._spool = spool
        self._clock = clock
        self._writing: dict[int, _Hold] = {}
        self._released = asyncio.Condition()

    async def receive(self, upload: Upload, offset: int, body: AsyncIterator[bytes]) -> int:
        """Append `body`, which begins at `offset`, and give the offset that is now on disk.

        When the last byte is there the video is queued in the same transaction. If `body` breaks off, what has
        arrived is kept, and the error goes on.

        Raises:
            OffsetMismatch: the upload continues elsewhere.
            Invalid: more bytes came than were announced.
            NoSpace, Unavailable: the disk would not take them; what it took is kept.
        """
        async with self._alone(upload.id) as hold:
            upload = await self._rows.by_id(upload.id)
            if offset != upload.offset_bytes:
                raise OffsetMismatch(upload.offset_bytes)
            if upload.finished:
                await _nothing_more(hold, body)
                return upload.offset_bytes
            async with await self._file(upload) as file:
                if await file.length() != offset:
                    await file.truncate(offset)  # bytes that were never acknowledged
                video = await self._videos.by_id(upload.video_id)
                return await _Reception(self, upload, video, file, hold).run(body)

    async def let_go(self, upload: Upload) -> None:
        """Ask a request that still writes to the upload to stop, and wait until it has."""
        async with self._alone(upload.id):
            return

    async def note(self, upload: Upload, video: Video, offset: int) -> None:
        """Write down how much is on disk; with the last byte, queue the video."""
        whole = offset == upload.length_bytes

        async def body(tx: Transaction) -> None:
            finished_at = self._clock.now_ms() if whole else None
            await self._rows.move(tx, upload.id, offset, finished_at_ms=finished_at)
            if whole:
                await self._ledger.complete(tx, upload.object_id, length_bytes=offset)
                await self._arrivals.arrived(tx, video, upload.object_id)

        await self._database.write(body)
        if whole:
            self._progress.clear(video.id)
        else:
            self._progress.note(video, offset / upload.length_bytes, "Uploading")

    async def _file(self, upload: Upload) -> SpoolFile:
        try:
            return await self._spool.open(upload.key)
        except NotFound:
            if upload.offset_bytes:
                raise
            return await self._spool.create(upload.key)  # the server ended between the row and the file

    @asynccontextmanager
    async def _alone(self, upload_id: int) -> AsyncIterator[_Hold]:
        async with self._released:
            if (other := self._writing.get(upload_id)) is not None:
                other.ask_back()
            try:
                async with asyncio.timeout(LET_GO_S):
                    await self._released.wait_for(lambda: upload_id not in self._writing)
            except TimeoutError:
                raise Locked("Another request is still sending this file.") from None
            mine = self._writing[upload_id] = _Hold()
        try:
            yield mine
        finally:
            del self._writing[upload_id]
            async with self._released:
                self._released.notify_all()


class _Reception:
    """One request's bytes on their way to disk."""

    def __init__(self, receiver: Receiver, upload: Upload, video: Video, file: SpoolFile, hold: _Hold) -> None:
        self._receiver = receiver
        self._upload = upload
        self._video = video
        self._file = file
        self._hold = hold
        self._gathered = bytearray()
        self._broken = False
        self._written = self._noted = upload.offset_bytes
        self._noted_at = asyncio.get_running_loop().time()

    async def run(self, body: AsyncIterator[bytes]) -> int:
        try:
            while (chunk := await self._hold.next(body)) is not None:
                await self._take(chunk)
        finally:
            await self._keep_whatever_happens()
        return self._written

    async def _keep_whatever_happens(self) -> None:
        """Keep what arrived, also when the client is gone or the server stops; the file stays open for as long."""
        keeping = asyncio.ensure_future(self._keep())
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await asyncio.wait([keeping])
            raise

    async def _take(self, chunk: bytes) -> None:
        if self._written + len(self._gathered) + len(chunk) > self._upload.length_bytes:
            raise _too_many()
        self._gathered += chunk
        if len(self._gathered) >= GATHERED_BYTES:
            await self._write()
        elapsed = asyncio.get_running_loop().time() - self._noted_at
        if self._written - self._noted >= SYNCED_BYTES or elapsed >= SYNCED_S:
            await self._keep()

    async def _write(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        if gathered:
            await self._file.write_at(self._written, memoryview(gathered))
            self._written += len(gathered)

    async def _keep(self) -> None:
        if self._broken:
            return
        await self._write()
        if self._written > self._noted:
            # After a sync that failed the kernel may have dropped the bytes and forgotten the error: never ask twice.
            self._broken = True
            await self._file.sync()
            self._broken = False
            await self._receiver.note(self._upload, self._video, self._written)
            self._noted = self._written
        self._noted_at = asyncio.get_running_loop().time()


async def _nothing_more(hold: _Hold, body: AsyncIterator[bytes]) -> None:
    while (chunk := await hold.next(body)) is not None:
        if chunk:
            raise _too_many()


def _too_many() -> Invalid:
    return Invalid("More bytes came than the upload was announced with.", code="too_many_bytes")
