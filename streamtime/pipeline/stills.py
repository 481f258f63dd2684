"""The job beside the ladder: a storyboard and a preview, out of the smallest picture that is whole.

Nothing waits for it: a video without stills plays as well, and one that they could not be made of is not failed.
"""

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.errors import NotFound
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.library.renditions import Rendition, RenditionKind
from streamtime.library.stills import StillKind, StillsFacts
from streamtime.library.video import Video, VideoState, video_id_of
from streamtime.library.videos import VideoNotFound
from streamtime.pipeline.failures import translate_failures
from streamtime.pipeline.records import VideoRecords
from streamtime.pipeline.source import Sources
from streamtime.pipeline.staging import FileSpec, StagedFile, Staging
from streamtime.pipeline.stills_plan import StillsPlan, byte_ranges
from streamtime.worker_protocol import StillWritten
from streamtime.workers.launcher import WorkerLauncher

UNFINISHED_STATES = frozenset({VideoState.QUEUED, VideoState.PROCESSING})
"""States in which more pictures may come."""


class StillsHandler:
    """Handles jobs of the kind `stills`."""

    def __init__(
        self,
        records: VideoRecords,
        sources: Sources,
        launcher: WorkerLauncher,
        staging: Staging,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._staging = staging

    async def run(self, job: Job) -> None:
        """Make what is not there yet, as soon as there is a picture that is fit for it."""
        async with translate_failures(job, self._records):
            while not await self._run_once(job):
                pass

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Leave a note; the video is as it was."""
        try:
            video = await self._records.videos.by_id(video_id_of(job.subject))
        except VideoNotFound:
            return
        await self._records.timeline.add(tx, video.id, "stills_failed", failure.message, code=failure.code)

    async def _run_once(self, job: Job) -> bool:
        """Make them, or leave it to a later job; False where there was less to wait for than it looked."""
        video = await self._records.videos.by_id(video_id_of(job.subject))
        rendition = smallest_video_rendition(await self._records.renditions.list_for_video(video.id))
        if video.stills is not None or rendition is None or rendition.index is None:
            return True
        size = (rendition.description.width or 2, rendition.description.height or 2)
        plan = StillsPlan(rendition.index, *size)
        if plan.is_expensive and video.state in UNFINISHED_STATES:
            # A smaller picture is on its way, and queues this again; unless all of it came just now.
            return await self._records.database.write(
                lambda tx: self._records.lifecycle.defer_stills(tx, video, job=job)
            )
        await self._make(video, rendition, plan)
        return True

    async def _make(self, video: Video, rendition: Rendition, plan: StillsPlan) -> None:
        wishes = [FileSpec(StillKind.SHEET, ".jpg")] * plan.board.sheets + [FileSpec(StillKind.PREVIEW, ".mp4")]
        async with self._staging.stage(video, wishes) as files:
            order = plan.order()
            written: dict[int, StillWritten] = {}
            try:
                source = await self._sources.open_object(rendition.object_id, ranges=byte_ranges(order))
            except NotFound as error:
                raise AttemptFailed("The picture is gone.", code="no_picture", retryable=True) from error
            async with self._launcher.launch(source.descriptor) as worker:
                async for message in worker.stills(order, [file.fd for file in files]):
                    if isinstance(message, StillWritten):
                        written[message.output] = message
            await self._staging.sync(files)
            await self._records.database.write(lambda tx: self._commit(tx, video, plan, files, written))

    async def _commit(
        self, tx: Transaction, video: Video, plan: StillsPlan, files: list[StagedFile], written: dict[int, StillWritten]
    ) -> None:
        facts = StillsFacts(plan.board, plan.duration_ms)
        ids = [file.object_id for file in files]
        await self._records.lifecycle.set_stills(
            tx, video, msgspec.msgpack.encode(facts), sheets=ids[:-1], preview=ids[-1]
        )
        for number, file in enumerate(files):
            await self._staging.complete(tx, video, file, length_bytes=written[number].bytes_total)


def smallest_video_rendition(renditions: list[Rendition]) -> Rendition | None:
    """The smallest of the whole pictures that play; they come with the largest first."""
    pictures = [r for r in renditions if r.kind is RenditionKind.VIDEO and r.index is not None and r.index.plays]
    return pictures[-1] if pictures else None
