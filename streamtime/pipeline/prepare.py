"""The first job of every video: what is in the file, then all that needs no encoding of the picture.

A picture that can be copied is playable within a second, whatever its length. What must be encoded is for jobs of
their own, so that the next video's first job does not wait for it.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.hls.ladder import quickest_useful
from streamtime.jobs.job import Failure, Job
from streamtime.library.captions import streams_read
from streamtime.library.chapters import replace_chapters
from streamtime.library.lifecycle import Picture
from streamtime.library.renditions import Kind, NewRendition, Origin, Rendition
from streamtime.library.titles import embedded_title
from streamtime.library.video import Video, id_of
from streamtime.pipeline.completion import complete
from streamtime.pipeline.encoding import note_end
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.making import Maker
from streamtime.pipeline.passes import forecast
from streamtime.pipeline.plan import (
    Planned,
    chosen_audio,
    longest_segment_s,
    other_audios,
    plan_audio,
    plan_copy,
    rungs_for,
    sound_name,
)
from streamtime.pipeline.records import Records
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.shares import COPIED, Share
from streamtime.pipeline.side_tracks import chapters, not_shown
from streamtime.pipeline.source import Sources
from streamtime.source_facts import SourceFacts, SubtitleFacts
from streamtime.worker_protocol import CopyVideo, MakePoster, Package, PackageAudio, ReadCaptions
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.worker import Worker

UNFIT = {"copy_unfit": Kind.VIDEO, "audio_copy_unfit": Kind.AUDIO}
"""What a worker says when something that looked copyable turns out not to be."""

NOT_OF_THE_COPY = frozenset(
    {"no_space", "disk_error", "unconfined", "worker_unavailable", "worker_killed", "worker_crashed"}
)
"""Failures that encoding would meet as well: the machine's, and crashes, which `quarantine.py` counts."""

SHARE = Share("Preparing", 0.0, COPIED)


