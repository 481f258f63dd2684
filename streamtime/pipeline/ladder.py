"""The second job of a video: all rungs that must be encoded, in one decode of the source."""

import msgspec

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.grid import Grid
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Kind, Origin, Rendition, Renditions
from streamtime.library.video import Video, id_of
from streamtime.library.videos import Videos
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.making import Maker, Share
from streamtime.pipeline.plan import ENCODE_TARGET_S, Planned, encode_order, plan_rungs, rungs_for, stage_words
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.source import Sources
from streamtime.worker_protocol import SourceFacts
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
        settings: TranscodeSettings,
    ) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._renditions = renditions
        self._sources = sources
        self._launcher = launcher
        self._maker = maker
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the rungs that are not there yet, then call the video ready."""
        with attempt(job):
            video = await self._videos.by_id(id_of(job.subject))
            facts = _facts(video)
            whole = [rendition for rendition in await self._renditions.of(video.id) if rendition.whole]
            planned, grid = self._plan(video, facts, whole)
            share = Share(stage_words(planned), 0.1, 1.0)
            await self._database.write(lambda tx: self._lifecycle.begun(tx, video, stage=share.stage))
            if planned:
                await self._encode(video, facts, planned, grid, share)
            keep = self._settings.keep_original
            await self._database.write(lambda tx: self._lifecycle.ready(tx, video, after=job, keep_original=keep))

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why not all of it was made; what can be watched stays."""
        await give_up(tx, self._videos, self._lifecycle, job, failure)

    def _plan(self, video: Video, facts: SourceFacts, whole: list[Rendition]) -> tuple[list[Planned], Grid]:
        pictures = [rendition for rendition in whole if rendition.kind is Kind.VIDEO]
        copy = next((rendition for rendition in pictures if rendition.origin is Origin.COPY), None)
        names = {rendition.name for rendition in pictures}
        rungs = rungs_for(facts, self._settings.rungs, copied=copy is not None)
        longest_s = max((rendition.target_duration_s for rendition in whole), default=ENCODE_TARGET_S)
        missing = [rung for rung in rungs if rung.name not in names]
        return plan_rungs(missing, video.new_key, copied=copy.index if copy else None, longest_s=longest_s)

    async def _encode(self, video: Video, facts: SourceFacts, planned: list[Planned], grid: Grid, share: Share) -> None:
        order = encode_order(facts, planned, grid)
        source = await self._sources.open(video)
        async with self._launcher.launch(source.descriptor) as worker:
            await self._maker.make(video, worker, order, planned, share)


def _facts(video: Video) -> SourceFacts:
    if video.source_facts is None:
        raise AttemptFailed("The file has not been looked at yet.", code="not_probed", retryable=False)
    return msgspec.msgpack.decode(video.source_facts, type=SourceFacts)
