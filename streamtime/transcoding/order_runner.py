"""Run a worker's order: keep the segment index of each rendition, and hand what is written to a sink.

A sink is the library (`library.py`) or an HLS folder (`package.py`). `passes.py` decides what is made.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import msgspec

from streamtime.hls.segment_index import GrowingIndex, Segment, SegmentIndex
from streamtime.storage.object_store import OpenedFile
from streamtime.transcoding.plan import CompleteRendition, PlannedRendition, validated_index
from streamtime.transcoding.subtitles import CueCollector, captions_from_cues
from streamtime.transcoding.supervision import ProgressRange
from streamtime.videos.captions import NewCaptions
from streamtime.videos.renditions import NewRendition
from streamtime.workers.probe_result import ProbeResult, SubtitleInfo
from streamtime.workers.protocol import (
    CuesRead,
    OrderDone,
    OrderProgress,
    Package,
    PosterWritten,
    RenditionFinished,
    RenditionStarted,
    SegmentWritten,
)
from streamtime.workers.worker import Worker


@dataclass(slots=True)
class Output:
    """A rendition that an order makes. Sinks add their files to it."""

    new: NewRendition
    index: GrowingIndex | None = None
    """All segments that the worker reported, and those of the checkpoint it resumed from."""
    started: RenditionStarted | None = None
    """Its format; None before the init segment is written, and if it was resumed."""
    finished: bool = False


class OrderSink(Protocol):
    """Takes what a worker writes in one order. `number` is that of an output; its bytes are in the file already."""

    @property
    def outputs(self) -> Mapping[int, Output]:
        """The renditions by output number."""
        ...

    @property
    def descriptors(self) -> Sequence[int]:
        """The open files of the order by output number, the poster's last."""
        ...

    async def started(self, number: int) -> None:
        """Take an init segment."""
        ...

    async def segment(self, number: int, segment: Segment) -> None:
        """Take a media segment."""
        ...

    async def finished(self, number: int, index: SegmentIndex) -> None:
        """Take a complete rendition with its final index."""
        ...

    async def poster(self, length_bytes: int) -> None:
        """Take the poster."""
        ...

    async def captions(self, new: NewCaptions) -> None:
        """Take a subtitle track, which may be without cues."""
        ...

    async def progress(self, message: OrderProgress) -> None:
        """Take the progress of the order."""
        ...


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """An order with its renditions, the part of the progress it covers, and the subtitle tracks it reads.

    With `checkpoint_every_s` the library syncs growing renditions at that interval, publishes them up to the last
    checkpoint only, and keeps them for the next attempt: published bytes never change. Without it, segments are
    published immediately, and incomplete renditions are deleted.
    """

    order: Package
    planned: Sequence[PlannedRendition]
    progress_range: ProgressRange
    subtitles: Sequence[SubtitleInfo] = ()
    checkpoint_every_s: float | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """What a sink has of a source already. `renditions` are complete, and in the order they were made.

    `duration_ms` is the best known duration. It is `measured` once the source was read to its end.
    """

    renditions: Sequence[CompleteRendition]
    has_poster: bool
    caption_streams: Collection[int]
    duration_ms: int | None
    measured: bool


class Sink(Protocol):
    """Stores the renditions of one source. All methods may raise what ends the work, such as `VideoNotFound`."""

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which the source is rotated."""
        ...

    def new_key(self, ending: str) -> str:
        """Return a key for a new file with that extension."""
        ...

    async def open_source(self) -> OpenedFile:
        """Open the source for reading."""
        ...

    async def probed(self, facts: ProbeResult) -> None:
        """Take the probe result."""
        ...

    async def present(self) -> Present:
        """Return what exists already."""
        ...

    async def resume(self, planned: Sequence[PlannedRendition]) -> Sequence[PlannedRendition]:
        """Return the planned renditions, resumed where an earlier attempt left off; delete other incomplete ones."""
        ...

    async def restart(self, reason: str) -> None:
        """Delete the incomplete renditions: a worker can't resume them."""
        ...

    async def require_space(self, wanted_bytes: int) -> None:
        """Check that about `wanted_bytes` may be written. Raises `NoSpace`."""
        ...

    def order(self, worker: Worker, planned_order: PlannedOrder) -> AbstractAsyncContextManager[OrderSink]:
        """Open the outputs of an order. Incomplete renditions are deleted at the end, or kept to be resumed."""
        ...

    async def record_end(self, done: OrderDone) -> None:
        """Record what only reading the whole source tells: its duration, and where it is truncated."""
        ...

    async def note(self, event: str, message: str, **detail: object) -> None:
        """Record something that the owner should know."""
        ...


async def run_order(sink: Sink, worker: Worker, planned_order: PlannedOrder) -> OrderDone:
    """Run an order. Renditions that are complete stay even if the order fails later.

    Raises:
        WorkerFailed: the worker failed, or a rendition does not play.
    """
    done = OrderDone(duration_ms=0)
    cues = CueCollector(planned_order.subtitles)
    async with sink.order(worker, planned_order) as running:
        async for message in worker.package(planned_order.order, running.descriptors):
            match message:
                case RenditionStarted():
                    await _started(running, message)
                case SegmentWritten():
                    segment = _index(running, message.output).append_next(
                        length=message.length, duration=message.duration, keyframe_length=message.keyframe_length
                    )
                    await running.segment(message.output, segment)
                case RenditionFinished():
                    await _finished(running, message)
                case PosterWritten():
                    await running.poster(message.bytes_total)
                case CuesRead():
                    if track := cues.add(message):
                        await running.captions(await asyncio.to_thread(captions_from_cues, *track))
                case OrderProgress():
                    await running.progress(message)
                case OrderDone():
                    done = message
    return done


async def _started(running: OrderSink, message: RenditionStarted) -> None:
    output = running.outputs[message.output]
    if output.index is None:  # else it was resumed: the format is known
        output.index, output.started = GrowingIndex(message.timescale, message.init_length), message
        await running.started(message.output)


async def _finished(running: OrderSink, message: RenditionFinished) -> None:
    output = running.outputs[message.output]
    index = validated_index(output.new, _index(running, message.output).snapshot(), message.bytes_total)
    output.finished = True
    if message.fps and output.started is not None:
        output.started = msgspec.structs.replace(output.started, fps_num=message.fps_num, fps_den=message.fps_den)
    await running.finished(message.output, index)


def _index(running: OrderSink, number: int) -> GrowingIndex:
    index = running.outputs[number].index
    if index is None:
        raise RuntimeError("A worker reported a segment before its rendition.")
    return index
