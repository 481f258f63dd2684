"""Tells the pages why a video's work waits. It asks the queue now and then, and says only what has changed."""

from streamtime.clock import Clock
from streamtime.errors import NoSpace
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobOverview, JobSummary
from streamtime.periodic import every
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
