"""Encode the renditions of a video that can't be copied: the jobs `first` and `ladder`, and the extra audio tracks.

`first` encodes one rung with the audio, so that the video is playable within seconds. `ladder` encodes the other rungs.
An interrupted encode resumes at its last checkpoint if possible.
"""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.hls.ladder import PlannedRung, choose_first_rung
from streamtime.hls.segment_index import Grid
from streamtime.jobs.job import Failure, Job
from streamtime.storage.spool import Spool
from streamtime.transcoding.job_context import TranscodeSettings, VideoRecords
from streamtime.transcoding.order_runner import OrderRunner
from streamtime.transcoding.outcome import complete_video, mark_video_failed, translate_failures
from streamtime.transcoding.plan import (
    ENCODE_TARGET_S,
    CompleteRendition,
    PlannedRendition,
    RemainingRungs,
    audio_name,
    audio_order,
    dropped_rung_message,
    encode_order,
    estimate_encode,
    extra_audios,
    facts_of,
    format_time,
    plan_extra_audios,
    plan_first,
    plan_remaining,
    plan_rungs,
    remaining_planned,
    resume_planned,
    rung_bytes,
    rungs_for,
    source_of,
    split_passes,
    stage_label,
)
from streamtime.transcoding.source import Sources
from streamtime.transcoding.supervision import COPIED_FRACTION, FIRST_RUNG_FRACTION, PROBED_FRACTION, ProgressRange
from streamtime.videos.renditions import Rendition, RenditionKind, RenditionOrigin
from streamtime.videos.video import Video, video_id_of
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.protocol import EncodeVideo, OrderDone

COPY_UNFIT = "audio_copy_unfit"
"""Failure code of a worker for audio that can't be copied after all."""

DISK_CODES = frozenset({"no_space", "disk_error"})
"""Failures that are not caused by the tracks."""


def audio_skipped_message(reason: str) -> str:
    """Return the message about missing audio tracks."""
    return f"Not all sound tracks could be prepared: {reason}"


