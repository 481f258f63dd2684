"""Changes of a video: updates of its row, and in memory its progress and the segments of its growing renditions.

Progress is published at most once a second and saved every few seconds. Of a growing rendition, only its checkpoint in
the row survives the process.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, update

from streamtime.auth.notices import NewNotice, NoticeKind, Notices
from streamtime.clock import Clock
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.hls.segment_index import SegmentIndex
from streamtime.videos.announcements import Announcements
from streamtime.videos.events import ChangeKind, VideoEventPublisher
from streamtime.videos.video import Video, VideoNotFound, require_not_deleted


class GrowingRenditions:
    """The segments of growing renditions that may be played, by rendition row id."""

    def __init__(self) -> None:
        self._growing: dict[int, SegmentIndex] = {}

    def publish(self, rendition_id: int, index: SegmentIndex) -> None:
        """Set the playable segments. The index only grows: published segments are never withdrawn."""
        self._growing[rendition_id] = index

    def get(self, rendition_id: int) -> SegmentIndex | None:
        """Return the playable segments, or None if nothing was published."""
        return self._growing.get(rendition_id)

    def remove(self, rendition_id: int) -> None:
        """Forget a rendition, if it is known."""
        self._growing.pop(rendition_id, None)


PUBLISH_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class VideoProgress:
    """Progress of a video: `fraction` of all work from 0 to 1, and the current stage as text for users.

    `speed` is in seconds of video per second, `remaining_s` the remaining time of the stage; both may be unknown.
    `waiting` is the reason why no work is done now, or empty.
    """

    fraction: float
    stage: str
    speed: float | None = None
    remaining_s: float | None = None
    waiting: str = ""


class ProgressTracker:
    """Holds the progress of all videos being uploaded or processed."""

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
        """Set the progress of a video."""
        previous = self._progress.get(video.id)
        self._progress[video.id] = VideoProgress(min(max(fraction, 0.0), 1.0), stage, speed, remaining_s)
        self._dirty.add(video.id)
        now = self._clock.monotonic()
        new_stage = previous is None or previous.stage != stage
        if new_stage or now - self._published_at.get(video.id, 0.0) >= PUBLISH_INTERVAL_S:
            self._published_at[video.id] = now
            self._publisher.publish(video)

    def set_waiting_reason(self, video: Video, reason: str) -> None:
        """Set the reason why no work is done now; an empty reason clears it."""
        progress = self.get(video)
        if progress.waiting != reason:
            self._progress[video.id] = VideoProgress(progress.fraction, progress.stage, waiting=reason)
            self._publisher.publish(video)

    def waiting_reason(self, video_id: int) -> str:
        """Return the reason why no work is done now, or an empty string."""
        progress = self._progress.get(video_id)
        return progress.waiting if progress else ""

    def get(self, video: Video) -> VideoProgress:
        """Return the progress in memory, or else that of the row."""
        return self._progress.get(video.id) or VideoProgress(video.progress, video.stage)

    def clear(self, video_id: int) -> None:
        """Forget the progress of a video."""
        self._progress.pop(video_id, None)
        self._published_at.pop(video_id, None)
        self._dirty.discard(video_id)

    async def flush(self) -> None:
        """Save the progress that changed since the last flush, in one transaction."""
        dirty, self._dirty = self._dirty, set()
        rows = [
            {"row": video_id, "fraction": progress.fraction, "stage_text": progress.stage}
            for video_id in dirty
            if (progress := self._progress.get(video_id))
        ]
        if not rows:
            return
        statement = (
            update(videos)
            .where(videos.c.id == bindparam("row"), videos.c.state != "ready", videos.c.state != "failed")
            .values(progress=bindparam("fraction"), stage=bindparam("stage_text"))
        )

        async def body(tx: Transaction) -> None:
            await tx.execute_many(statement, rows)

        try:
            await self._database.write(body)
        except Exception:
            self._dirty |= dirty
            raise


class VideoUpdater:
    """Updates rows of videos, publishes the change, notifies the owner, and forgets progress when processing ends."""

    def __init__(
        self, publisher: VideoEventPublisher, progress: ProgressTracker, notices: Notices, clock: Clock
    ) -> None:
        self._publisher = publisher
        self._progress = progress
        self._notices = notices
        self._announcements = Announcements(notices)
        self._clock = clock

    async def update(self, tx: Transaction, video: Video, **values: object) -> None:
        """Update these columns.

        Raises:
            VideoNotFound: it has been deleted.
        """
        done = await tx.execute(
            update(videos).where(videos.c.id == video.id, videos.c.deleted_at_ms.is_(None)).values(**values)
        )
        if done.rowcount == 0:
            raise VideoNotFound
        self._publisher.publish_on_commit(tx, video)

    async def set_playable(self, tx: Transaction, video: Video, **values: object) -> None:
        """Update these columns and mark the video as playable; followers are told if it was not.

        Raises:
            VideoNotFound: it has been deleted.
        """
        was_playable = (await require_not_deleted(tx, video.id))["playable"]
        await self.update(tx, video, playable=True, **values)
        await tx.bump_epoch()
        if not was_playable:
            await self._announcements.announce(tx, video.id)

    async def notify_owner(self, tx: Transaction, video: Video, kind: NoticeKind, **detail: str) -> None:
        """Add a notice about a video for its owner; about a version, it is one about the video that it replaces."""
        subject = video.version_of or video.id
        fact = f"{subject} {self._clock.now_ms()}"  # a state changes in one transaction, so once at a time
        await self._notices.add(tx, [video.owner_id], NewNotice(kind, fact, video_id=subject, detail=detail))

    def clear_progress(self, tx: Transaction, video: Video) -> None:
        """Forget the progress of a video when `tx` is committed."""
        tx.after_commit(lambda: self._progress.clear(video.id))

    def publish_deleted(self, tx: Transaction, video: Video) -> None:
        """When `tx` is committed, publish that a video has been deleted, and forget its progress."""
        self._publisher.publish_on_commit(tx, video, ChangeKind.DELETED)
        self.clear_progress(tx, video)

    def publish_restored(self, tx: Transaction, video: Video) -> None:
        """Publish that a deleted video is back when `tx` is committed."""
        self._publisher.publish_on_commit(tx, video, ChangeKind.CREATED)