class Prepare:
    """Handles jobs of the kind `prepare`."""

    def __init__(
        self,
        records: Records,
        sources: Sources,
        at_once: WorkerLauncher,
        at_leisure: WorkerLauncher,
        maker: Maker,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._sources = sources
        self._at_once = at_once
        self._at_leisure = at_leisure
        self._maker = maker
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Probe, copy what can be copied, make the poster, and queue what is to be encoded."""
        async with attempt(job, self._records):
            video = await self._records.videos.by_id(id_of(job.subject))
            await self._records.database.write(lambda tx: self._records.lifecycle.begun(tx, video, stage=SHARE.stage))
            source = await self._sources.open(video)
            copies = frozenset({Kind.VIDEO, Kind.AUDIO})
            facts: SourceFacts | None = None
            while facts is None or copies_picture(facts, copies):
                async with self._at_once.launch(source.descriptor) as worker:
                    facts = facts or await self._probe(video, worker)
                    if not copies_picture(facts, copies):
                        break
                    unfit = await self._package(video, worker, facts, copies)
                if unfit is None:
                    break
                copies -= {unfit}
            if not copies_picture(facts, copies):
                await self._queue_first(video, facts)
                # The poster stands back: people wait for the first rung.
                async with self._at_leisure.launch(source.descriptor) as worker:
                    await self._package(video, worker, facts, copies)
            await self._go_on(job, video, facts)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why nothing comes of it."""
        await give_up(tx, self._records, job, failure)

    async def _unfit(self, tx: Transaction, video: Video, why: str) -> None:
        await self._records.lifecycle.drop_growing(tx, video.id)
        await self._records.timeline.add(tx, video.id, "copy_abandoned", why)

    async def _probe(self, video: Video, worker: Worker) -> SourceFacts:
        facts = await worker.probe()

        async def body(tx: Transaction) -> None:
            picture = Picture(facts.duration_ms, facts.video.width, facts.video.height)
            title = embedded_title(facts.title, video.source_name)
            await self._records.lifecycle.probed(tx, video, msgspec.msgpack.encode(facts), picture, title)
            await self._records.timeline.add(
                tx, video.id, "probed",
                f"{facts.video.codec} {facts.video.width} \N{MULTIPLICATION SIGN} {facts.video.height}",
                copyable=facts.video.copyable, obstacle=facts.video.copy_obstacle, container=facts.container,
                fps=round(float(facts.video.fps), 3), duration_ms=facts.duration_ms, bitrate_bps=facts.bitrate_bps,
                sound=[f"{track.codec}, {track.channels} ch" for track in facts.audios],
            )  # fmt: skip
            await replace_chapters(tx, video.id, chapters(facts))
            if words := not_shown(facts):
                await self._records.timeline.add(tx, video.id, "subtitles_not_shown", words)

        await self._records.database.write(body)
        return facts

    async def _package(self, video: Video, worker: Worker, facts: SourceFacts, copies: frozenset[Kind]) -> Kind | None:
        """Make what is missing. What looked copyable and turns out not to be is given back, to be done otherwise."""
        whole = [one for one in await self._records.renditions.of(video.id) if one.whole and not one.outdated]
        planned = missing(video, facts, whole, copies)
        wants_poster = (await self._records.videos.by_id(video.id)).poster_object_id is None
        subtitles = await self._subtitles(video, facts)
        if not planned and not wants_poster and not subtitles:
            return None
        order = order_of(facts, planned, subtitles, wants_poster=wants_poster)
        try:
            done = await self._maker.make(video, worker, order, planned, SHARE, subtitles)
        except WorkerFailed as error:
            unfit = unfit_for(error, planned, copies)
            if not planned:
                # Only a poster was to be made here, and the video plays without one.
                words = no_poster_words(error.message)
                await self._records.database.write(
                    lambda tx: self._records.timeline.add(tx, video.id, "no_poster", words)
                )
                return None
            if unfit is None:
                raise
            why = error.message
            await self._records.database.write(lambda tx: self._unfit(tx, video, why))
            return unfit
        if planned:
            await note_end(self._records, video, done)
        return None

    async def _queue_first(self, video: Video, facts: SourceFacts) -> None:
        """Have the first rung encoded at once: it waits neither for the poster nor for anything else here."""
        first = quickest_useful(rungs_for(facts, self._settings.rungs, copied=False))
        cost = forecast(facts, [first], [], self._settings.memory_budget_bytes)
        await self._records.database.write(lambda tx: self._records.lifecycle.first(tx, video, cost))

    async def _subtitles(self, video: Video, facts: SourceFacts) -> list[SubtitleFacts]:
        read = await streams_read(self._records.database, video.id)
        return [track for track in facts.subtitles if track.is_text and track.stream not in read]

    async def _go_on(self, job: Job, video: Video, facts: SourceFacts) -> None:
        if not any(rendition.origin is Origin.COPY for rendition in await self._pictures(video)):
            return  # the first rung is on its way, and the job that makes it goes on from there
        rungs = rungs_for(facts, self._settings.rungs, copied=True)
        sounds = [sound_name(track) for track in other_audios(facts)]
        others = forecast(facts, rungs, sounds, self._settings.memory_budget_bytes)

        if others.names:
            await self._records.database.write(lambda tx: self._records.lifecycle.encode(tx, video, others, after=job))
        else:
            await complete(self._records, self._settings, job, video, facts)

    async def _pictures(self, video: Video) -> list[Rendition]:
        found = await self._records.renditions.of(video.id)
        return [rendition for rendition in found if rendition.kind is Kind.VIDEO and not rendition.outdated]


def copies_picture(facts: SourceFacts, copies: frozenset[Kind]) -> bool:
    """Whether the picture is taken over as it is."""
    return facts.video.copyable and Kind.VIDEO in copies


def unfit_for(error: WorkerFailed, planned: Sequence[Planned], copies: frozenset[Kind]) -> Kind | None:
    """What is to be encoded, as copying it failed for whatever reason; None where that would not help."""
    unfit = UNFIT.get(error.code)
    if unfit is None and error.code not in NOT_OF_THE_COPY:
        unfit = next((Kind.VIDEO for plan in planned if isinstance(plan.order, CopyVideo)), None)
    return unfit if unfit in copies else None


def no_poster_words(why: str) -> str:
    """What people are told where there is no poster."""
    return f"No poster could be made: {why}"


class NamesObjects(Protocol):
    """What has names for the objects that are made of it."""

    def new_key(self, ending: str) -> str:
        """A name for one more."""
        ...


def missing(
    video: NamesObjects, facts: SourceFacts, whole: Sequence[Rendition | NewRendition], copies: frozenset[Kind]
) -> list[Planned]:
    """What is still to be made here: nothing that is whole already is made twice.

    Where the picture is encoded, the sound is made with it, in the same reading.
    """
    if not copies_picture(facts, copies):
        return []
    names = {rendition.name for rendition in whole if rendition.kind is Kind.AUDIO}
    planned: list[Planned] = []
    has_picture = any(rendition.kind is Kind.VIDEO for rendition in whole)
    if not has_picture:
        planned.append(plan_copy(facts, video.new_key(".mp4"), len(planned)))
    track = chosen_audio(facts)
    if track is not None:
        longest_s = longest_segment_s(facts, copied=True)
        may_copy = Kind.AUDIO in copies
        plan = plan_audio(track, video.new_key(".mp4"), len(planned), may_copy=may_copy, longest_s=longest_s)
        planned += [plan] if plan.new.name not in names else []
    return planned


def order_of(
    facts: SourceFacts, planned: Sequence[Planned], subtitles: Sequence[SubtitleFacts] = (), *, wants_poster: bool
) -> Package:
    """What a worker is asked to do in its first reading of the source."""
    return Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        copy=next((plan.order for plan in planned if isinstance(plan.order, CopyVideo)), None),
        audios=tuple(plan.order for plan in planned if isinstance(plan.order, PackageAudio)),
        captions=tuple(ReadCaptions(track.stream) for track in subtitles),
        poster=MakePoster(output=len(planned)) if wants_poster else None,
        duration_ms=facts.duration_ms,
    )
