"""An owner's wish for another poster: which moment of the video it is to show. The picture itself is a job's work."""

from sqlalchemy import update
from sqlalchemy.engine import RowMapping

from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.errors import Conflict, Invalid
from streamtime.jobs.queue import JobQueue
from streamtime.videos.video import Video, subject_of

POSTER = "poster"
POSTER_PRIORITY = 5
"""Somebody looks at the page and waits for it, and it takes a moment."""


class PosterChoice:
    """Writes wishes down and has them fulfilled."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def choose(self, tx: Transaction, row: RowMapping, at_ms: int) -> None:
        """Have the poster of the video in `row` show that moment.

        Raises:
            Invalid: the video is not that long.
            Conflict: nothing of it can be shown yet.
        """
        if row["source_facts"] is None or (row["source_object_id"] is None and not row["playable"]):
            raise Conflict("A poster can be chosen once the video has been looked at.")
        if at_ms < 0 or at_ms > (row["duration_ms"] or at_ms):
            raise Invalid("The poster has to be a moment of the video.", field="poster_ms")
        await tx.execute(update(videos).where(videos.c.id == row["id"]).values(poster_ms=at_ms))
        await self._enqueue(tx, subject_of(row["id"]))

    async def requeue(self, tx: Transaction, video: Video) -> None:
        """Fulfil the wish that is written down once more: nobody knows whether it was."""
        await self._enqueue(tx, video.subject)

    async def _enqueue(self, tx: Transaction, subject: str) -> None:
        await self._queue.enqueue(tx, POSTER, subject, priority=POSTER_PRIORITY)
