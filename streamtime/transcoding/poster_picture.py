"""Posters that owners upload: a worker scales the picture to the shape of the video, and it replaces the poster."""

import asyncio
import os

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.hls.storyboard import fit
from streamtime.transcoding.stills import FileSpec, StagedFile, Staging
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.video import Video
from streamtime.workers.pictures import PictureDecoder
from streamtime.workers.protocol import MAX_MESSAGE_BYTES, MakePosterPicture

POSTER_SIDE = 1280
"""The longer side of a poster in pixels."""


class PosterPictures:
    """Makes posters of uploaded pictures."""

    def __init__(self, database: Database, decoder: PictureDecoder, staging: Staging, lifecycle: Lifecycle) -> None:
        self._database = database
        self._decoder = decoder
        self._staging = staging
        self._lifecycle = lifecycle

    async def set(self, video: Video, data: bytes) -> None:
        """Use the centre of an image file as the poster, in the shape of the video.

        Raises:
            Conflict: the video was not probed yet, so its shape is not known.
            Unavailable: too many uploads are waiting, or workers cannot be used here.
            TooLarge: the file is too large.
            Invalid: the file is not an image in a supported format, is damaged, or has too many pixels.
            NotFound: the video was deleted meanwhile.
        """
        if not (video.width and video.height):
            raise Conflict("A poster can be chosen once the video has been examined.")
        width, height = fit(video.width, video.height, POSTER_SIDE)
        order = MakePosterPicture(width, height)
        jpeg = await self._decoder.jpeg(data, order, max_bytes=MAX_MESSAGE_BYTES)
        async with self._staging.stage(video, [FileSpec("poster", ".jpg")]) as (file,):
            await asyncio.to_thread(_write, file.fd, jpeg)
            await self._staging.sync([file])
            await self._database.write(lambda tx: self._commit(tx, video, file, len(jpeg)))

    async def _commit(self, tx: Transaction, video: Video, file: StagedFile, length_bytes: int) -> None:
        await self._staging.complete(tx, video, file, length_bytes=length_bytes)
        await self._lifecycle.set_uploaded_poster(tx, video, file.object_id)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
