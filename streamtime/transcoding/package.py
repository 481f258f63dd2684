"""`streamtime package`: packages one file as an HLS folder, without a library, by the passes of the server's jobs.

Files are written on the event loop: the command does nothing else, and an interruption finds them consistent.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamtime.captions.formats import write_chapters
from streamtime.errors import Invalid
from streamtime.hls.ladder import choose_first_rung
from streamtime.hls.playlists import captions_playlist, has_iframes, iframes_playlist, media_playlist
from streamtime.hls.segment_index import Segment, SegmentIndex
from streamtime.hls.storyboard import sheet_name, storyboard_vtt
from streamtime.transcoding.hls_folder import (
    CHAPTERS,
    IFRAMES,
    INIT,
    MEDIA_PLAYLIST,
    POSTER,
    PREVIEW,
    STORYBOARD,
    FolderCaptions,
    HlsFolder,
    PackagedRendition,
    RenditionFiles,
    build_master_playlist,
    sort_renditions,
)
from streamtime.transcoding.job_context import TranscodeSettings
from streamtime.transcoding.order_runner import Output, PlannedOrder, Present
from streamtime.transcoding.passes import COPY_ALL, DISK_CODES, Passes
from streamtime.transcoding.plan import CompleteRendition, PlannedRendition, copies_video, rungs_for, stage_label
from streamtime.transcoding.stills import StillsPlan, write_stills
from streamtime.transcoding.subtitles import unsupported_subtitles
from streamtime.transcoding.supervision import COPIED_FRACTION, FIRST_RUNG_FRACTION, PROBED_FRACTION, ProgressRange
from streamtime.videos.captions import NewCaptions, unique_name
from streamtime.videos.chapters import chapters_of_file
from streamtime.videos.playability import UNPLAYABLE, UNPLAYABLE_MESSAGE
from streamtime.videos.renditions import RenditionKind
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.protocol import OrderDone, OrderProgress
from streamtime.workers.worker import Worker


@dataclass(frozen=True, slots=True)
class PackagingProgress:
    """Progress of packaging: the stage as text, and `fraction` of all work from 0 to 1.

    `speed` is in seconds of video per second, `remaining_s` the remaining time; both may be unknown.
    """

    stage: str
    fraction: float
    speed: float | None = None
    remaining_s: float | None = None


PackagingCallback = Callable[[PackagingProgress], None]


@dataclass(frozen=True, slots=True)
class PackagingResult:
    """The result of packaging. `damaged_after_ms` is set if the source is truncated; `notes` say what was left out.

    `has_stills` says whether there are a storyboard and a preview.
    """

    renditions: tuple[PackagedRendition, ...]
    captions: tuple[FolderCaptions, ...]
    chapters: int
    has_poster: bool
    has_stills: bool
    duration_ms: int
    damaged_after_ms: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """The open source file."""

    descriptor: int


@dataclass(slots=True, kw_only=True)
class _FolderOutput(Output):
    files: RenditionFiles


class FolderSink:
    """Stores the renditions in an HLS folder: see `order_runner.Sink`. `renditions` are in the order of completion."""

    def __init__(self, folder: HlsFolder, source: _Source, on_progress: PackagingCallback) -> None:
        self.folder = folder
        self._source = source
        self.on_progress = on_progress
        self.renditions: list[PackagedRendition] = []
        self.captions: list[FolderCaptions] = []
        self.read_streams: set[int] = set()
        """Stream indices of subtitle tracks that were read."""
        self.notes: list[str] = []
        self.fraction = 0.0
        """Total progress after the finished orders."""
        self.has_poster = False
        self.duration_ms = 0
        self.damaged_after_ms: int | None = None

    rotation = 0

    def new_key(self, ending: str) -> str:
        """Return the extension only: files are named after their rendition."""
        return ending

    async def open_source(self) -> _Source:
        """Return the open source file."""
        return self._source

    async def probed(self, facts: ProbeResult) -> None:
        """Do nothing: one run makes everything."""

    async def present(self) -> Present:
        """Return what this run has made."""
        made = [
            CompleteRendition(
                one.new.kind,
                one.new.origin,
                one.new.name,
                one.new.target_duration_s,
                one.new.ceiling_bps,
                one.index,
                pixels=one.started.width * one.started.height,
            )
            for one in self.renditions
        ]
        return Present(made, self.has_poster, self.read_streams, self.duration_ms or None, bool(self.duration_ms))

    async def resume(self, planned: Sequence[PlannedRendition]) -> Sequence[PlannedRendition]:
        """Return the plan: nothing is left of earlier runs."""
        return planned

    async def restart(self, reason: str) -> None:
        """Do nothing: nothing is resumed."""

    async def require_space(self, wanted_bytes: int) -> None:
        """Do nothing: a full disk ends the command."""

    @asynccontextmanager
    async def order(self, worker: Worker, planned_order: PlannedOrder) -> AsyncIterator["FolderOrder"]:
        """Create the files of an order. Those that are not complete at the end are deleted."""
        del worker
        running = FolderOrder(self, planned_order)
        with ExitStack() as stack:
            for plan in planned_order.planned:
                files = self.folder.rendition(plan.new.name)
                stack.callback(files.discard_unfinished)
                running.outputs[plan.order.output] = _FolderOutput(plan.new, files=files)
            running.descriptors = [output.files.fd for _number, output in sorted(running.outputs.items())]
            if planned_order.order.poster is not None:
                running.descriptors.append(self.folder.file(POSTER))
                stack.callback(self._close_poster, running.descriptors[-1])
            yield running
            self.fraction = planned_order.progress_range.end

    async def record_end(self, done: OrderDone) -> None:
        """Keep the measured duration, and where the source is truncated."""
        self.duration_ms = max(self.duration_ms, done.duration_ms)
        self.damaged_after_ms = done.damaged_after_ms or self.damaged_after_ms

    async def note(self, event: str, message: str, **_detail: object) -> None:
        """Keep a note of what is left out. That a track is encoded instead of copied is no loss."""
        if event != "copy_abandoned":
            self.notes.append(message)

    def _close_poster(self, descriptor: int) -> None:
        os.close(descriptor)
        if not self.has_poster:
            self.folder.drop(POSTER)


class FolderOrder:
    """A running order, whose outputs are cut into files: see `order_runner.OrderSink`."""

    def __init__(self, sink: FolderSink, planned_order: PlannedOrder) -> None:
        self._sink = sink
        self._range = planned_order.progress_range
        self._stage = self._range.stage or stage_label(plan.new.name for plan in planned_order.planned)
        self._duration_ms = planned_order.order.duration_ms
        self.outputs: dict[int, _FolderOutput] = {}
        self.descriptors: list[int] = []
        sink.on_progress(PackagingProgress(self._stage, self._range.start))

    async def started(self, number: int) -> None:
        """Write the init segment."""
        output = self.outputs[number]
        if output.started is not None:
            output.files.cut(INIT, 0, output.started.init_length)

    async def segment(self, number: int, segment: Segment) -> None:
        """Write a media segment."""
        self.outputs[number].files.cut_segment(segment.offset, segment.length)

    async def finished(self, number: int, index: SegmentIndex) -> None:
        """Write the playlists."""
        output = self.outputs[number]
        if output.started is None:
            raise RuntimeError("A worker finished a rendition that it had not started.")
        target_s = output.new.target_duration_s
        playlists = {MEDIA_PLAYLIST: media_playlist(index, target_duration_s=target_s, complete=True)}
        if output.new.kind is RenditionKind.VIDEO and has_iframes(index):
            playlists[IFRAMES] = iframes_playlist(index, target_duration_s=target_s)
        output.files.finish(playlists)
        self._sink.renditions.append(PackagedRendition(output.new, output.started, index))

    async def poster(self, _length_bytes: int) -> None:
        """Keep the poster."""
        self._sink.has_poster = True

    async def captions(self, new: NewCaptions) -> None:
        """Write a subtitle track if it has cues."""
        sink = self._sink
        if new.stream is not None:
            sink.read_streams.add(new.stream)
        if new.content.cues:
            name = unique_name(new.language, {captions.name for captions in sink.captions}, "-")
            captions = FolderCaptions(name, new.language, new.label, new.content.cues)
            sink.folder.write(captions.text_uri, new.content.text)
            sink.captions.append(captions)

    async def progress(self, message: OrderProgress) -> None:
        """Report the progress. The remaining time is known in the last stage if the duration is known."""
        start, end = self._range.start, self._range.end
        speed = message.speed or None
        remaining_s = None
        if speed and self._duration_ms and end == 1.0:
            remaining_s = (1 - message.fraction) * self._duration_ms / 1000 / speed
        fraction = start + (end - start) * message.fraction
        self._sink.on_progress(PackagingProgress(self._stage, fraction, speed, remaining_s))


class Packager:
    """Makes HLS folders. `may_copy` allows copying tracks without encoding.

    Rungs that save little are left out unless `explicit_heights` says that the user chose the heights.
    """

    def __init__(
        self, launcher: WorkerLauncher, settings: TranscodeSettings, *, may_copy: bool, explicit_heights: bool
    ) -> None:
        self._launcher = launcher
        self._passes = Passes(launcher, settings)
        self._rungs = settings.rungs
        self._copies = COPY_ALL if may_copy else frozenset[RenditionKind]()
        self._explicit_heights = explicit_heights

    async def package(self, source: Path, folder: HlsFolder, on_progress: PackagingCallback) -> PackagingResult:
        """Make everything that the server would make, and publish it in the folder.

        Raises:
            Invalid: the source can't be opened.
            WorkerFailed: the source can't be packaged.
        """
        with _open_source(source) as opened:
            sink = FolderSink(folder, opened, on_progress)
            facts = await self._make_renditions(sink)
        if not any(made.new.kind is RenditionKind.VIDEO for made in sink.renditions):
            raise WorkerFailed(UNPLAYABLE, UNPLAYABLE_MESSAGE, retryable=False)
        return _publish(sink, facts, has_stills=await make_stills(sink, self._launcher))

    async def _make_renditions(self, sink: FolderSink) -> ProbeResult:
        passes = self._passes
        facts, copies = await passes.probe_and_copy(sink, self._copy_range, copies=self._copies)
        copied = copies_video(facts, copies)
        rungs = rungs_for(facts, self._rungs, copied=copied)
        if not copied:
            await passes.poster_and_captions(sink, facts, ProgressRange("", 0.0, PROBED_FRACTION))
            first_range = ProgressRange("", sink.fraction, FIRST_RUNG_FRACTION if len(rungs) > 1 else 1.0)
            copies = await passes.encode_first(sink, facts, choose_first_rung(rungs), first_range, copies)
        wanted = [rung.name for rung in rungs] if self._explicit_heights else []
        rest = await passes.plan_rest(sink, facts, wanted)
        await passes.extra_audio(sink, facts, rest, sink.fraction, copies, last_attempt=True)
        await passes.encode_rest(sink, facts, rest, ProgressRange("", sink.fraction, 1.0))
        return facts

    def _copy_range(self, facts: ProbeResult) -> ProgressRange:
        return ProgressRange("", 0.0, COPIED_FRACTION if rungs_for(facts, self._rungs, copied=True) else 1.0)


async def make_stills(sink: FolderSink, launcher: WorkerLauncher) -> bool:
    """Make storyboard and preview of the smallest video rendition. False if that failed: the folder plays without.

    Raises:
        WorkerFailed: the disk is full or fails.
    """
    sink.on_progress(PackagingProgress("Preparing the storyboard", 1.0))
    smallest = min(
        (made for made in sink.renditions if made.new.kind is RenditionKind.VIDEO),
        key=lambda m: m.started.width * m.started.height,
    )
    plan = StillsPlan(smallest.index, smallest.started.width, smallest.started.height)
    names = [*map(sheet_name, range(plan.board.sheets)), PREVIEW]
    try:
        with ExitStack() as stack:
            source = sink.folder.open_joined(smallest.new.name, len(smallest.index.segments))
            stack.callback(os.close, source)
            outputs = []
            for name in names:
                outputs.append(sink.folder.file(name))
                stack.callback(os.close, outputs[-1])
            await write_stills(launcher, source, plan.order(), outputs)
    except WorkerFailed as error:
        if error.code in DISK_CODES:
            raise
        for name in names:
            sink.folder.drop(name)
        sink.notes.append(f"No storyboard could be made: {error.message}")
        return False
    sink.folder.write(STORYBOARD, storyboard_vtt(plan.board, plan.duration_ms))
    return True


def _publish(sink: FolderSink, facts: ProbeResult, *, has_stills: bool) -> PackagingResult:
    """Write chapters and playlists, and move everything into place."""
    found = chapters_of_file(facts)
    if found:
        sink.folder.write(CHAPTERS, write_chapters([(one.start_ms, one.end_ms, one.title) for one in found]))
    for captions in sink.captions:
        sink.folder.write(captions.uri, captions_playlist(f"{captions.name}.vtt", sink.duration_ms))
    made = sort_renditions(sink.renditions)
    sink.folder.publish(build_master_playlist(made, sink.captions))
    return PackagingResult(
        renditions=made,
        captions=tuple(sink.captions),
        chapters=len(found),
        has_poster=sink.has_poster,
        has_stills=has_stills,
        duration_ms=sink.duration_ms,
        damaged_after_ms=sink.damaged_after_ms,
        notes=(*filter(None, [unsupported_subtitles(facts)]), *sink.notes),
    )


@contextmanager
def _open_source(source: Path) -> Iterator[_Source]:
    if source.exists() and not source.is_file():
        raise Invalid(f"{source} is no file.")  # opening a pipe would block
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(f"{source} cannot be read: {error.strerror or error}.") from error
    try:
        yield _Source(descriptor)
    finally:
        os.close(descriptor)
