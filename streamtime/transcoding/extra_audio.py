"""The sound tracks beside the one that is heard first: made when the video can be watched already.

They are an order of their own, read from the source once more: so neither does the first minute wait for eight
languages, nor do the languages wait for hours of encoding. A track that cannot be made costs the video nothing else.
"""

from streamtime.database.transaction import Transaction
from streamtime.jobs.job import Job
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.order_runner import OrderRunner
from streamtime.transcoding.plan import PlannedRendition, audio_order, plan_extra_audios
from streamtime.transcoding.progress_weights import ProgressRange
from streamtime.transcoding.source import Sources
from streamtime.videos.video import Video
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult

COPY_UNFIT = "audio_copy_unfit"
"""What a worker says when sound that looked copyable turns out not to be."""

DISK_CODES = frozenset({"no_space", "disk_error"})
"""No fault of the tracks."""


def audio_skipped_message(why: str) -> str:
    """What people are told where tracks are missing."""
    return f"Not all sound tracks could be prepared: {why}"


class ExtraAudio:
    """Makes what is missing of a video's further sound tracks."""

    def __init__(
        self,
        records: VideoRecords,
        sources: Sources,
        launcher: WorkerLauncher,
        order_runner: OrderRunner,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._order_runner = order_runner

    async def package(
        self, job: Job, video: Video, facts: ProbeResult, progress_range: ProgressRange, *, longest_s: int
    ) -> None:
        """Copy or encode them, all in one reading; `longest_s` is what the video's other renditions allow a segment.

        Raises:
            WorkerFailed: they could not be made this time; another attempt may go better.
        """
        names = {
            r.name for r in await self._records.renditions.list_for_video(video.id) if r.is_complete and not r.outdated
        }
        for may_copy in (True, False):
            planned = plan_extra_audios(facts, names, video.new_key, may_copy=may_copy, longest_s=longest_s)
            if not planned:
                return
            try:
                await self._package(video, facts, planned, progress_range)
            except WorkerFailed as error:
                if error.code == COPY_UNFIT and may_copy:
                    continue
                if error.code in DISK_CODES or (error.retryable and job.attempt < job.max_attempts):
                    raise
                await self._record_skipped(video, error.message)
            return

    async def _package(
        self, video: Video, facts: ProbeResult, planned: list[PlannedRendition], progress_range: ProgressRange
    ) -> None:
        source = await self._sources.open(video)
        first = ProgressRange("Preparing sound", progress_range.start, progress_range.start)
        async with self._launcher.launch(source.descriptor) as worker:
            await self._order_runner.run(video, worker, audio_order(facts, planned), planned, first)

    async def _record_skipped(self, video: Video, why: str) -> None:
        async def body(tx: Transaction) -> None:
            await self._records.timeline.add(tx, video.id, "sound_left_out", audio_skipped_message(why))

        await self._records.database.write(body)
