"""Terminate and expire unfinished uploads. The received bytes and the video's row are deleted too."""

from functools import partial

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.sharing.upload_requests import release_file
from streamtime.uploads.receive import Receiver
from streamtime.uploads.upload import Upload, UploadRepository
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.video import Videos, VideoState, require_not_deleted


class Termination:
    """The tus termination extension."""

    def __init__(self, database: Database, videos: Videos, deletion: VideoDeletion, receiver: Receiver) -> None:
        self._database = database
        self._videos = videos
        self._deletion = deletion
        self._receiver = receiver

    async def terminate(self, upload: Upload) -> None:
        """Delete an unfinished upload.

        Raises:
            Conflict: the upload is complete; its video can be deleted instead.
        """
        await self._receiver.interrupt(upload)
        video = await self._videos.by_id(upload.video_id)

        async def body(tx: Transaction) -> None:
            if (await require_not_deleted(tx, video.id))["state"] != VideoState.UPLOADING:
                raise Conflict("This upload is complete. Delete its video instead.")
            await self._deletion.purge(tx, video)
            if upload.drop_id is not None:
                await release_file(tx, upload.drop_id)

        await self._database.write(body)


class UploadExpiry:
    """Deletes unfinished uploads that received no bytes for too long."""

    def __init__(self, database: Database, rows: UploadRepository, videos: Videos, deletion: VideoDeletion) -> None:
        self._database = database
        self._rows = rows
        self._videos = videos
        self._deletion = deletion

    @property
    def expire_after_s(self) -> float:
        """How long an upload is kept after its last byte, in seconds."""
        return self._rows.expire_after_ms / 1000

    async def backfill(self) -> None:
        """Set an expiry on unfinished uploads that have none; called once at startup."""
        await self._database.write(self._rows.backfill_expiry)

    async def has_expired(self) -> bool:
        """Return whether any upload has expired."""
        return bool(await self._rows.expired())

    async def expire(self) -> int:
        """Delete all expired uploads and return their number."""
        count = 0
        while expired := await self._rows.expired():
            for video_id in expired:
                count += await self._database.write(partial(self._expire, video_id=video_id))
        return count

    async def _expire(self, tx: Transaction, video_id: int) -> bool:
        if not await self._rows.is_expired(tx, video_id):
            return False  # more bytes arrived since
        drop_id = await self._rows.drop_id_of(tx, video_id)
        if drop_id is not None:
            await release_file(tx, drop_id)
        await self._deletion.purge(tx, await self._videos.by_id(video_id))
        return True
