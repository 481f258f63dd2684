"""How far the work on each video is: a soft fact, in memory, told at most once a second, written every few seconds.

Renditions in the making: what may be played of each at this moment, in memory, a segment longer every few moments.

Nothing here outlives the process; what of a rendition does is its checkpoint, in its row.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, update

from streamtime.clock import Clock
from streamtime.database.tables import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.hls.segment_index import SegmentIndex
from streamtime.videos.events import VideoEventPublisher
from streamtime.videos.video import Video


class GrowingRenditions:
    """What is shown so far of each rendition that is being made, by its row id."""

    def __init__(self) -> None:
        self._growing: dict[int, SegmentIndex] = {}

    def publish(self, rendition_id: int, index: SegmentIndex) -> None:
        """So much of it may be played from now on; what was shown before is never taken back."""
        self._growing[rendition_id] = index

    def get(self, rendition_id: int) -> SegmentIndex | None:
        """What is shown at this moment, or None where nothing is."""
        return self._growing.get(rendition_id)

    def remove(self, rendition_id: int) -> None:
        """It is whole, or given up: forget it. One that is not known is a success."""
        self._growing.pop(rendition_id, None)


PUBLISH_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class VideoProgress:
    """`fraction` from 0 to 1 of the whole work, and the stage in words for people.

    `speed` is seconds of video a second and `left_s` how long the stage still takes, where that can be told.
    `waiting` says why nothing goes on just now; empty while something does.
    """

    fraction: float
    stage: str
    speed: float | None = None
    remaining_s: float | None = None
    waiting: str = ""


class ProgressTracker:
    """The progress of everything under way."""

    def __init__(self, database: Database, publisher: VideoEventPublisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._progress: dict[int, VideoProgress] = {}
        self._published_at: dict[int, float] = {}
        self._dirty: set[int] = set()

    def report(
        self, video: Video, fraction: float, stage: str, *, speed: float | None = None, remaining_s: float | None = None
    ) -> None:
        """The work on `video` is that far."""
        before = self._progress.get(video.id)
        self._progress[video.id] = VideoProgress(min(max(fraction, 0.0), 1.0), stage, speed, remaining_s)
        self._dirty.add(video.id)
        now = self._clock.monotonic()
        new_stage = before is None or before.stage != stage
        if new_stage or now - self._published_at.get(video.id, 0.0) >= PUBLISH_INTERVAL_S:
            self._published_at[video.id] = now
            self._publisher.publish(video)

    def set_waiting_reason(self, video: Video, reason: str) -> None:
        """Nothing goes on just now, and why; or, with nothing said, it goes on."""
        before = self.get(video)
        if before.waiting != reason:
            self._progress[video.id] = VideoProgress(before.fraction, before.stage, waiting=reason)
            self._publisher.publish(video)

    def waiting_reason(self, video_id: int) -> str:
        """Why nothing goes on just now, as far as the board knows; empty while something does."""
        noted = self._progress.get(video_id)
        return noted.waiting if noted else ""

    def get(self, video: Video) -> VideoProgress:
        """How far it is now: the board knows better than the row."""
        return self._progress.get(video.id) or VideoProgress(video.progress, video.stage)

    def clear(self, video_id: int) -> None:
        """Nothing is under way any more."""
        self._progress.pop(video_id, None)
        self._published_at.pop(video_id, None)
        self._dirty.discard(video_id)

    async def flush(self) -> None:
        """Write what has changed since the last time, in one transaction."""
        unwritten, self._dirty = self._dirty, set()
        rows = [
            {"row": video_id, "fraction": noted.fraction, "words": noted.stage}
            for video_id in unwritten
            if (noted := self._progress.get(video_id))
        ]
        if not rows:
            return
        statement = (
            update(videos)
            .where(videos.c.id == bindparam("row"), videos.c.state != "ready", videos.c.state != "failed")
            .values(progress=bindparam("fraction"), stage=bindparam("words"))
        )

        async def body(tx: Transaction) -> None:
            await tx.execute_many(statement, rows)

        try:
            await self._database.write(body)
        except Exception:
            self._dirty |= unwritten
            raise
