"""One order carried out by a worker, into the files of a folder: as `making.py` does it, with files in place of rows.

It knows how a rendition grows and becomes whole; it decides nothing about what is made. Files are written on the event
loop: nobody else waits for it, and a stop finds them in order.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from streamtime.hls.iframes import has_iframes, iframes_playlist
from streamtime.hls.playlists import media_playlist
from streamtime.hls.segment_index import GrowingIndex
from streamtime.library.captions import free_name
from streamtime.library.renditions import Kind, NewRendition, Origin
from streamtime.pipeline.choice import Whole
from streamtime.pipeline.cues import AwaitedCues, captions_of
from streamtime.pipeline.folder import IFRAMES, INIT, PLAYLIST, POSTER, HlsFolder, RenditionFiles
from streamtime.pipeline.packaged import FolderCaptions, Made, Step, Tell
from streamtime.pipeline.plan import Planned, accepted
from streamtime.source_facts import SubtitleFacts
from streamtime.worker_protocol import (
    CuesRead,
    Done,
    Package,
    PackageMessage,
    PosterWritten,
    Progress,
    RenditionFinished,
    RenditionStarted,
    SegmentWritten,
)
from streamtime.workers.worker import Worker


@dataclass(frozen=True, slots=True)
class Stage:
    """One order's part of the whole work."""

    words: str
    start: float
    end: float

    def part(self, number: int, count: int, words: str) -> "Stage":
        """The part of one of several orders that are carried out one after another."""
        step = (self.end - self.start) / count
        last = number + 1 == count
        return Stage(words, self.start + step * number, self.end if last else self.start + step * (number + 1))


@dataclass(slots=True)
class Work:
    """What is known while one file is packaged. Renditions come in the order they became whole."""

    folder: HlsFolder
    tell: Tell
    made: list[Made] = field(default_factory=list)
    captions: list[FolderCaptions] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    """Streams of the subtitle tracks that are done with."""
    notes: list[str] = field(default_factory=list)
    reached: float = 0.0
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
        return any(made.new.kind is Kind.VIDEO and made.new.origin is Origin.COPY for made in self.made)

    @property
    def names(self) -> set[tuple[Kind, str]]:
        """What is whole, by name."""
        return {(made.new.kind, made.new.name) for made in self.made}

    @property
    def whole(self) -> list[Whole]:
        """What is whole, as far as it decides about the rest."""
        return [
            Whole(
                made.new.kind,
                made.new.origin,
                made.new.name,
                made.new.target_duration_s,
                made.new.ceiling_bps,
                made.index,
                pixels=made.started.width * made.started.height,
            )
            for made in self.made
        ]


@dataclass(slots=True)
class _Output:
    new: NewRendition
    files: RenditionFiles
    started: RenditionStarted | None = None
    growing: GrowingIndex | None = None


@dataclass(slots=True)
class _Order:
    """What is known while one order is under way."""

    stage: Stage
    duration_ms: int | None
    cues: AwaitedCues
    has_picture: bool
    """Whether its end tells how long the video is, and how far it is whole."""
    outputs: dict[int, _Output] = field(default_factory=dict)


async def carry_out(
    work: Work,
    worker: Worker,
    order: Package,
    planned: Sequence[Planned],
    stage: Stage,
    subtitles: Sequence[SubtitleFacts] = (),
) -> None:
    """Have a worker do it. What became whole stays, whatever comes after it.

    Raises:
        WorkerFailed: it could not be done.
    """
    work.tell(Step(stage.words, stage.start))
    under_way = _Order(stage, order.duration_ms, AwaitedCues(subtitles), any(p.new.kind is Kind.VIDEO for p in planned))
    outputs = under_way.outputs
    poster: int | None = None
    try:
        for plan in planned:
            outputs[plan.order.output] = _Output(plan.new, work.folder.rendition(plan.new.name))
        descriptors = [outputs[number].files.fd for number in sorted(outputs)]
        if order.poster is not None:
            poster = work.folder.file(POSTER)
            descriptors.append(poster)
        async for message in worker.package(order, descriptors):
            _take(work, under_way, message)
        work.reached = stage.end
    finally:
        for output in outputs.values():
            output.files.discard()
        if poster is not None:
            os.close(poster)
            if not work.has_poster:
                work.folder.drop(POSTER)


def _take(work: Work, under_way: _Order, message: PackageMessage) -> None:
    outputs = under_way.outputs
    match message:
        case RenditionStarted():
            _started(outputs[message.output], message)
        case SegmentWritten():
            _segment(outputs[message.output], message)
        case RenditionFinished():
            work.made.append(_finished(outputs.pop(message.output), message))
        case PosterWritten():
            work.has_poster = True
        case CuesRead():
            _cues(work, under_way, message)
        case Progress():
            work.tell(_step(under_way.stage, message, under_way.duration_ms))
        case Done() if under_way.has_picture:
            work.duration_ms = max(work.duration_ms, message.duration_ms)
            work.damaged_after_ms = message.damaged_after_ms or work.damaged_after_ms


def _started(output: _Output, message: RenditionStarted) -> None:
    output.started = message
    output.growing = GrowingIndex(message.timescale, message.init_length)
    output.files.cut(INIT, 0, message.init_length)


def _segment(output: _Output, message: SegmentWritten) -> None:
    number = len(_growing(output))
    segment = _growing(output).append_next(
        length=message.length, duration=message.duration, keyframe_length=message.keyframe_length
    )
    output.files.cut(f"{number}.m4s", segment.offset, segment.length)


def _finished(output: _Output, message: RenditionFinished) -> Made:
    index = accepted(output.new, _growing(output).snapshot(), message.bytes_total)
    started = output.started
    if started is None:
        raise RuntimeError("A worker finished a rendition before the beginning.")
    if message.fps:
        started = msgspec.structs.replace(started, fps_num=message.fps_num, fps_den=message.fps_den)
    target_s = output.new.target_duration_s
    playlists = {PLAYLIST: media_playlist(index, target_duration_s=target_s, complete=True)}
    if output.new.kind is Kind.VIDEO and has_iframes(index):
        playlists[IFRAMES] = iframes_playlist(index, target_duration_s=target_s)
    output.files.finish(playlists)
    return Made(output.new, started, index)


def _growing(output: _Output) -> GrowingIndex:
    if output.growing is None:
        raise RuntimeError("A worker wrote a segment before the beginning.")
    return output.growing


def _cues(work: Work, under_way: _Order, message: CuesRead) -> None:
    whole = under_way.cues.take(message)
    if whole is None:
        return
    track, _ = whole
    work.read.add(track.stream)
    new = captions_of(*whole)
    if new.content.cues:
        name = free_name(new.language, {captions.name for captions in work.captions}, "-")
        captions = FolderCaptions(name, new.language, new.label, new.content.cues)
        work.folder.write(captions.text_uri, new.content.text)
        work.captions.append(captions)


def _step(stage: Stage, progress: Progress, duration_ms: int | None) -> Step:
    """Put a worker's progress in its place; the time left can be told in the last stage, if the source has a length."""
    fraction = stage.start + (stage.end - stage.start) * progress.fraction
    speed = progress.speed or None
    left_s = None
    if speed and duration_ms and stage.end == 1.0:
        left_s = (1 - progress.fraction) * duration_ms / 1000 / speed
    return Step(stage.words, fraction, speed, left_s)
