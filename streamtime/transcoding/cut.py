"""Handles jobs of the kind `cut`: a worker writes the wanted parts of an original to a new file.

The file is the original of another video, or of a version, which is then prepared like an upload.

The result replaces nothing until it is complete. After a kill the job starts again, with a new file.
"""

import asyncio

from streamtime.database.transaction import Transaction
from streamtime.errors import NotFound
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.outcome import mark_video_failed, translate_failures
from streamtime.transcoding.plan import facts_of
from streamtime.transcoding.source import Sources
from streamtime.transcoding.stills import FileSpec, StagedFile, Staging
from streamtime.transcoding.supervision import COPIED_FRACTION
from streamtime.translation import gettext_noop
from streamtime.videos.cut_jobs import CutJobs, PlannedCut
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.video import Video, VideoNotFound, video_id_of
from streamtime.workers.cut_order import Cut, CutWritten
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import OrderProgress

STAGE = gettext_noop("Cutting")


class CutHandler:
    """Handles jobs of the kind `cut`."""

    def __init__(
        self,
        records: VideoRecords,
        cuts: CutJobs,
        sources: Sources,
        launcher: WorkerLauncher,
        staging: Staging,
        progress: ProgressTracker,
    ) -> None:
        self._records = records
        self._cuts = cuts
        self._sources = sources
        self._launcher = launcher
        self._staging = staging
        self._progress = progress

    async def run(self, job: Job) -> None:
        """Cut the file if that was not done yet, and queue its preparation."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            if video.source_object_id is not None:
                return
            cut = await self._cuts.of_video(video)
            try:
                source = await self._records.videos.by_id(cut.source_video_id)
                await self._records.database.write(
                    lambda tx: self._records.lifecycle.mark_processing(tx, video, stage=STAGE)
                )
                await self._make(job, video, source, cut)
            except (VideoNotFound, NotFound) as error:
                message = "The video that it is cut from was deleted."
                raise AttemptFailed(message, code="source_gone", retryable=False) from error

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Mark the new video as failed."""
        await mark_video_failed(tx, self._records, job, failure)

    async def _make(self, job: Job, video: Video, source: Video, cut: PlannedCut) -> None:
        async with self._staging.stage(video, [FileSpec("source", "")]) as (file,):
            written = await self._write(video, source, cut, file)
            await self._staging.sync([file])
            captions = await self._cuts.captions_of(source)
            moved = await asyncio.to_thread(captions.moved, written.parts)
            await self._records.database.write(lambda tx: self._commit(tx, job, video, file, written, moved))

    async def _commit(
        self,
        tx: Transaction,
        job: Job,
        video: Video,
        file: StagedFile,
        written: CutWritten,
        captions: list[dict[str, object]],
    ) -> None:
        await self._staging.complete(tx, video, file, length_bytes=written.bytes_total)
        await self._cuts.complete(tx, job, video, file.object_id, written.parts, captions)

    async def _write(self, video: Video, source: Video, cut: PlannedCut, file: StagedFile) -> CutWritten:
        facts = facts_of(source)
        order = Cut(
            origin_us=facts.origin_us,
            video_stream=facts.video.stream,
            audio_streams=tuple(track.stream for track in facts.audios),
            parts=tuple(cut.parts),
            exact=cut.exact,
            duration_ms=source.duration_ms,
        )
        opened = await self._sources.open(source)
        async with self._launcher.launch(opened.descriptor) as worker:
            async for message in worker.cut(order, file.fd):
                if isinstance(message, CutWritten):
                    return message
                if isinstance(message, OrderProgress):
                    self._progress.report(video, message.fraction * COPIED_FRACTION, STAGE)
        raise WorkerFailed("cut_unfit", "Nothing was written.", retryable=True)