class ExtraAudio:
    """Makes the audio tracks besides the default one, when the video is playable.

    They have their own order, so neither the first minute nor the languages wait for long encodes. A track that can't
    be made does not fail the video.
    """

    def __init__(
        self,
        records: VideoRecords,
        sources: Sources,
        launcher: WorkerLauncher,
        order_runner: OrderRunner,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._order_runner = order_runner

    async def package(
        self, job: Job, video: Video, facts: ProbeResult, progress_range: ProgressRange, *, longest_s: int
    ) -> None:
        """Copy or encode the missing tracks in one order. `longest_s` is the target duration of all renditions.

        Raises:
            WorkerFailed: the tracks could not be made; another attempt may succeed.
        """
        names = {
            r.name for r in await self._records.renditions.list_for_video(video.id) if r.is_complete and not r.outdated
        }
        for may_copy in (True, False):
            planned = plan_extra_audios(facts, names, video.new_key, may_copy=may_copy, longest_s=longest_s)
            if not planned:
                return
            try:
                await self._package(video, facts, planned, progress_range)
            except WorkerFailed as error:
                if error.code == COPY_UNFIT and may_copy:
                    continue
                if error.code in DISK_CODES or (error.retryable and job.attempt < job.max_attempts):
                    raise
                await self._record_skipped(video, error.message)
            return

    async def _package(
        self, video: Video, facts: ProbeResult, planned: list[PlannedRendition], progress_range: ProgressRange
    ) -> None:
        source = await self._sources.open(video)
        first = ProgressRange("Preparing sound", progress_range.start, progress_range.start)
        async with self._launcher.launch(source.descriptor) as worker:
            await self._order_runner.run(video, worker, audio_order(facts, planned), planned, first)

    async def _record_skipped(self, video: Video, reason: str) -> None:
        async def body(tx: Transaction) -> None:
            await self._records.timeline.add(tx, video.id, "sound_left_out", audio_skipped_message(reason))

        await self._records.database.write(body)


RESUME_IMPOSSIBLE = "resume_unfit"
"""Failure code of a worker that can't resume a rendition exactly."""

Planner = Callable[[], Sequence[PlannedRendition]]
"""Plans the missing renditions, each with a new object key."""


class EncodeRunner:
    """Runs planned encodes, and resumes renditions of earlier attempts."""

    def __init__(
        self,
        records: VideoRecords,
        sources: Sources,
        launcher: WorkerLauncher,
        order_runner: OrderRunner,
        spool: Spool,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._order_runner = order_runner
        self._spool = spool

    async def run(
        self,
        video: Video,
        facts: ProbeResult,
        plan: Planner,
        grid: Grid,
        progress_range: ProgressRange,
        *,
        checkpoint_every_s: float,
    ) -> None:
        """Encode the renditions that `plan` returns.

        Raises:
            WorkerFailed: the worker failed; renditions with a checkpoint stay for the next attempt.
            NoSpace: the disk has no room; nothing was started.
        """
        while True:
            left = await self._resumable(video)
            planned = [resume_planned(one, left) for one in plan()]
            kept = [one.resumed.id for one in planned if one.resumed is not None]
            await self._records.database.write(
                partial(self._records.lifecycle.drop_growing, video_id=video.id, keep=kept)
            )
            if not planned:
                return
            await self._order_runner.require_space(_estimated_bytes(facts, planned))
            try:
                done = await self._attempt(video, facts, planned, grid, progress_range, checkpoint_every_s)
            except WorkerFailed as error:
                if error.code != RESUME_IMPOSSIBLE or not kept:
                    raise
                await self._records.database.write(partial(self._restart, video=video, message=error.message))
            else:
                if any(isinstance(one.order, EncodeVideo) for one in planned):
                    await record_source_end(self._records, video, done)
                return

    async def _resumable(self, video: Video) -> list[Rendition]:
        """Return the growing renditions of earlier attempts whose checkpointed bytes exist."""
        left = []
        for rendition in await self._records.renditions.list_for_video(video.id):
            if rendition.checkpoint is not None:
                file = await self._spool.head(rendition.key)
                if file is not None and file.length_bytes >= rendition.checkpoint.bytes_total:
                    left.append(rendition)
        return left

    async def _attempt(
        self,
        video: Video,
        facts: ProbeResult,
        planned: Sequence[PlannedRendition],
        grid: Grid,
        progress_range: ProgressRange,
        every_s: float,
    ) -> OrderDone:
        # A duration measured by an earlier job replaces that of the file's metadata.
        facts = msgspec.structs.replace(facts, duration_ms=video.duration_ms or facts.duration_ms)
        made = await self._records.renditions.list_for_video(video.id)
        measured = any(rendition.is_complete and rendition.kind is RenditionKind.VIDEO for rendition in made)
        order = encode_order(facts, planned, grid, measured=measured)
        source = await self._sources.open(video)
        async with self._launcher.launch(source.descriptor) as worker:
            return await self._order_runner.run(
                video, worker, order, planned, progress_range, checkpoint_every_s=every_s
            )

    async def _restart(self, tx: Transaction, video: Video, message: str) -> None:
        await self._records.lifecycle.drop_growing(tx, video.id)
        await self._records.lifecycle.add_timeline_entry(tx, video, "begun_anew", message)


def _estimated_bytes(facts: ProbeResult, planned: Sequence[PlannedRendition]) -> int:
    """Estimate the bytes to write; resumed renditions are not counted, as most of their bytes may exist."""
    orders = [one.order for one in planned if one.resumed is None]
    return sum(rung_bytes(facts, order.rung) for order in orders if isinstance(order, EncodeVideo))


async def record_source_end(records: VideoRecords, video: Video, done: OrderDone) -> None:
    """Save what only reading the whole source tells: the measured duration, and where it is truncated."""

    async def body(tx: Transaction) -> None:
        if done.duration_ms:
            await records.lifecycle.set_duration(tx, video, duration_ms=done.duration_ms)
        if done.damaged_after_ms is not None:
            message = f"The file is damaged after {format_time(done.damaged_after_ms)}; what comes before plays."
            await records.lifecycle.mark_truncated(tx, video, after_ms=done.damaged_after_ms, message=message)

    await records.database.write(body)


CHECKPOINT_EVERY_S = 4.0
"""These renditions are not watched while they grow: this limits how much work a crash costs."""


class LadderHandler:
    """Handles jobs of the kind `ladder`."""

    def __init__(
        self,
        records: VideoRecords,
        encode_runner: EncodeRunner,
        extra_audio: ExtraAudio,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._encode_runner = encode_runner
        self._extra_audio = extra_audio
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the missing rungs, then mark the video as ready."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            facts = facts_of(video)
            await self._records.database.write(lambda tx: self._records.lifecycle.drop_unplayable(tx, video))
            complete = [
                r for r in await self._records.renditions.list_for_video(video.id) if r.is_complete and not r.outdated
            ]
            rest = await self._remaining(video, facts, complete)
            encoded_before = any(r.kind is RenditionKind.VIDEO and r.origin is RenditionOrigin.ENCODE for r in complete)
            stage = stage_label(rung.name for rung in rest.rungs)
            share = ProgressRange(stage, FIRST_RUNG_FRACTION if encoded_before else COPIED_FRACTION, 1.0)
            playable = any(r.kind is RenditionKind.VIDEO for r in complete)
            await self._records.database.write(
                lambda tx: self._records.lifecycle.mark_processing(tx, video, stage=stage)
            )
            await self._extra_audio.package(job, video, facts, share, longest_s=rest.target_duration_s)
            parts = split_passes(source_of(facts), rest.rungs, self._settings.memory_budget_bytes) or [[]]
            for number, part in enumerate(parts):

                def plan(part: list[PlannedRung] = part) -> list[PlannedRendition]:
                    return plan_rungs(part, video.new_key, longest_s=rest.target_duration_s)

                own = share.subrange(number, len(parts), stage_label(rung.name for rung in part), can_pause=playable)
                await self._encode_runner.run(video, facts, plan, rest.grid, own, checkpoint_every_s=CHECKPOINT_EVERY_S)
            await complete_video(self._records, self._settings, job, video, facts)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Mark the video as failed; complete renditions stay."""
        await mark_video_failed(tx, self._records, job, failure)

    async def _remaining(self, video: Video, facts: ProbeResult, complete: list[Rendition]) -> RemainingRungs:
        """Plan the missing rungs. Pruned ones are noted in the timeline; those that the owner requested are kept."""
        made = [_complete(rendition) for rendition in sorted(complete, key=lambda rendition: rendition.id)]
        rest = plan_remaining(facts, self._settings.rungs, made, video.wanted_rungs)

        async def body(tx: Transaction) -> None:
            for one in rest.dropped:
                message = dropped_rung_message(one)
                await self._records.lifecycle.add_timeline_entry(tx, video, "rung_dropped", message, name=one.rung.name)

        if rest.dropped:
            await self._records.database.write(body)
        return rest


def _complete(rendition: Rendition) -> CompleteRendition:
    format_ = rendition.description
    return CompleteRendition(
        rendition.kind,
        rendition.origin,
        rendition.name,
        rendition.target_duration_s,
        rendition.ceiling_bps,
        rendition.index,
        pixels=(format_.width or 0) * (format_.height or 0),
    )


FIRST_CHECKPOINT_EVERY_S = 1.0
"""A viewer may be waiting: segments are published soon."""


class FirstRungHandler:
    """Handles jobs of the kind `first`."""

    def __init__(
        self,
        records: VideoRecords,
        encode_runner: EncodeRunner,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._encode_runner = encode_runner
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the first rung and the audio if they are missing, then queue the other rungs."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            facts = facts_of(video)
            rungs = rungs_for(facts, self._settings.rungs, copied=False)
            first = choose_first_rung(rungs)
            share = ProgressRange(f"Preparing {first.name}", PROBED_FRACTION, FIRST_RUNG_FRACTION)
            await self._records.database.write(
                lambda tx: self._records.lifecycle.mark_processing(tx, video, stage=share.stage)
            )
            await self._make(video, facts, first, share)
            others = [rung for rung in rungs if rung is not first]
            audio_names = [audio_name(track) for track in extra_audios(facts)]
            cost = estimate_encode(facts, others, audio_names, self._settings.memory_budget_bytes)
            if cost.names:
                await self._records.database.write(
                    lambda tx: self._records.lifecycle.queue_ladder(tx, video, cost, job=job)
                )
            else:
                await complete_video(self._records, self._settings, job, video, facts)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Mark the video as failed."""
        await mark_video_failed(tx, self._records, job, failure)

    async def _make(self, video: Video, facts: ProbeResult, first: PlannedRung, progress_range: ProgressRange) -> None:
        may_copy = True
        while True:
            made = [
                r for r in await self._records.renditions.list_for_video(video.id) if r.is_complete and not r.outdated
            ]
            complete = {(r.kind, r.name) for r in made}
            copies = may_copy
            # One target duration for all (RFC 8216 section 6.2.4): audio may be left of an abandoned copy.
            longest_s = max((r.target_duration_s for r in made), default=ENCODE_TARGET_S)

            def plan(
                complete: set[tuple[RenditionKind, str]] = complete, copies: bool = copies, longest_s: int = longest_s
            ) -> Sequence[PlannedRendition]:
                return remaining_planned(
                    plan_first(facts, first, video.new_key, may_copy=copies, longest_s=longest_s), complete
                )

            try:
                await self._encode_runner.run(
                    video, facts, plan, Grid.regular(), progress_range, checkpoint_every_s=FIRST_CHECKPOINT_EVERY_S
                )
            except WorkerFailed as error:
                if error.code != "audio_copy_unfit" or not may_copy:
                    raise
                may_copy = False
                await self._records.database.write(
                    partial(
                        self._records.lifecycle.add_timeline_entry,
                        video=video,
                        event="copy_abandoned",
                        message=error.message,
                    )
                )
            else:
                return
