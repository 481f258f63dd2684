"""The passes over a source: copy, first rung, other audio tracks, other rungs; each with its fallbacks.

The server's jobs (`handlers.py`) and `streamtime package` (`package.py`) run them in this order.
"""

from collections.abc import Callable, Collection, Sequence

import msgspec

from streamtime.hls.ladder import PlannedRung
from streamtime.hls.segment_index import Grid
from streamtime.transcoding.job_context import TranscodeSettings
from streamtime.transcoding.order_runner import PlannedOrder, Present, Sink, run_order
from streamtime.transcoding.plan import (
    ENCODE_TARGET_S,
    PlannedRendition,
    RemainingRungs,
    copies_video,
    dropped_rung_message,
    plan_extra_audios,
    plan_first,
    plan_missing,
    plan_remaining,
    plan_rungs,
    remaining_planned,
    rung_bytes,
    source_of,
    split_passes,
    stage_label,
)
from streamtime.transcoding.supervision import ProgressRange
from streamtime.translation import gettext_noop
from streamtime.videos.renditions import RenditionKind
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult, SubtitleInfo
from streamtime.workers.protocol import CopyVideo, EncodeVideo, MakePoster, Package, PackageAudio, ReadCaptions
from streamtime.workers.worker import Worker

COPY_FALLBACKS = {"copy_unfit": RenditionKind.VIDEO, "audio_copy_unfit": RenditionKind.AUDIO}
"""Failure codes of a worker for tracks that can't be copied after all."""

UNRELATED_TO_COPY = frozenset(
    {"no_space", "disk_error", "unconfined", "worker_unavailable", "worker_killed", "worker_crashed"}
)
"""Failures that an encode would meet too: those of the machine, and crashes, which `CrashQuarantine` counts."""

DISK_CODES = frozenset({"no_space", "disk_error"})
"""Failures that are not caused by the tracks."""

RESUME_IMPOSSIBLE = "resume_unfit"
"""Failure code of a worker that can't resume a rendition exactly."""

FIRST_CHECKPOINT_EVERY_S = 1.0
"""A viewer may be waiting: segments are published soon."""

CHECKPOINT_EVERY_S = 4.0
"""These renditions are not watched while they grow: this limits how much work a crash costs."""

Copies = frozenset[RenditionKind]
"""The kinds of track that may be copied."""

COPY_ALL: Copies = frozenset(RenditionKind)

Planner = Callable[[Present], Sequence[PlannedRendition]]
"""Plans what is missing, each rendition with a new key."""


