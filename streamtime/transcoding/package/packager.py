"""Package one file as an HLS folder, without a library, with the plans and workers of the server's jobs.

The order is the server's: what needs no video encoding, the first rung, other audio tracks, other rungs, stills.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from streamtime.captions.formats import write_chapters
from streamtime.errors import Invalid
from streamtime.hls.ladder import choose_first_rung
from streamtime.hls.playlists import captions_playlist
from streamtime.hls.storyboard import sheet_name, storyboard_vtt
from streamtime.transcoding.encode import DISK_CODES, audio_skipped_message
from streamtime.transcoding.job_context import TranscodeSettings
from streamtime.transcoding.package.folder import (
    CHAPTERS,
    PREVIEW,
    STORYBOARD,
    HlsFolder,
    PackagingCallback,
    PackagingProgress,
    PackagingResult,
    build_master_playlist,
    sort_renditions,
)
from streamtime.transcoding.package.folder_runner import FolderStage, PackagingState, run_order
from streamtime.transcoding.plan import (
    ENCODE_TARGET_S,
    PlannedRendition,
    audio_order,
    dropped_rung_message,
    encode_order,
    grid_for,
    plan_extra_audios,
    plan_first,
    plan_remaining,
    plan_rungs,
    remaining_planned,
    rungs_for,
    source_of,
    split_passes,
    stage_label,
)
from streamtime.transcoding.prepare import (
    COPY_FALLBACKS,
    copies_video,
    fallback_for,
    first_order,
    no_poster_message,
    plan_missing,
)
from streamtime.transcoding.stills import StillsPlan
from streamtime.transcoding.subtitles import chapters, unsupported_subtitles
from streamtime.transcoding.supervision import COPIED_FRACTION, FIRST_RUNG_FRACTION, PROBED_FRACTION
from streamtime.videos.playability import UNPLAYABLE, UNPLAYABLE_MESSAGE
from streamtime.videos.renditions import RenditionKind
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.worker import Worker


async def make_stills(state: PackagingState, launcher: WorkerLauncher) -> bool:
    """Make storyboard and preview of the smallest video rendition. False if that failed: the folder plays without.

    Raises:
        WorkerFailed: the disk is full or fails.
    """
    state.on_progress(PackagingProgress("Preparing the storyboard", 1.0))
    smallest = min(
        (made for made in state.renditions if made.new.kind is RenditionKind.VIDEO),
        key=lambda m: m.started.width * m.started.height,
    )
    plan = StillsPlan(smallest.index, smallest.started.width, smallest.started.height)
    names = [*map(sheet_name, range(plan.board.sheets)), PREVIEW]
    try:
        with ExitStack() as stack:
            source = state.folder.open_joined(smallest.new.name, len(smallest.index.segments))
            stack.callback(os.close, source)
            outputs = []
            for name in names:
                outputs.append(state.folder.file(name))
                stack.callback(os.close, outputs[-1])
            async with launcher.launch(source) as worker:
                async for _message in worker.stills(plan.order(), outputs):
                    pass
    except WorkerFailed as error:
        if error.code in DISK_CODES:
            raise
        for name in names:
            state.folder.drop(name)
        state.notes.append(f"No storyboard could be made: {error.message}")
        return False
    state.folder.write(STORYBOARD, storyboard_vtt(plan.board, plan.duration_ms))
    return True


class Packager:
    """Makes HLS folders. `may_copy` allows copying tracks without encoding.

    Rungs that save little are left out unless `explicit_heights` says that the user chose the heights.
    """

    def __init__(
        self, launcher: WorkerLauncher, settings: TranscodeSettings, *, may_copy: bool, explicit_heights: bool
    ) -> None:
        self._launcher = launcher
        self._settings = settings
        self._may_copy = may_copy
        self._explicit_heights = explicit_heights

    async def package(self, source: Path, folder: HlsFolder, on_progress: PackagingCallback) -> PackagingResult:
        """Make everything that the server would make, and publish it in the folder.

        Raises:
            Invalid: the source can't be opened.
            WorkerFailed: the source can't be packaged.
        """
        work = PackagingState(folder, on_progress)
        with _open_source(source) as descriptor:
            facts, copies = await self._probe_and_copy(work, descriptor)
            if not work.copied:
                copies = await self._encode_first_rung(work, descriptor, facts, copies)
            # The measured duration replaces that of the file's metadata.
            facts = msgspec.structs.replace(facts, duration_ms=work.duration_ms or facts.duration_ms)
            await self._encode_rest(work, descriptor, facts, copies)
        if not any(made.new.kind is RenditionKind.VIDEO for made in work.renditions):
            raise WorkerFailed(UNPLAYABLE, UNPLAYABLE_MESSAGE, retryable=False)
        has_stills = await make_stills(work, self._launcher)
        return _publish(work, facts, has_stills=has_stills)

    async def _probe_and_copy(
        self, state: PackagingState, descriptor: int
    ) -> tuple[ProbeResult, frozenset[RenditionKind]]:
        """Probe the source and make what needs no video encoding. Returns also the kinds that can still be copied."""
        copies = frozenset({RenditionKind.VIDEO, RenditionKind.AUDIO} if self._may_copy else ())
        facts: ProbeResult | None = None
        unfit: RenditionKind | None = None
        while facts is None or unfit is not None:
            async with self._launcher.launch(descriptor) as worker:
                facts = facts or await worker.probe()
                unfit = await self._first_order(state, worker, facts, copies)
            copies -= {unfit}
        return facts, copies

    async def _first_order(
        self, state: PackagingState, worker: Worker, facts: ProbeResult, copies: frozenset[RenditionKind]
    ) -> RenditionKind | None:
        """Make what is missing. Returns the kind of track that can't be copied after all, if any."""
        planned = plan_missing(state, facts, [made.new for made in state.renditions], copies)
        subtitles = [track for track in facts.subtitles if track.is_text and track.stream not in state.read_streams]
        if not planned and state.has_poster and not subtitles:
            return None
        order = first_order(facts, planned, subtitles, wants_poster=not state.has_poster)
        end = PROBED_FRACTION
        if copies_video(facts, copies):
            end = COPIED_FRACTION if rungs_for(facts, self._settings.rungs, copied=True) else 1.0
        stage = FolderStage(stage_label(plan.new.name for plan in planned), 0.0, end)
        try:
            await run_order(state, worker, order, planned, stage, subtitles)
        except WorkerFailed as error:
            if not planned and error.code not in DISK_CODES:
                state.notes.append(no_poster_message(error.message))
                return None
            return _fallback_kind(error, planned, copies)
        return None

    async def _encode_first_rung(
        self, state: PackagingState, descriptor: int, facts: ProbeResult, copies: frozenset[RenditionKind]
    ) -> frozenset[RenditionKind]:
        """Encode the first rung and the audio. Returns the kinds that can still be copied."""
        rungs = rungs_for(facts, self._settings.rungs, copied=False)
        first = choose_first_rung(rungs)
        longest_s = max((made.new.target_duration_s for made in state.renditions), default=ENCODE_TARGET_S)
        while True:
            may_copy = RenditionKind.AUDIO in copies
            plan = plan_first(facts, first, state.new_key, may_copy=may_copy, longest_s=longest_s)
            planned = remaining_planned(plan, state.names)
            if not planned:
                return copies
            stage = FolderStage(
                stage_label(one.new.name for one in planned),
                state.fraction,
                FIRST_RUNG_FRACTION if len(rungs) > 1 else 1.0,
            )
            complete = state.names
            try:
                async with self._launcher.launch(descriptor) as worker:
                    await run_order(state, worker, encode_order(facts, planned, grid_for(None)), planned, stage)
                if state.names == complete:
                    return copies  # the remaining tracks are empty
            except WorkerFailed as error:
                copies -= {_fallback_kind(error, planned, copies)}

    async def _encode_rest(
        self, state: PackagingState, descriptor: int, facts: ProbeResult, copies: frozenset[RenditionKind]
    ) -> None:
        """Make the other audio tracks, then the remaining rungs in as many passes as the memory limit needs."""
        rungs = self._settings.rungs
        wanted = [rung.name for rung in rungs_for(facts, rungs, copied=state.copied)] if self._explicit_heights else []
        rest = plan_remaining(facts, rungs, state.complete_renditions, wanted)
        state.notes += map(dropped_rung_message, rest.dropped)
        await self._package_extra_audio(state, descriptor, facts, copies, longest_s=rest.target_duration_s)
        stage = FolderStage("", state.fraction, 1.0)
        parts = split_passes(source_of(facts), rest.rungs, self._settings.memory_budget_bytes)
        for number, part in enumerate(parts):
            planned = plan_rungs(part, state.new_key, longest_s=rest.target_duration_s)
            own = stage.subrange(number, len(parts), stage_label(rung.name for rung in part))
            async with self._launcher.launch(descriptor) as worker:
                order = encode_order(facts, planned, rest.grid, measured=bool(state.duration_ms))
                await run_order(state, worker, order, planned, own)

    async def _package_extra_audio(
        self,
        state: PackagingState,
        descriptor: int,
        facts: ProbeResult,
        copies: frozenset[RenditionKind],
        *,
        longest_s: int,
    ) -> None:
        """Make the other audio tracks in one order. If that fails, note it and go on."""
        own = FolderStage("Preparing sound", state.fraction, state.fraction)
        while True:
            names = {name for _kind, name in state.names}
            may_copy = RenditionKind.AUDIO in copies
            planned = plan_extra_audios(facts, names, state.new_key, may_copy=may_copy, longest_s=longest_s)
            if not planned:
                return
            try:
                async with self._launcher.launch(descriptor) as worker:
                    await run_order(state, worker, audio_order(facts, planned), planned, own)
            except WorkerFailed as error:
                if COPY_FALLBACKS.get(error.code) is RenditionKind.AUDIO and may_copy:
                    copies -= {RenditionKind.AUDIO}
                    continue
                if error.code in DISK_CODES:
                    raise
                state.notes.append(audio_skipped_message(error.message))
                return
            else:
                return  # not again: an empty track never becomes complete


