"""Tells the pages why a video's work waits. It asks the queue now and then, and says only what has changed."""

from streamtime.clock import Clock
from streamtime.errors import NoSpace
from streamtime.jobs.overview import JobOverview, SeenJob
from streamtime.jobs.pool import JobPool
from streamtime.library.progress import ProgressBoard
from streamtime.library.video import VideoState, id_of
from streamtime.library.videos import VideoGone, Videos
from streamtime.library.work import FIRST, LADDER, PREPARE
from streamtime.periodic import every

LOOK_EVERY_S = 2.0
KINDS = (PREPARE, FIRST, LADDER)


class WaitingRoom:
    """Keeps the reasons of all that waits on the progress board."""

    def __init__(
        self, overview: JobOverview, pool: JobPool, videos: Videos, progress: ProgressBoard, clock: Clock
    ) -> None:
        self._overview = overview
        self._pool = pool
        self._videos = videos
        self._progress = progress
        self._clock = clock

    async def keep(self) -> None:
        """Look at the queue, until cancelled."""
        await every(LOOK_EVERY_S, self._look, "queue-reasons")

    async def _look(self) -> None:
        for job in await self._overview.waiting(KINDS):
            why = self.why(job)
            # Asked of the board, not remembered: whatever else happened to the video may have wiped it off there.
            if self._progress.waiting(id_of(job.subject)) != why:
                await self._tell(job.subject, why)

    async def _tell(self, subject: str, why: str) -> None:
        try:
            video = await self._videos.by_id(id_of(subject))
        except VideoGone:
            return
        if video.state in {VideoState.QUEUED, VideoState.PROCESSING}:  # it may have ended since the queue was asked
            self._progress.wait(video, why)

    def why(self, job: SeenJob) -> str:
        """Why a queued job does not run, in words for people."""
        if job.failure_message and job.run_after_ms > self._clock.now_ms():
            words = job.failure_message.removesuffix(".")
            return words if job.failure_code == NoSpace.code else f"Tried again soon: {words}"
        return self._pool.why_waiting(job.kind, job.weight)
