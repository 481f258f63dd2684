"""Run a worker's order and write the files of an HLS folder, as `order_runner.py` does for the library.

Files are written on the event loop: the command does nothing else, and an interruption finds them consistent.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from streamtime.hls.playlists import has_iframes, iframes_playlist, media_playlist
from streamtime.hls.segment_index import GrowingIndex
from streamtime.transcoding.package.folder import (
    IFRAMES,
    INIT,
    MEDIA_PLAYLIST,
    POSTER,
    FolderCaptions,
    HlsFolder,
    PackagedRendition,
    PackagingCallback,
    PackagingProgress,
    RenditionFiles,
)
from streamtime.transcoding.plan import CompleteRendition, PlannedRendition, validated_index
from streamtime.transcoding.subtitles import CueCollector, captions_from_cues
from streamtime.videos.captions import unique_name
from streamtime.videos.renditions import NewRendition, RenditionKind, RenditionOrigin
from streamtime.workers.probe_result import SubtitleInfo
from streamtime.workers.protocol import (
    CuesRead,
    OrderDone,
    OrderProgress,
    Package,
    PackageMessage,
    PosterWritten,
    RenditionFinished,
    RenditionStarted,
    SegmentWritten,
)
from streamtime.workers.worker import Worker


@dataclass(frozen=True, slots=True)
class FolderStage:
    """The part of the total progress that an order covers."""

    label: str
    start: float
    end: float

    def subrange(self, number: int, count: int, label: str) -> "FolderStage":
        """Return the part of order `number` of `count` consecutive orders."""
        step = (self.end - self.start) / count
        last = number + 1 == count
        return FolderStage(label, self.start + step * number, self.end if last else self.start + step * (number + 1))


@dataclass(slots=True)
class PackagingState:
    """The state of packaging a file. `renditions` are in the order they were completed."""

    folder: HlsFolder
    on_progress: PackagingCallback
    renditions: list[PackagedRendition] = field(default_factory=list)
    captions: list[FolderCaptions] = field(default_factory=list)
    read_streams: set[int] = field(default_factory=set)
    """Stream indices of subtitle tracks that were read."""
    notes: list[str] = field(default_factory=list)
    fraction: float = 0.0
    """Total progress after the finished orders."""
    has_poster: bool = False
    duration_ms: int = 0
    damaged_after_ms: int | None = None

    def new_key(self, ending: str) -> str:
        """Return the extension only: files are named after their rendition."""
        return ending

    @property
    def copied(self) -> bool:
        """Whether the video was copied."""
        return any(
            made.new.kind is RenditionKind.VIDEO and made.new.origin is RenditionOrigin.COPY for made in self.renditions
        )

    @property
    def names(self) -> set[tuple[RenditionKind, str]]:
        """Kinds and names of the complete renditions."""
        return {(made.new.kind, made.new.name) for made in self.renditions}

    @property
    def complete_renditions(self) -> list[CompleteRendition]:
        """The complete renditions, for planning the rest."""
        return [
            CompleteRendition(
                made.new.kind,
                made.new.origin,
                made.new.name,
                made.new.target_duration_s,
                made.new.ceiling_bps,
                made.index,
                pixels=made.started.width * made.started.height,
            )
            for made in self.renditions
        ]


@dataclass(slots=True)
class _FolderOutput:
    new: NewRendition
    files: RenditionFiles
    started: RenditionStarted | None = None
    growing: GrowingIndex | None = None


@dataclass(slots=True)
class _FolderEncode:
    """The state of a running order."""

    stage: FolderStage
    duration_ms: int | None
    cues: CueCollector
    has_video: bool
    """Whether the order reads the video, so that its end tells the duration and any damage."""
    outputs: dict[int, _FolderOutput] = field(default_factory=dict)


async def run_order(
    state: PackagingState,
    worker: Worker,
    order: Package,
    planned: Sequence[PlannedRendition],
    stage: FolderStage,
    subtitles: Sequence[SubtitleInfo] = (),
) -> None:
    """Run an order. Renditions that are complete stay even if the order fails later.

    Raises:
        WorkerFailed: the worker failed.
    """
    state.on_progress(PackagingProgress(stage.label, stage.start))
    encode = _FolderEncode(
        stage, order.duration_ms, CueCollector(subtitles), any(p.new.kind is RenditionKind.VIDEO for p in planned)
    )
    outputs = encode.outputs
    poster: int | None = None
    try:
        for plan in planned:
            outputs[plan.order.output] = _FolderOutput(plan.new, state.folder.rendition(plan.new.name))
        descriptors = [outputs[number].files.fd for number in sorted(outputs)]
        if order.poster is not None:
            poster = state.folder.file(POSTER)
            descriptors.append(poster)
        async for message in worker.package(order, descriptors):
            _handle(state, encode, message)
        state.fraction = stage.end
    finally:
        for output in outputs.values():
            output.files.discard()
        if poster is not None:
            os.close(poster)
            if not state.has_poster:
                state.folder.drop(POSTER)


def _handle(state: PackagingState, encode: _FolderEncode, message: PackageMessage) -> None:
    outputs = encode.outputs
    match message:
        case RenditionStarted():
            _started(outputs[message.output], message)
        case SegmentWritten():
            _segment(outputs[message.output], message)
        case RenditionFinished():
            state.renditions.append(_finished(outputs.pop(message.output), message))
        case PosterWritten():
            state.has_poster = True
        case CuesRead():
            _cues(state, encode, message)
        case OrderProgress():
            state.on_progress(_progress(encode.stage, message, encode.duration_ms))
        case OrderDone() if encode.has_video:
            state.duration_ms = max(state.duration_ms, message.duration_ms)
            state.damaged_after_ms = message.damaged_after_ms or state.damaged_after_ms


def _started(output: _FolderOutput, message: RenditionStarted) -> None:
    output.started = message
    output.growing = GrowingIndex(message.timescale, message.init_length)
    output.files.cut(INIT, 0, message.init_length)


def _segment(output: _FolderOutput, message: SegmentWritten) -> None:
    number = len(_growing(output))
    segment = _growing(output).append_next(
        length=message.length, duration=message.duration, keyframe_length=message.keyframe_length
    )
    output.files.cut(f"{number}.m4s", segment.offset, segment.length)


def _finished(output: _FolderOutput, message: RenditionFinished) -> PackagedRendition:
    index = validated_index(output.new, _growing(output).snapshot(), message.bytes_total)
    started = output.started
    if started is None:
        raise RuntimeError("A worker finished a rendition that it had not started.")
    if message.fps:
        started = msgspec.structs.replace(started, fps_num=message.fps_num, fps_den=message.fps_den)
    target_s = output.new.target_duration_s
    playlists = {MEDIA_PLAYLIST: media_playlist(index, target_duration_s=target_s, complete=True)}
    if output.new.kind is RenditionKind.VIDEO and has_iframes(index):
        playlists[IFRAMES] = iframes_playlist(index, target_duration_s=target_s)
    output.files.finish(playlists)
    return PackagedRendition(output.new, started, index)


def _growing(output: _FolderOutput) -> GrowingIndex:
    if output.growing is None:
        raise RuntimeError("A worker reported a segment before its rendition.")
    return output.growing


def _cues(state: PackagingState, encode: _FolderEncode, message: CuesRead) -> None:
    complete = encode.cues.add(message)
    if complete is None:
        return
    track, _ = complete
    state.read_streams.add(track.stream)
    new = captions_from_cues(*complete)
    if new.content.cues:
        name = unique_name(new.language, {captions.name for captions in state.captions}, "-")
        captions = FolderCaptions(name, new.language, new.label, new.content.cues)
        state.folder.write(captions.text_uri, new.content.text)
        state.captions.append(captions)


def _progress(stage: FolderStage, progress: OrderProgress, duration_ms: int | None) -> PackagingProgress:
    """Convert a worker's progress. The remaining time is known in the last stage if the duration is known."""
    fraction = stage.start + (stage.end - stage.start) * progress.fraction
    speed = progress.speed or None
    left_s = None
    if speed and duration_ms and stage.end == 1.0:
        left_s = (1 - progress.fraction) * duration_ms / 1000 / speed
    return PackagingProgress(stage.label, fraction, speed, left_s)
