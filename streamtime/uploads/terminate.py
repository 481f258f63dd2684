"""Giving an upload up: it, its bytes and the video that it was to become are gone."""

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.library.deletion import VideoDeletion
from streamtime.library.video import VideoState
from streamtime.library.videos import Videos, require_not_deleted
from streamtime.sharing.drops import release_file
from streamtime.uploads.receive import Receiver
from streamtime.uploads.upload import Upload


class Termination:
    """tus' termination extension."""

    def __init__(self, database: Database, videos: Videos, deletion: VideoDeletion, receiver: Receiver) -> None:
        self._database = database
        self._videos = videos
        self._deletion = deletion
        self._receiver = receiver

    async def terminate(self, upload: Upload) -> None:
        """Give an unfinished upload up.

        Raises:
            Conflict: it is complete; its video can be deleted instead.
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
