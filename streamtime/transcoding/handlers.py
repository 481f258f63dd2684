"""Handlers of the jobs that make renditions: `prepare`, `first` and `ladder`.

`prepare` is the first job of every video and makes everything that needs no video encoding: a video that can be copied
is playable within a second, whatever its length. Of other videos, `first` encodes one rung with the audio, so that they
are playable within seconds. `ladder` makes the other rungs and audio tracks. Encodes are separate jobs, so that the
first job of the next video does not wait for them.
"""

from streamtime.database.transaction import Transaction
from streamtime.hls.ladder import choose_first_rung
from streamtime.jobs.job import Failure, Job
from streamtime.transcoding.job_context import LibraryServices, TranscodeSettings
from streamtime.transcoding.library import LibrarySink
from streamtime.transcoding.outcome import complete_video, mark_video_failed, translate_failures
from streamtime.transcoding.passes import COPY_ALL, Passes
from streamtime.transcoding.plan import (
    audio_name,
    copies_video,
    estimate_encode,
    extra_audios,
    facts_of,
    rungs_for,
    stage_label,
)
from streamtime.transcoding.supervision import COPIED_FRACTION, FIRST_RUNG_FRACTION, PROBED_FRACTION, ProgressRange
from streamtime.translation import gettext_noop
from streamtime.videos.renditions import RenditionKind, RenditionOrigin
from streamtime.videos.video import Video, video_id_of
from streamtime.workers.probe_result import ProbeResult

PREPARE_RANGE = ProgressRange(gettext_noop("Preparing"), 0.0, COPIED_FRACTION)


class _RenditionHandler:
    """What the handlers need: the library, passes with workers of the job's priority, and the settings."""

    def __init__(self, services: LibraryServices, passes: Passes, settings: TranscodeSettings) -> None:
        self._services = services
        self._records = services.records
        self._passes = passes
        self._settings = settings

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Mark the video as failed; complete renditions stay."""
        await mark_video_failed(tx, self._records, job, failure)

    async def _mark_processing(self, video: Video, stage: str) -> None:
        await self._records.database.write(lambda tx: self._records.lifecycle.mark_processing(tx, video, stage=stage))

    async def _queue_rest(self, job: Job, video: Video, facts: ProbeResult, *, copied: bool) -> None:
        """Queue the other rungs and audio tracks; if there are none, the video is complete."""
        rungs = rungs_for(facts, self._settings.rungs, copied=copied)
        first = None if copied else choose_first_rung(rungs)
        audio_names = [audio_name(track) for track in extra_audios(facts)]
        others = [rung for rung in rungs if rung is not first]
        cost = estimate_encode(facts, others, audio_names, self._settings.memory_budget_bytes)
        if not cost.names:
            await complete_video(self._records, self._settings, job, video, facts)
            return
        await self._records.database.write(lambda tx: self._records.lifecycle.queue_ladder(tx, video, cost, job=job))


class PrepareHandler(_RenditionHandler):
    """Handles jobs of the kind `prepare`."""

    def __init__(
        self, services: LibraryServices, passes: Passes, background_passes: Passes, settings: TranscodeSettings
    ) -> None:
        super().__init__(services, passes, settings)
        self._background_passes = background_passes

    async def run(self, job: Job) -> None:
        """Probe the source, copy what can be copied, make the poster, and queue the encodes."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            await self._mark_processing(video, PREPARE_RANGE.stage)
            sink = LibrarySink(self._services, video)
            facts, copies = await self._passes.probe_and_copy(sink, lambda _facts: PREPARE_RANGE)
            if not copies_video(facts, copies):
                await self._queue_first(video, facts)
                # The poster has a lower priority: viewers wait for the first rung.
                await self._background_passes.poster_and_captions(sink, facts, PREPARE_RANGE)
            if await self._is_copied(video):  # else the job that makes the first rung goes on from there
                await self._queue_rest(job, video, facts, copied=True)

    async def _queue_first(self, video: Video, facts: ProbeResult) -> None:
        """Queue the encode of the first rung now: it does not wait for the poster."""
        first = choose_first_rung(rungs_for(facts, self._settings.rungs, copied=False))
        cost = estimate_encode(facts, [first], [], self._settings.memory_budget_bytes)
        await self._records.database.write(lambda tx: self._records.lifecycle.queue_first_rendition(tx, video, cost))

    async def _is_copied(self, video: Video) -> bool:
        return any(
            one.kind is RenditionKind.VIDEO and one.origin is RenditionOrigin.COPY and not one.outdated
            for one in await self._records.renditions.list_for_video(video.id)
        )


class FirstRungHandler(_RenditionHandler):
    """Handles jobs of the kind `first`."""

    async def run(self, job: Job) -> None:
        """Encode the first rung and the audio if they are missing, then queue the other rungs."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            facts = facts_of(video)
            first = choose_first_rung(rungs_for(facts, self._settings.rungs, copied=False))
            progress_range = ProgressRange(f"Preparing {first.name}", PROBED_FRACTION, FIRST_RUNG_FRACTION)
            await self._mark_processing(video, progress_range.stage)
            sink = LibrarySink(self._services, video)
            await self._passes.encode_first(sink, facts, first, progress_range, COPY_ALL)
            await self._queue_rest(job, video, facts, copied=False)


class LadderHandler(_RenditionHandler):
    """Handles jobs of the kind `ladder`."""

    async def run(self, job: Job) -> None:
        """Make the missing audio tracks and rungs, then mark the video as ready."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            facts = facts_of(video)
            sink = LibrarySink(self._services, video)
            await self._records.database.write(lambda tx: self._records.lifecycle.drop_unplayable(tx, video))
            videos = [one for one in (await sink.present()).renditions if one.kind is RenditionKind.VIDEO]
            rest = await self._passes.plan_rest(sink, facts, video.wanted_rungs)
            encoded_before = any(one.origin is RenditionOrigin.ENCODE for one in videos)
            start = FIRST_RUNG_FRACTION if encoded_before else COPIED_FRACTION
            stage = stage_label(rung.name for rung in rest.rungs)
            await self._mark_processing(video, stage)
            last_attempt = job.attempt >= job.max_attempts
            await self._passes.extra_audio(sink, facts, rest, start, COPY_ALL, last_attempt=last_attempt)
            progress_range = ProgressRange(stage, start, 1.0, can_pause=bool(videos))
            await self._passes.encode_rest(sink, facts, rest, progress_range)
            await complete_video(self._records, self._settings, job, video, facts)
