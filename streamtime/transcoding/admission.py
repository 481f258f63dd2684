"""Admission control for encodes: free disk space, quiet hours and viewers. Also tells users why queued jobs wait."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Self

from streamtime.clock import Clock
from streamtime.errors import NoSpace
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobOverview, JobSummary
from streamtime.periodic import every
from streamtime.playback.segments import ViewerActivity
from streamtime.storage.spool import Spool
from streamtime.translation import gettext_noop
from streamtime.videos.job_kinds import FIRST, LADDER, PREPARE
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.video import VideoNotFound, Videos, VideoState, video_id_of

POLL_INTERVAL_S = 2.0
KINDS = (PREPARE, FIRST, LADDER)


class QueueStatus:
    """Polls the queue and publishes the reasons why jobs wait with the progress of their videos."""

    def __init__(
        self, overview: JobOverview, pool: JobPool, videos: Videos, progress: ProgressTracker, clock: Clock
    ) -> None:
        self._overview = overview
        self._pool = pool
        self._videos = videos
        self._progress = progress
        self._clock = clock

    async def run_forever(self) -> None:
        """Poll the queue until cancelled."""
        await every(POLL_INTERVAL_S, self._update, "queue-reasons")

    async def _update(self) -> None:
        for job in await self._overview.waiting(KINDS):
            reason = self.reason_for(job)
            # Compared with the tracker: other events of the video may have cleared the reason there.
            if self._progress.waiting_reason(video_id_of(job.subject)) != reason:
                await self._publish(job.subject, reason)

    async def _publish(self, subject: str, reason: str) -> None:
        try:
            video = await self._videos.by_id(video_id_of(subject))
        except VideoNotFound:
            return
        if video.state in {VideoState.QUEUED, VideoState.PROCESSING}:  # it may have ended since the poll
            self._progress.set_waiting_reason(video, reason)

    def reason_for(self, job: JobSummary) -> str:
        """Return the reason why a queued job does not run, as text for users."""
        if job.failure_message and job.run_after_ms > self._clock.now_ms():
            message = job.failure_message.removesuffix(".")
            return message if job.failure_code == NoSpace.code else f"Tried again soon: {message}"
        return self._pool.waiting_reason(job.kind, job.weight)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A daily time range from `start` to just before `end`; it spans midnight if `end` is earlier."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse a range such as "23:00-07:00"; None for an empty text.

        Raises:
            ValueError: the text is not a range of times.
        """
        if not text:
            return None
        begin, _, end = text.partition("-")
        return cls(time.fromisoformat(begin), time.fromisoformat(end))

    def contains(self, moment: time) -> bool:
        """Return whether a time of day is within the range."""
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def local_time(now_ms: int) -> time:
    """Return the local time of day."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone().time()


DISK_FULL_REASON = gettext_noop("Waits for room on the disk")
VIEWERS_REASON = gettext_noop("Paused while somebody watches")


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """The configured rules. `minimum_free_bytes` of 0, or no quiet hours, disables the rule."""

    minimum_free_bytes: int
    quiet_hours: QuietHours | None
    yield_to_viewers: bool


class EncodeAdmission:
    """Decides whether encodes may run now. The job pool asks before it starts one, and the monitor while it runs."""

    def __init__(self, rules: AdmissionRules, viewer_activity: ViewerActivity, spool: Spool, clock: Clock) -> None:
        self.rules = rules
        self._viewer_activity = viewer_activity
        self._spool = spool
        self._clock = clock

    async def blocked_reason(self) -> str | None:
        """Return the reason, as text for users, why no long encode may run now; None if it may."""
        return await self.disk_full_reason() or self._paused_reason()

    async def disk_full_reason(self) -> str | None:
        """Return the reason why no encode may run now because the disk is nearly full; None if it may."""
        minimum = self.rules.minimum_free_bytes
        return DISK_FULL_REASON if minimum and await self._spool.free_bytes() < minimum else None

    async def require_space(self, wanted_bytes: int) -> None:
        """Check that enough space will be left after writing about `wanted_bytes`.

        Raises:
            NoSpace: it will not.
        """
        minimum = self.rules.minimum_free_bytes
        free = await self._spool.free_bytes() if minimum else 0
        if minimum and free - wanted_bytes < minimum:
            needed, usable = _size(wanted_bytes), _size(max(0, free - minimum))
            raise NoSpace(f"{DISK_FULL_REASON}: about {needed} are needed, {usable} can be used.")

    def _paused_reason(self) -> str | None:
        hours = self.rules.quiet_hours
        if hours is not None and not hours.contains(local_time(self._clock.now_ms())):
            return f"Waits for quiet hours ({hours.start:%H:%M})"
        if self.rules.yield_to_viewers and self._viewer_activity.is_active:
            return VIEWERS_REASON
        return None


def _size(count: int) -> str:
    """Format a size in decimal units, as disks are sold."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{max(1, round(count / 1e6))} MB"
