"""The job `prepare`, the first one of every video: probe the file and make everything that needs no video encoding.

A video that can be copied is playable within a second, whatever its length. Encodes are separate jobs, so that the
first job of the next video does not wait for them.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.hls.ladder import choose_first_rung
from streamtime.jobs.job import Failure, Job
from streamtime.transcoding.encode import record_source_end
from streamtime.transcoding.job_context import TranscodeSettings, VideoRecords
from streamtime.transcoding.order_runner import OrderRunner
from streamtime.transcoding.outcome import complete_video, mark_video_failed, translate_failures
from streamtime.transcoding.plan import (
    PlannedRendition,
    audio_name,
    default_audio,
    estimate_encode,
    extra_audios,
    longest_segment_s,
    plan_audio,
    plan_copy,
    rungs_for,
)
from streamtime.transcoding.source import Sources
from streamtime.transcoding.subtitles import chapters, unsupported_subtitles
from streamtime.transcoding.supervision import COPIED_FRACTION, ProgressRange
from streamtime.videos.captions import imported_streams, replace_chapters
from streamtime.videos.ingest import embedded_title
from streamtime.videos.lifecycle import MediaInfo
from streamtime.videos.renditions import NewRendition, Rendition, RenditionKind, RenditionOrigin
from streamtime.videos.video import Video, video_id_of
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult, SubtitleInfo
from streamtime.workers.protocol import CopyVideo, MakePoster, Package, PackageAudio, ReadCaptions
from streamtime.workers.worker import Worker

COPY_FALLBACKS = {"copy_unfit": RenditionKind.VIDEO, "audio_copy_unfit": RenditionKind.AUDIO}
"""Failure codes of a worker for tracks that can't be copied after all."""

UNRELATED_TO_COPY = frozenset(
    {"no_space", "disk_error", "unconfined", "worker_unavailable", "worker_killed", "worker_crashed"}
)
"""Failures that an encode would meet too: those of the machine, and crashes, which `CrashQuarantine` counts."""

PROGRESS_RANGE = ProgressRange("Preparing", 0.0, COPIED_FRACTION)


class PrepareHandler:
    """Handles jobs of the kind `prepare`."""

    def __init__(
        self,
        records: VideoRecords,
        sources: Sources,
        urgent_launcher: WorkerLauncher,
        background_launcher: WorkerLauncher,
        order_runner: OrderRunner,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._sources = sources
        self._urgent_launcher = urgent_launcher
        self._background_launcher = background_launcher
        self._order_runner = order_runner
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Probe the source, copy what can be copied, make the poster, and queue the encodes."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            await self._records.database.write(
                lambda tx: self._records.lifecycle.mark_processing(tx, video, stage=PROGRESS_RANGE.stage)
            )
            source = await self._sources.open(video)
            copies = frozenset({RenditionKind.VIDEO, RenditionKind.AUDIO})
            facts: ProbeResult | None = None
            while facts is None or copies_video(facts, copies):
                async with self._urgent_launcher.launch(source.descriptor) as worker:
                    facts = facts or await self._probe(video, worker)
                    if not copies_video(facts, copies):
                        break
                    unfit = await self._package(video, worker, facts, copies)
                if unfit is None:
                    break
                copies -= {unfit}
            if not copies_video(facts, copies):
                await self._queue_first(video, facts)
                # The poster has a lower priority: viewers wait for the first rung.
                async with self._background_launcher.launch(source.descriptor) as worker:
                    await self._package(video, worker, facts, copies)
            await self._queue_next(job, video, facts)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Mark the video as failed."""
        await mark_video_failed(tx, self._records, job, failure)

    async def _abandon_copy(self, tx: Transaction, video: Video, why: str) -> None:
        await self._records.lifecycle.drop_growing(tx, video.id)
        await self._records.timeline.add(tx, video.id, "copy_abandoned", why)

    async def _probe(self, video: Video, worker: Worker) -> ProbeResult:
        facts = await worker.probe()

        async def body(tx: Transaction) -> None:
            media_info = MediaInfo(facts.duration_ms, facts.video.width, facts.video.height)
            title = embedded_title(facts.title, video.source_name)
            await self._records.lifecycle.set_probe_result(tx, video, msgspec.msgpack.encode(facts), media_info, title)
            await self._records.timeline.add(
                tx, video.id, "probed",
                f"{facts.video.codec} {facts.video.width} \N{MULTIPLICATION SIGN} {facts.video.height}",
                copyable=facts.video.copyable, obstacle=facts.video.copy_obstacle, container=facts.container,
                fps=round(float(facts.video.fps), 3), duration_ms=facts.duration_ms, bitrate_bps=facts.bitrate_bps,
                sound=[f"{track.codec}, {track.channels} ch" for track in facts.audios],
            )  # fmt: skip
            await replace_chapters(tx, video.id, chapters(facts))
            if message := unsupported_subtitles(facts):
                await self._records.timeline.add(tx, video.id, "subtitles_not_shown", message)

        await self._records.database.write(body)
        return facts

    async def _package(
        self, video: Video, worker: Worker, facts: ProbeResult, copies: frozenset[RenditionKind]
    ) -> RenditionKind | None:
        """Make what is missing. Returns the kind of track that can't be copied after all, if any."""
        complete = [
            one
            for one in await self._records.renditions.list_for_video(video.id)
            if one.is_complete and not one.outdated
        ]
        planned = plan_missing(video, facts, complete, copies)
        wants_poster = (await self._records.videos.by_id(video.id)).poster_object_id is None
        subtitles = await self._subtitles(video, facts)
        if not planned and not wants_poster and not subtitles:
            return None
        order = first_order(facts, planned, subtitles, wants_poster=wants_poster)
        try:
            done = await self._order_runner.run(video, worker, order, planned, PROGRESS_RANGE, subtitles)
        except WorkerFailed as error:
            unfit = fallback_for(error, planned, copies)
            if not planned:
                # Only the poster failed, and the video plays without one.
                message = no_poster_message(error.message)
                await self._records.database.write(
                    lambda tx: self._records.timeline.add(tx, video.id, "no_poster", message)
                )
                return None
            if unfit is None:
                raise
            why = error.message
            await self._records.database.write(lambda tx: self._abandon_copy(tx, video, why))
            return unfit
        if planned:
            await record_source_end(self._records, video, done)
        return None

    async def _queue_first(self, video: Video, facts: ProbeResult) -> None:
        """Queue the encode of the first rung now: it does not wait for the poster."""
        first = choose_first_rung(rungs_for(facts, self._settings.rungs, copied=False))
        cost = estimate_encode(facts, [first], [], self._settings.memory_budget_bytes)
        await self._records.database.write(lambda tx: self._records.lifecycle.queue_first_rendition(tx, video, cost))

    async def _subtitles(self, video: Video, facts: ProbeResult) -> list[SubtitleInfo]:
        read = await imported_streams(self._records.database, video.id)
        return [track for track in facts.subtitles if track.is_text and track.stream not in read]

    async def _queue_next(self, job: Job, video: Video, facts: ProbeResult) -> None:
        if not any(rendition.origin is RenditionOrigin.COPY for rendition in await self._video_renditions(video)):
            return  # the first rung is on its way, and the job that makes it goes on from there
        rungs = rungs_for(facts, self._settings.rungs, copied=True)
        audio_names = [audio_name(track) for track in extra_audios(facts)]
        others = estimate_encode(facts, rungs, audio_names, self._settings.memory_budget_bytes)

        if others.names:
            await self._records.database.write(
                lambda tx: self._records.lifecycle.queue_ladder(tx, video, others, job=job)
            )
        else:
            await complete_video(self._records, self._settings, job, video, facts)

    async def _video_renditions(self, video: Video) -> list[Rendition]:
        found = await self._records.renditions.list_for_video(video.id)
        return [rendition for rendition in found if rendition.kind is RenditionKind.VIDEO and not rendition.outdated]


