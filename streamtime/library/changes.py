"""Changing what stands in a video's row, unless the video is gone. Every change is told to the pages that watch."""

from sqlalchemy import update

from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.library.news import VideoEventPublisher
from streamtime.library.video import Video
from streamtime.library.videos import VideoNotFound


class VideoUpdater:
    """Writes columns of videos."""

    def __init__(self, publisher: VideoEventPublisher) -> None:
        self._publisher = publisher

    async def update(self, tx: Transaction, video: Video, **values: object) -> None:
        """Write these columns, by name.

        Raises:
            VideoGone: it has been deleted.
        """
        done = await tx.execute(
            update(videos).where(videos.c.id == video.id, videos.c.deleted_at_ms.is_(None)).values(**values)
        )
        if done.rowcount == 0:
            raise VideoNotFound
        self._publisher.publish_on_commit(tx, video)
