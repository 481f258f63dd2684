"""Runs one order into the files of a folder, as `transcoding/order_runner.py` does into rows and objects.

It knows how a rendition grows and becomes whole; it decides nothing about what is made. Files are written on the event
loop: nobody else waits for it, and a stop finds them in order.
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
    """One order's part of the whole work."""

    label: str
    start: float
    end: float

    def subrange(self, number: int, count: int, label: str) -> "FolderStage":
        """The part of one of several orders that are carried out one after another."""
        step = (self.end - self.start) / count
        last = number + 1 == count
        return FolderStage(label, self.start + step * number, self.end if last else self.start + step * (number + 1))


@dataclass(slots=True)
class PackagingState:
    """What is known while one file is packaged. Renditions come in the order they became whole."""

    folder: HlsFolder
    on_progress: PackagingCallback
    renditions: list[PackagedRendition] = field(default_factory=list)
    captions: list[FolderCaptions] = field(default_factory=list)
    read_streams: set[int] = field(default_factory=set)
    """Streams of the subtitle tracks that are done with."""
    notes: list[str] = field(default_factory=list)
    fraction: float = 0.0
    """How much of the whole work the orders are that were carried out."""
    has_poster: bool = False
    duration_ms: int = 0
    damaged_after_ms: int | None = None

    def new_key(self, ending: str) -> str:
        """Files here are named after their rendition: no key is needed."""
        return ending

    @property
    def copied(self) -> bool:
        """Whether the picture was taken over as it is."""
        return any(
            made.new.kind is RenditionKind.VIDEO and made.new.origin is RenditionOrigin.COPY for made in self.renditions
        )

    @property
    def names(self) -> set[tuple[RenditionKind, str]]:
        """What is whole, by name."""
        return {(made.new.kind, made.new.name) for made in self.renditions}

    @property
    def complete_renditions(self) -> list[CompleteRendition]:
        """What is whole, as far as it decides about the rest."""
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
    """What is known while one order is under way."""

    stage: FolderStage
    duration_ms: int | None
    cues: CueCollector
    has_picture: bool
    """Whether its end tells how long the video is, and how far it is whole."""
    outputs: dict[int, _FolderOutput] = field(default_factory=dict)


async def run_order(
    state: PackagingState,
    worker: Worker,
    order: Package,
    planned: Sequence[PlannedRendition],
    stage: FolderStage,
    subtitles: Sequence[SubtitleInfo] = (),
) -> None:
    """Have a worker do it. What became whole stays, whatever comes after it.

    Raises:
        WorkerFailed: it could not be done.
    """
    state.on_progress(PackagingProgress(stage.label, stage.start))
    under_way = _FolderEncode(
        stage, order.duration_ms, CueCollector(subtitles), any(p.new.kind is RenditionKind.VIDEO for p in planned)
    )
    outputs = under_way.outputs
    poster: int | None = None
    try:
        for plan in planned:
            outputs[plan.order.output] = _FolderOutput(plan.new, state.folder.rendition(plan.new.name))
        descriptors = [outputs[number].files.fd for number in sorted(outputs)]
        if order.poster is not None:
            poster = state.folder.file(POSTER)
            descriptors.append(poster)
        async for message in worker.package(order, descriptors):
            _handle(state, under_way, message)
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
        case OrderDone() if encode.has_picture:
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
        raise RuntimeError("A worker finished a rendition before the beginning.")
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
        raise RuntimeError("A worker wrote a segment before the beginning.")
    return output.growing


def _cues(state: PackagingState, encode: _FolderEncode, message: CuesRead) -> None:
    whole = encode.cues.add(message)
    if whole is None:
        return
    track, _ = whole
    state.read_streams.add(track.stream)
    new = captions_from_cues(*whole)
    if new.content.cues:
        name = unique_name(new.language, {captions.name for captions in state.captions}, "-")
        captions = FolderCaptions(name, new.language, new.label, new.content.cues)
        state.folder.write(captions.text_uri, new.content.text)
        state.captions.append(captions)


def _progress(stage: FolderStage, progress: OrderProgress, duration_ms: int | None) -> PackagingProgress:
    """Put a worker's progress in its place; the time left can be told in the last stage, if the source has a length."""
    fraction = stage.start + (stage.end - stage.start) * progress.fraction
    speed = progress.speed or None
    left_s = None
    if speed and duration_ms and stage.end == 1.0:
        left_s = (1 - progress.fraction) * duration_ms / 1000 / speed
    return PackagingProgress(stage.label, fraction, speed, left_s)
