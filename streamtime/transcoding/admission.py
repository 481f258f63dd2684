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
from streamtime.videos.job_kinds import FIRST, LADDER, PREPARE
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.video import VideoState, video_id_of
from streamtime.videos.videos import VideoNotFound, Videos

POLL_INTERVAL_S = 2.0
KINDS = (PREPARE, FIRST, LADDER)


class QueueStatus:
    """Keeps the reasons of all that waits on the progress board."""

    def __init__(
        self, overview: JobOverview, pool: JobPool, videos: Videos, progress: ProgressTracker, clock: Clock
    ) -> None:
        self._overview = overview
        self._pool = pool
        self._videos = videos
        self._progress = progress
        self._clock = clock

    async def run_forever(self) -> None:
        """Look at the queue, until cancelled."""
        await every(POLL_INTERVAL_S, self._update, "queue-reasons")

    async def _update(self) -> None:
        for job in await self._overview.waiting(KINDS):
            why = self.reason_for(job)
            # Asked of the board, not remembered: whatever else happened to the video may have wiped it off there.
            if self._progress.waiting_reason(video_id_of(job.subject)) != why:
                await self._publish(job.subject, why)

    async def _publish(self, subject: str, reason: str) -> None:
        try:
            video = await self._videos.by_id(video_id_of(subject))
        except VideoNotFound:
            return
        if video.state in {VideoState.QUEUED, VideoState.PROCESSING}:  # it may have ended since the queue was asked
            self._progress.set_waiting_reason(video, reason)

    def reason_for(self, job: JobSummary) -> str:
        """Why a queued job does not run, in words for people."""
        if job.failure_message and job.run_after_ms > self._clock.now_ms():
            words = job.failure_message.removesuffix(".")
            return words if job.failure_code == NoSpace.code else f"Tried again soon: {words}"
        return self._pool.waiting_reason(job.kind, job.weight)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` to just before `end`, over midnight where the end comes first."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read "23:00-07:00"; None for nothing, which means that all hours are alike.

        Raises:
            ValueError: it is something else.
        """
        if not text:
            return None
        begin, _, end = text.partition("-")
        return cls(time.fromisoformat(begin), time.fromisoformat(end))

    def contains(self, moment: time) -> bool:
        """Whether a time of day lies within."""
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def local_time(now_ms: int) -> time:
    """The time of day at this place."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone().time()


DISK_FULL_REASON = "Waits for room on the disk"
VIEWERS_REASON = "Paused while somebody watches"


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """What the person who runs the server chose. Zero free bytes and no quiet hours mean no such rule."""

    minimum_free_bytes: int
    quiet_hours: QuietHours | None
    yield_to_viewers: bool


class EncodeAdmission:
    """Answers for all encodes alike. As `jobs.job.Restraint` it holds long ones back."""

    def __init__(self, rules: AdmissionRules, viewer_activity: ViewerActivity, spool: Spool, clock: Clock) -> None:
        self._rules = rules
        self._viewer_activity = viewer_activity
        self._spool = spool
        self._clock = clock

    async def blocked_reason(self) -> str | None:
        """Why no long encode may run just now, in words for people; None where it may."""
        return await self.disk_full_reason() or self._paused_reason()

    async def disk_full_reason(self) -> str | None:
        """Why no encode at all may run just now: the disk is nearly full."""
        least = self._rules.minimum_free_bytes
        return DISK_FULL_REASON if least and await self._spool.free_bytes() < least else None

    async def require_space(self, wanted_bytes: int) -> None:
        """Let pass what will leave enough room.

        Raises:
            NoSpace: it will not, as far as one can tell beforehand.
        """
        least = self._rules.minimum_free_bytes
        free = await self._spool.free_bytes() if least else 0
        if least and free - wanted_bytes < least:
            needed, usable = _size(wanted_bytes), _size(max(0, free - least))
            raise NoSpace(f"{DISK_FULL_REASON}: about {needed} are needed, {usable} can be used.")

    def _paused_reason(self) -> str | None:
        hours = self._rules.quiet_hours
        if hours is not None and not hours.contains(local_time(self._clock.now_ms())):
            return f"Waits for quiet hours ({hours.start:%H:%M})"
        if self._rules.yield_to_viewers and self._viewer_activity.is_active:
            return VIEWERS_REASON
        return None


def _size(count: int) -> str:
    """As disks are sold: in units of a thousand."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{max(1, round(count / 1e6))} MB"