def _fallback_kind(
    error: WorkerFailed, planned: Sequence[PlannedRendition], copies: frozenset[RenditionKind]
) -> RenditionKind:
    """Return the kind of track to encode instead of copying; raise any other failure."""
    unfit = fallback_for(error, planned, copies)
    if unfit is None:
        raise error
    return unfit


def _publish(state: PackagingState, facts: ProbeResult, *, has_stills: bool) -> PackagingResult:
    """Write chapters and playlists, and move everything into place."""
    found = chapters(facts)
    if found:
        state.folder.write(CHAPTERS, write_chapters([(one.start_ms, one.end_ms, one.title) for one in found]))
    for captions in state.captions:
        state.folder.write(captions.uri, captions_playlist(f"{captions.name}.vtt", state.duration_ms))
    made = sort_renditions(state.renditions)
    state.folder.publish(build_master_playlist(made, state.captions))
    notes = (*filter(None, [unsupported_subtitles(facts)]), *state.notes)
    return PackagingResult(
        renditions=made,
        captions=tuple(state.captions),
        chapters=len(found),
        has_poster=state.has_poster,
        has_stills=has_stills,
        duration_ms=state.duration_ms,
        damaged_after_ms=state.damaged_after_ms,
        notes=notes,
    )


@contextmanager
def _open_source(source: Path) -> Iterator[int]:
    if source.exists() and not source.is_file():
        raise Invalid(f"{source} is no file.")  # opening a pipe would block
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(f"{source} cannot be read: {error.strerror or error}.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
