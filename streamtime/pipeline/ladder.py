"""The second job of a video: all rungs that must be encoded, in one decode of the source."""

import msgspec

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.grid import Grid
from streamtime.hls.playlists import target_duration_s
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Kind, Origin, Rendition, Renditions
from streamtime.library.timeline import Timeline
from streamtime.library.video import Video, id_of
from streamtime.library.videos import Videos
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.making import Maker
from streamtime.pipeline.passes import passes, source_of
from streamtime.pipeline.plan import ENCODE_TARGET_S, Planned, plan_rung, renumbered, rungs_for
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.source import Sources
from streamtime.pipeline.supervision import Share
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
        timeline: Timeline,
        launcher: WorkerLauncher,
        maker: Maker,
        settings: TranscodeSettings,
    ) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._renditions = renditions
        self._sources = sources
        self._timeline = timeline
        self._launcher = launcher
        self._maker = maker
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the rungs that are not there yet, then call the video ready."""
        async with attempt(job, self._database, self._timeline):
            video = await self._videos.by_id(id_of(job.subject))
            facts = _facts(video)
            pictures = [r for r in await self._renditions.of(video.id) if r.kind is Kind.VIDEO and r.whole]
            planned, grid = self._plan(video, facts, pictures)
            await self._maker.require_room(planned)
            parts = self._parts(facts, planned)
            await self._database.write(lambda tx: self._lifecycle.begun(tx, video, stage=_stage(planned)))
            for number, part in enumerate(parts):
                share = Share(_stage(part), *_span(number, len(parts)), stands_back=bool(pictures))
                await self._encode(video, facts, part, grid, share)
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
            plan_rung(facts, rung, video.new_key(".mp4"), output, longest_s=longest_s)
            for output, rung in enumerate(missing)
        ]
        return planned, Grid.of_copy(copied) if copied else Grid.regular()

    def _parts(self, facts: SourceFacts, planned: list[Planned]) -> list[list[Planned]]:
        """What is made together, one decode each: all of it, unless that would take too much memory."""
        by_rung = {plan.order.rung: plan for plan in planned if isinstance(plan.order, EncodeVideo)}
        budget = self._settings.memory_budget_bytes
        return [
            [renumbered(by_rung[rung], output) for output, rung in enumerate(part)]
            for part in passes(source_of(facts), list(by_rung), budget)
        ]

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


def _span(number: int, count: int) -> tuple[float, float]:
    """The share of the whole work that one of several passes is, after the first tenth."""
    return 0.1 + 0.9 * number / count, 0.1 + 0.9 * (number + 1) / count


def _stage(planned: list[Planned]) -> str:
    return "Preparing " + ", ".join(plan.new.name for plan in planned) if planned else "Preparing"