def copies_video(facts: ProbeResult, copies: frozenset[RenditionKind]) -> bool:
    """Return whether the video can be copied."""
    return facts.video.copyable and RenditionKind.VIDEO in copies


def fallback_for(
    error: WorkerFailed, planned: Sequence[PlannedRendition], copies: frozenset[RenditionKind]
) -> RenditionKind | None:
    """Return the kind of track to encode after a failed copy; None if encoding would not help."""
    unfit = COPY_FALLBACKS.get(error.code)
    if unfit is None and error.code not in UNRELATED_TO_COPY:
        unfit = next((RenditionKind.VIDEO for plan in planned if isinstance(plan.order, CopyVideo)), None)
    return unfit if unfit in copies else None


def no_poster_message(why: str) -> str:
    """Return the message about a missing poster."""
    return f"No poster could be made: {why}"


class KeyFactory(Protocol):
    """Creates keys for new objects."""

    def new_key(self, ending: str) -> str:
        """Return a new key with that file extension."""
        ...


def plan_missing(
    video: KeyFactory,
    facts: ProbeResult,
    complete: Sequence[Rendition | NewRendition],
    copies: frozenset[RenditionKind],
) -> list[PlannedRendition]:
    """Plan the copies that are missing in `complete`; none if the video must be encoded, which makes the audio too."""
    if not copies_video(facts, copies):
        return []
    names = {rendition.name for rendition in complete if rendition.kind is RenditionKind.AUDIO}
    planned: list[PlannedRendition] = []
    has_video = any(rendition.kind is RenditionKind.VIDEO for rendition in complete)
    if not has_video:
        planned.append(plan_copy(facts, video.new_key(".mp4"), len(planned)))
    track = default_audio(facts)
    if track is not None:
        longest_s = longest_segment_s(facts, copied=True)
        may_copy = RenditionKind.AUDIO in copies
        plan = plan_audio(track, video.new_key(".mp4"), len(planned), may_copy=may_copy, longest_s=longest_s)
        planned += [plan] if plan.new.name not in names else []
    return planned


def first_order(
    facts: ProbeResult,
    planned: Sequence[PlannedRendition],
    subtitles: Sequence[SubtitleInfo] = (),
    *,
    wants_poster: bool,
) -> Package:
    """Return the order for the first pass: copies, audio, captions and poster."""
    return Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        copy=next((plan.order for plan in planned if isinstance(plan.order, CopyVideo)), None),
        audios=tuple(plan.order for plan in planned if isinstance(plan.order, PackageAudio)),
        captions=tuple(ReadCaptions(track.stream) for track in subtitles),
        poster=MakePoster(output=len(planned)) if wants_poster else None,
        duration_ms=facts.duration_ms,
    )