class Passes:
    """Runs passes, each in a new worker. They raise `WorkerFailed` if that fails and no fallback helps."""

    def __init__(self, launcher: WorkerLauncher, settings: TranscodeSettings) -> None:
        self._launcher = launcher
        self._settings = settings

    async def probe_and_copy(
        self, sink: Sink, progress: Callable[[ProbeResult], ProgressRange], *, copies: Copies = COPY_ALL
    ) -> tuple[ProbeResult, Copies]:
        """Probe the source and copy its video, if possible, with the default audio, captions and poster.

        Returns the probe result, and the kinds that can still be copied: without the video, nothing was made.
        """
        facts: ProbeResult | None = None
        source = await sink.open_source()
        while facts is None or copies_video(facts, copies):
            async with self._launcher.launch(source.descriptor) as worker:
                if facts is None:
                    facts = await worker.probe(rotate=sink.rotation)
                    await sink.probed(facts)
                if not copies_video(facts, copies):
                    break
                unfit = await self._first_order(sink, worker, facts, copies, progress(facts))
            if unfit is None:
                break
            copies -= {unfit}
        return facts, copies

    async def poster_and_captions(self, sink: Sink, facts: ProbeResult, progress_range: ProgressRange) -> None:
        """Make the poster and the captions of a video that can't be copied."""
        source = await sink.open_source()
        async with self._launcher.launch(source.descriptor) as worker:
            await self._first_order(sink, worker, facts, frozenset(), progress_range)

    async def encode_first(
        self, sink: Sink, facts: ProbeResult, first: PlannedRung, progress_range: ProgressRange, copies: Copies
    ) -> Copies:
        """Make the first rung and the default audio if they are missing. Returns the kinds that can still be copied."""
        while True:
            may_copy = RenditionKind.AUDIO in copies

            def plan(present: Present, *, may_copy: bool = may_copy) -> Sequence[PlannedRendition]:
                # One target duration for all (RFC 8216 section 6.2.4): audio may be left of an abandoned copy.
                longest_s = max((one.target_duration_s for one in present.renditions), default=ENCODE_TARGET_S)
                planned = plan_first(facts, first, sink.new_key, may_copy=may_copy, longest_s=longest_s)
                return remaining_planned(planned, {(one.kind, one.name) for one in present.renditions})

            try:
                await self._encode(sink, facts, plan, Grid.regular(), progress_range, FIRST_CHECKPOINT_EVERY_S)
            except WorkerFailed as error:
                if COPY_FALLBACKS.get(error.code) is not RenditionKind.AUDIO or not may_copy:
                    raise
                copies -= {RenditionKind.AUDIO}
                await sink.note("copy_abandoned", error.message)
            else:
                return copies

    async def plan_rest(self, sink: Sink, facts: ProbeResult, wanted: Collection[str]) -> RemainingRungs:
        """Plan the missing rungs. Pruned ones are noted, those whose names are in `wanted` are kept."""
        rest = plan_remaining(facts, self._settings.rungs, (await sink.present()).renditions, wanted)
        for one in rest.dropped:
            await sink.note("rung_dropped", dropped_rung_message(one), name=one.rung.name)
        return rest

    async def extra_audio(
        self, sink: Sink, facts: ProbeResult, rest: RemainingRungs, at: float, copies: Copies, *, last_attempt: bool
    ) -> None:
        """Make the missing audio tracks besides the default one; `at` is the progress meanwhile.

        They have their own order, so neither the first minute nor the languages wait for long encodes. Tracks that
        can't be made in the last attempt are noted, and do not fail the video.
        """
        present = await sink.present()
        names = {one.name for one in present.renditions}
        longest_s, progress_range = rest.target_duration_s, ProgressRange(gettext_noop("Preparing sound"), at, at)
        for may_copy in [True, False] if RenditionKind.AUDIO in copies else [False]:
            planned = plan_extra_audios(facts, names, sink.new_key, may_copy=may_copy, longest_s=longest_s)
            if not planned:
                return
            source = await sink.open_source()
            try:
                async with self._launcher.launch(source.descriptor) as worker:
                    order = audio_order(_with_duration(facts, present), planned)
                    await run_order(sink, worker, PlannedOrder(order, planned, progress_range))
            except WorkerFailed as error:
                if COPY_FALLBACKS.get(error.code) is RenditionKind.AUDIO and may_copy:
                    continue
                if error.code in DISK_CODES or (error.retryable and not last_attempt):
                    raise
                await sink.note("sound_left_out", f"Not all sound tracks could be prepared: {error.message}")
            return

    async def encode_rest(
        self, sink: Sink, facts: ProbeResult, rest: RemainingRungs, progress_range: ProgressRange
    ) -> None:
        """Encode the remaining rungs, in as many passes as the memory limit needs."""
        parts = split_passes(source_of(facts), rest.rungs, self._settings.memory_budget_bytes) or [[]]
        for number, part in enumerate(parts):

            def plan(_present: Present, part: Sequence[PlannedRung] = part) -> Sequence[PlannedRendition]:
                return plan_rungs(part, sink.new_key, longest_s=rest.target_duration_s)

            own = progress_range.subrange(number, len(parts), stage_label(rung.name for rung in part))
            await self._encode(sink, facts, plan, rest.grid, own, CHECKPOINT_EVERY_S)

    async def _first_order(
        self, sink: Sink, worker: Worker, facts: ProbeResult, copies: Copies, progress_range: ProgressRange
    ) -> RenditionKind | None:
        """Make what is missing. Returns the kind of track that can't be copied after all, if any."""
        present = await sink.present()
        planned = plan_missing(facts, present.renditions, copies, sink.new_key)
        subtitles = [one for one in facts.subtitles if one.is_text and one.stream not in present.caption_streams]
        if not planned and present.has_poster and not subtitles:
            return None
        order = first_order(facts, planned, subtitles, wants_poster=not present.has_poster)
        try:
            done = await run_order(sink, worker, PlannedOrder(order, planned, progress_range, subtitles))
        except WorkerFailed as error:
            if not planned:  # the video plays without a poster
                await sink.note("no_poster", f"No poster could be made: {error.message}")
                return None
            unfit = fallback_for(error, planned, copies)
            if unfit is None:
                raise
            await sink.note("copy_abandoned", error.message)
            return unfit
        if planned:
            await sink.record_end(done)
        return None

    async def _encode(
        self,
        sink: Sink,
        facts: ProbeResult,
        plan: Planner,
        grid: Grid,
        progress_range: ProgressRange,
        checkpoint_every_s: float,
    ) -> None:
        """Encode what `plan` returns, resumed at the checkpoint of an earlier attempt if possible."""
        while True:
            present = await sink.present()
            planned = await sink.resume(plan(present))
            if not planned:
                return
            await sink.require_space(_estimated_bytes(facts, planned))
            order = encode_order(_with_duration(facts, present), planned, grid, measured=present.measured)
            planned_order = PlannedOrder(order, planned, progress_range, checkpoint_every_s=checkpoint_every_s)
            source = await sink.open_source()
            try:
                async with self._launcher.launch(source.descriptor) as worker:
                    done = await run_order(sink, worker, planned_order)
            except WorkerFailed as error:
                if error.code != RESUME_IMPOSSIBLE or not any(one.resumed for one in planned):
                    raise
                await sink.restart(error.message)
            else:
                if order.encodes:
                    await sink.record_end(done)
                return


