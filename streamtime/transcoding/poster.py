"""The job of a wish: the picture of one moment becomes the video's poster."""

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.errors import NotFound
from streamtime.hls.storyboard import locate_frames
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.outcome import translate_failures
from streamtime.transcoding.source import Sources
from streamtime.transcoding.staging import FileSpec, StagedFile, Staging
from streamtime.transcoding.stills import byte_ranges
from streamtime.videos.renditions import Rendition, RenditionKind
from streamtime.videos.video import Video, video_id_of
from streamtime.videos.videos import VideoNotFound, require_not_deleted
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.protocol import MakePoster, MakeStills, Package, PosterAt, PosterWritten


class PosterHandler:
    """Handles jobs of the kind `poster`."""

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
        """Make the poster that is wished for, until nobody has wished for another meanwhile."""
        async with translate_failures(job, self._records):
            while not await self._generate(job):
                pass

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Leave a note and forget the wish; the poster is as it was."""
        try:
            video = await self._records.videos.by_id(video_id_of(job.subject))
        except VideoNotFound:
            return
        await self._records.lifecycle.clear_chosen_poster(tx, video)
        await self._records.timeline.add(tx, video.id, "poster_failed", failure.message, code=failure.code)

    async def _generate(self, job: Job) -> bool:
        """Make what is wished for now; False where another wish came meanwhile."""
        video = await self._records.videos.by_id(video_id_of(job.subject))
        if video.poster_ms is None:
            return True
        async with self._staging.stage(video, [FileSpec("poster", ".jpg")]) as (file,):
            written = await self._write(video, video.poster_ms, file)
            await self._staging.sync([file])
            return await self._records.database.write(lambda tx: self._commit(tx, job, video, file, written))

    async def _commit(self, tx: Transaction, job: Job, video: Video, file: StagedFile, written: PosterWritten) -> bool:
        if (await require_not_deleted(tx, video.id))["poster_ms"] != video.poster_ms:
            return False
        await self._staging.complete(tx, video, file, length_bytes=written.bytes_total)
        await self._records.lifecycle.set_chosen_poster(tx, video, file.object_id, job=job)
        return True

    async def _write(self, video: Video, at_ms: int, file: StagedFile) -> PosterWritten:
        written = (
            await self._from_rendition(video, at_ms, file)
            if video.source_object_id is None
            else await self._from_original(video, at_ms, file)
        )
        if written is None:
            raise AttemptFailed("There is no picture at that moment.", code="no_picture", retryable=False)
        return written

    async def _from_original(self, video: Video, at_ms: int, file: StagedFile) -> PosterWritten | None:
        if video.source_facts is None:
            raise AttemptFailed("The file has not been looked at yet.", code="not_probed", retryable=False)
        facts = msgspec.msgpack.decode(video.source_facts, type=ProbeResult)
        order = Package(
            origin_us=facts.origin_us,
            video_stream=facts.video.stream,
            poster=MakePoster(output=0, at_ms=at_ms),
            duration_ms=facts.duration_ms,
        )
        source = await self._sources.open(video)
        async with self._launcher.launch(source.descriptor) as worker:
            told = [message async for message in worker.package(order, [file.fd])]
        return next((message for message in told if isinstance(message, PosterWritten)), None)

    async def _from_rendition(self, video: Video, at_ms: int, file: StagedFile) -> PosterWritten | None:
        rendition = largest_video_rendition(await self._records.renditions.list_for_video(video.id))
        if rendition is None or rendition.index is None:
            raise AttemptFailed("There is nothing to take a picture from.", code="no_picture", retryable=False)
        about = rendition.description
        (pick,) = locate_frames(rendition.index, [at_ms], exact=True)
        order = MakeStills(
            init_length=rendition.index.init_length,
            poster=PosterAt(output=0, location=pick, width=about.width or 2, height=about.height or 2),
        )
        try:
            source = await self._sources.open_object(rendition.object_id, ranges=byte_ranges(order))
        except NotFound as error:
            raise AttemptFailed("The picture is gone.", code="no_picture", retryable=True) from error
        async with self._launcher.launch(source.descriptor) as worker:
            told = [message async for message in worker.stills(order, [file.fd])]
        return next((message for message in told if isinstance(message, PosterWritten)), None)


def largest_video_rendition(renditions: list[Rendition]) -> Rendition | None:
    """The largest of the whole pictures, which come in this order."""
    return next(
        (rendition for rendition in renditions if rendition.kind is RenditionKind.VIDEO and rendition.is_complete), None
    )
