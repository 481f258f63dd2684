"""The second job of a video: all rungs that must be encoded, in one decode of the source."""

import msgspec

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.grid import Grid
from streamtime.hls.playlists import target_duration_s
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Kind, Origin, Rendition, Renditions
from streamtime.library.video import Video, id_of
from streamtime.library.videos import Videos
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.making import Maker, Share
from streamtime.pipeline.plan import ENCODE_TARGET_S, Planned, plan_rung, rungs_for
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.sounds import OtherSounds
from streamtime.pipeline.source import Sources
from streamtime.worker_protocol import EncodeVideo, Package, SourceFacts
from streamtime.workers.launcher import WorkerLauncher


class Ladder:
    """Handles jobs of the kind `ladder`."""

    def __init__(
        self,
        database: Database,
        videos: Videos,
        lifecycle: Lifecycle,
        renditions: Renditions,
        sources: Sources,
        launcher: WorkerLauncher,
        maker: Maker,
        sounds: OtherSounds,
        settings: TranscodeSettings,
    ) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._renditions = renditions
        self._sources = sources
        self._launcher = launcher
        self._maker = maker
        self._sounds = sounds
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the rungs that are not there yet, then call the video ready."""
        with attempt(job):
            video = await self._videos.by_id(id_of(job.subject))
            facts = _facts(video)
            pictures = [r for r in await self._renditions.of(video.id) if r.kind is Kind.VIDEO and r.whole]
            planned, grid = self._plan(video, facts, pictures)
            share = Share(_stage(planned), 0.1, 1.0)
            await self._database.write(lambda tx: self._lifecycle.begun(tx, video, stage=share.stage))
            if pictures:
                await self._sounds.make(job, video, facts, share)
            if planned:
                await self._encode(video, facts, planned, grid, share)
            if not pictures:
                # Nothing could be watched before: the picture goes first then.
                await self._sounds.make(job, video, facts, share)
            keep = self._settings.keep_original
            await self._database.write(lambda tx: self._lifecycle.ready(tx, video, after=job, keep_original=keep))

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why not all of it was made; what can be watched stays."""
        await give_up(tx, self._videos, self._lifecycle, job, failure)

    def _plan(self, video: Video, facts: SourceFacts, pictures: list[Rendition]) -> tuple[list[Planned], Grid]:
        copy = next((rendition for rendition in pictures if rendition.origin is Origin.COPY), None)
        names = {rendition.name for rendition in pictures}
        rungs = rungs_for(facts, self._settings.rungs, copied=copy is not None)
        missing = [rung for rung in rungs if rung.name not in names]
        copied = copy.index if copy else None
        # A cut falls on the first picture at or after the copied one: a picture later at most.
        longest_s = target_duration_s(copied) + 1 if copied else ENCODE_TARGET_S
        planned = [
            plan_rung(rung, video.new_key(".mp4"), output, longest_s=longest_s) for output, rung in enumerate(missing)
        ]
        return planned, Grid.of_copy(copied) if copied else Grid.regular()

    async def _encode(self, video: Video, facts: SourceFacts, planned: list[Planned], grid: Grid, share: Share) -> None:
        order = Package(
            origin_us=facts.origin_us,
            video_stream=facts.video.stream,
            encodes=tuple(plan.order for plan in planned if isinstance(plan.order, EncodeVideo)),
            grid=grid,
            duration_ms=facts.duration_ms,
        )
        source = await self._sources.open(video)
        async with self._launcher.launch(source.descriptor) as worker:
            await self._maker.make(video, worker, order, planned, share)


def _facts(video: Video) -> SourceFacts:
    if video.source_facts is None:
        raise AttemptFailed("The file has not been looked at yet.", code="not_probed", retryable=False)
    return msgspec.msgpack.decode(video.source_facts, type=SourceFacts)


def _stage(planned: list[Planned]) -> str:
    return "Preparing " + ", ".join(plan.new.name for plan in planned) if planned else "Preparing"