def fallback_for(error: WorkerFailed, planned: Sequence[PlannedRendition], copies: Copies) -> RenditionKind | None:
    """Return the kind of track to encode after a failed copy; None if encoding would not help."""
    unfit = COPY_FALLBACKS.get(error.code)
    if unfit is None and error.code not in UNRELATED_TO_COPY:
        unfit = next((RenditionKind.VIDEO for plan in planned if isinstance(plan.order, CopyVideo)), None)
    return unfit if unfit in copies else None


def _with_duration(facts: ProbeResult, present: Present) -> ProbeResult:
    """Replace the duration in the file's metadata by a measured one."""
    return msgspec.structs.replace(facts, duration_ms=present.duration_ms or facts.duration_ms)


def _estimated_bytes(facts: ProbeResult, planned: Sequence[PlannedRendition]) -> int:
    """Estimate the bytes to write; resumed renditions are not counted, as most of their bytes may exist."""
    orders = [one.order for one in planned if one.resumed is None]
    return sum(rung_bytes(facts, order.rung) for order in orders if isinstance(order, EncodeVideo))


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
        rotate=facts.rotate,
    )


def encode_order(
    facts: ProbeResult, planned: Sequence[PlannedRendition], grid: Grid, *, measured: bool = False
) -> Package:
    """Return the order to encode video and audio in one pass.

    `measured` says that the duration in `facts` was measured by reading the source to its end.
    """
    return Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        encodes=tuple(plan.order for plan in planned if isinstance(plan.order, EncodeVideo)),
        audios=tuple(plan.order for plan in planned if isinstance(plan.order, PackageAudio)),
        grid=grid,
        duration_ms=facts.duration_ms,
        rotate=facts.rotate,
        measured=measured,
    )


def audio_order(facts: ProbeResult, planned: Sequence[PlannedRendition]) -> Package:
    """Return the order to make audio tracks only."""
    return Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        audios=tuple(plan.order for plan in planned if isinstance(plan.order, PackageAudio)),
        duration_ms=facts.duration_ms,
        rotate=facts.rotate,
    )
