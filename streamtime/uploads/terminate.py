"""Giving an upload up: it, its bytes and the video that it was to become are gone."""

from streamtime.database.transaction import Database
from streamtime.errors import Conflict
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.videos import Videos
from streamtime.uploads.receive import Receiver
from streamtime.uploads.upload import Upload


class Termination:
    """tus' termination extension."""

    def __init__(self, database: Database, videos: Videos, lifecycle: Lifecycle, receiver: Receiver) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._receiver = receiver

    async def terminate(self, upload: Upload) -> None:
        """Give an unfinished upload up.

        Raises:
            Conflict: it is complete; its video can be deleted instead.
        """
        if upload.finished:
            raise Conflict("This upload is complete. Delete its video instead.")
        await self._receiver.let_go(upload)
        video = await self._videos.by_id(upload.video_id)
        await self._database.write(lambda tx: self._lifecycle.delete(tx, video))
