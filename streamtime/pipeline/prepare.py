"""The first job of every video: what is in the file, then all that needs no encoding of the picture.

A picture that can be copied is playable within a second, whatever its length. The ladder is a job of its own, so that
the next video's first job does not wait for it.
"""

from collections.abc import Sequence

import msgspec

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.ladder import PlannedRung
from streamtime.jobs.job import Failure, Job
from streamtime.library.lifecycle import Forecast, Lifecycle, Picture
from streamtime.library.renditions import Kind, Origin, Rendition, Renditions
from streamtime.library.timeline import Timeline
from streamtime.library.video import Video, id_of
from streamtime.library.videos import Videos
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.making import Maker
from streamtime.pipeline.passes import passes, source_of, weight
from streamtime.pipeline.plan import Planned, chosen_audio, expected_bytes, plan_audio, plan_copy, rungs_for
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.source import Sources
from streamtime.pipeline.supervision import Share
from streamtime.worker_protocol import CopyVideo, Done, MakePoster, Package, PackageAudio, SourceFacts
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.worker import Worker

UNFIT = {"copy_unfit": Kind.VIDEO, "audio_copy_unfit": Kind.AUDIO}
"""What a worker says when something that looked copyable turns out not to be."""

SHARE = Share("Preparing", 0.0, 0.1)


class Prepare:
    """Handles jobs of the kind `prepare`."""

    def __init__(
        self,
        database: Database,
        videos: Videos,
        lifecycle: Lifecycle,
        renditions: Renditions,
        timeline: Timeline,
        sources: Sources,
        launcher: WorkerLauncher,
        maker: Maker,
        settings: TranscodeSettings,
    ) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._renditions = renditions
        self._timeline = timeline
        self._sources = sources
        self._launcher = launcher
        self._maker = maker
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Probe, copy what can be copied, make sound and poster, then queue the ladder."""
        async with attempt(job, self._database, self._timeline):
            video = await self._videos.by_id(id_of(job.subject))
            await self._database.write(lambda tx: self._lifecycle.begun(tx, video, stage=SHARE.stage))
            source = await self._sources.open(video)
            copies = frozenset({Kind.VIDEO, Kind.AUDIO})
            facts: SourceFacts | None = None
            unfit: Kind | None = None
            while facts is None or unfit is not None:
                async with self._launcher.launch(source.descriptor) as worker:
                    facts = facts or await self._probe(video, worker)
                    unfit = await self._package(video, worker, facts, copies)
                copies -= {unfit}
            await self._go_on(job, video, facts)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why nothing comes of it."""
        await give_up(tx, self._videos, self._lifecycle, job, failure)

    async def _unfit(self, tx: Transaction, video: Video, why: str) -> None:
        await self._lifecycle.drop_growing(tx, video.id)
        await self._timeline.add(tx, video.id, "copy_abandoned", why)

    async def _probe(self, video: Video, worker: Worker) -> SourceFacts:
        facts = await worker.probe()

        async def body(tx: Transaction) -> None:
            picture = Picture(facts.duration_ms, facts.video.width, facts.video.height)
            await self._lifecycle.probed(tx, video, msgspec.msgpack.encode(facts), picture)
            await self._timeline.add(
                tx, video.id, "probed", f"{facts.video.codec} {facts.video.width}x{facts.video.height}",
                copyable=facts.video.copyable, obstacle=facts.video.copy_obstacle, container=facts.container,
                fps=round(float(facts.video.fps), 3), duration_ms=facts.duration_ms, bitrate_bps=facts.bitrate_bps,
                sound=[f"{track.codec}, {track.channels} ch" for track in facts.audios],
            )  # fmt: skip

        await self._database.write(body)
        return facts

    async def _package(self, video: Video, worker: Worker, facts: SourceFacts, copies: frozenset[Kind]) -> Kind | None:
        """Make what is missing. What looked copyable and turns out not to be is given back, to be done otherwise."""
        whole = [rendition for rendition in await self._renditions.of(video.id) if rendition.whole]
        planned = _missing(video, facts, whole, copies)
        wants_poster = (await self._videos.by_id(video.id)).poster_object_id is None
        if not planned and not wants_poster:
            return None
        order = _order(facts, planned, wants_poster=wants_poster)
        try:
            done = await self._maker.make(video, worker, order, planned, SHARE)
        except WorkerFailed as error:
            unfit = UNFIT.get(error.code)
            if unfit not in copies:
                raise
            why = error.message
            await self._database.write(lambda tx: self._unfit(tx, video, why))
            return unfit
        await self._note_end(video, done)
        return None

    async def _note_end(self, video: Video, done: Done) -> None:
        """What only a whole reading tells: how long it really is, and where it breaks off."""

        async def body(tx: Transaction) -> None:
            if done.duration_ms:
                await self._lifecycle.measured(tx, video, duration_ms=done.duration_ms)
            if done.damaged_after_ms is not None:
                words = f"The file is damaged after {_clock(done.damaged_after_ms)}; what comes before plays."
                await self._timeline.add(tx, video.id, "damaged", words)

        await self._database.write(body)

    async def _go_on(self, job: Job, video: Video, facts: SourceFacts) -> None:
        copied = any(rendition.origin is Origin.COPY for rendition in await self._pictures(video))
        rungs = rungs_for(facts, self._settings.rungs, copied=copied)

        async def body(tx: Transaction) -> None:
            if rungs:
                await self._lifecycle.encode(tx, video, self._forecast(facts, rungs), after=job)
            else:
                await self._lifecycle.ready(tx, video, after=job, keep_original=self._settings.keep_original)

        await self._database.write(body)

    def _forecast(self, facts: SourceFacts, rungs: Sequence[PlannedRung]) -> Forecast:
        source, budget = source_of(facts), self._settings.memory_budget_bytes
        return Forecast(
            names=[rung.name for rung in rungs],
            disk_bytes=sum(expected_bytes(facts, rung) for rung in rungs),
            memory_bytes=weight(source, rungs, budget),
            passes=len(passes(source, rungs, budget)),
        )

    async def _pictures(self, video: Video) -> list[Rendition]:
        return [rendition for rendition in await self._renditions.of(video.id) if rendition.kind is Kind.VIDEO]


def _missing(video: Video, facts: SourceFacts, whole: list[Rendition], copies: frozenset[Kind]) -> list[Planned]:
    """What is still to be made: nothing that is whole already is made twice."""
    names = {rendition.name for rendition in whole if rendition.kind is Kind.AUDIO}
    planned: list[Planned] = []
    has_picture = any(rendition.kind is Kind.VIDEO for rendition in whole)
    if facts.video.copyable and Kind.VIDEO in copies and not has_picture:
        planned.append(plan_copy(facts, video.new_key(".mp4"), len(planned)))
    track = chosen_audio(facts)
    if track is not None:
        plan = plan_audio(track, video.new_key(".mp4"), len(planned), may_copy=Kind.AUDIO in copies)
        planned += [plan] if plan.new.name not in names else []
    return planned


def _order(facts: SourceFacts, planned: list[Planned], *, wants_poster: bool) -> Package:
    return Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        copy=next((plan.order for plan in planned if isinstance(plan.order, CopyVideo)), None),
        audios=tuple(plan.order for plan in planned if isinstance(plan.order, PackageAudio)),
        poster=MakePoster(output=len(planned)) if wants_poster else None,
        duration_ms=facts.duration_ms,
    )


def _clock(at_ms: int) -> str:
    seconds = at_ms // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
