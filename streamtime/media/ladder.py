"""Encodes all rungs in one decode: a cascade of threads, each with a scaler and an encoder (`rung_encoder.py`).

Each rung scales the frame of the next larger one and passes its own on before it encodes, so that all encode in
parallel. A thread before the first rung normalizes frames and decides, for all rungs, which are keyframes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av.error
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamtime.hls.segment_index import Grid
from streamtime.media import order_errors
from streamtime.media.channel import Reporter
from streamtime.media.normalize import FrameNormalizer
from streamtime.media.pipeline_threads import PipelineStage, ThreadPipeline
from streamtime.media.rendition_writer import OutputTarget
from streamtime.media.resume import check_first, exact_ticks
from streamtime.media.rung_encoder import QUEUE_FRAMES, LadderFrame, RungEncoder, RungSource, time_base
from streamtime.media.source import AnyPacket
from streamtime.media.timestamps import FrameTimestamps
from streamtime.media.video_stream import MAX_PACKETS, Orientation
from streamtime.workers.protocol import EncodeVideo

_LONG_STILL_S = 1
_MIN_HELD_S = Fraction(1, 50)
"""A first frame that is late by no more than this is late because of rounding."""

MAX_GAP_S = 3600
"""A longer gap is a broken timestamp: frames continue as if they had none."""

_NEVER, _MICRO = 1 << 62, 1_000_000
_LARGEST_THREADS, _OTHER_THREADS = 2, 1


@dataclass(frozen=True)
class FrameFormat:
    """The format of the decoded frames."""

    tick: Fraction | None
    fps: Fraction
    orientation: Orientation
    interlaced: bool
    held: bool = False
    """Whether frames are shown for a long time: a late first frame, a single image, or a slow frame rate."""


@dataclass(frozen=True, slots=True)
class LadderTiming:
    """The timeline that all rungs of an order share."""

    origin_us: int
    grid: Grid
    starts_s: Fraction = Fraction(0)
    latest_s: float | None = None


class FrameClock:
    """Places frames on the common timeline and marks the first one at or after each cut."""

    def __init__(self, timing: LadderTiming, tick: Fraction, *, default_duration: int, own_tick: bool) -> None:
        self._tick = tick
        self._latest = None if timing.latest_s is None else math.ceil(timing.latest_s / tick)
        self._default_duration = default_duration
        self._long = math.ceil(_LONG_STILL_S / tick)
        self._longest = math.ceil(MAX_GAP_S / tick)
        self._frame_tick = tick
        self._scale = Fraction(1)
        # The origin was rounded down to microseconds: the first tick at or after it is exact. A tick other than the
        # source's must not be after it, or the first frame would be lost.
        exact = Fraction(timing.origin_us, _MICRO) / tick
        self._origin = math.ceil(exact) if own_tick else math.floor(exact)
        self._grid = timing.grid
        self._start = self._cut = exact_ticks(timing.starts_s, tick)
        self._last = -1

    @property
    def before_start(self) -> bool:
        """Whether all frames so far were before the start: the last of them may extend into it."""
        return self._last < self._start

    def place(self, frame: VideoFrame) -> tuple[int, bool] | None:
        """Return a frame's time in ticks and whether it is a keyframe; None if it is not shown."""
        if self._start and self._last < 0:
            check_first(frame, None if frame.pts is None else self._on_timeline(frame, frame.pts), self._start)
        pts = self._time_of(frame)
        if pts is None:
            pts = self._last + self._default_duration
        if pts < 0 or pts <= self._last:
            return None
        self._last = pts
        return None if pts < self._start else (pts, self._is_key(pts))

    def starts_late(self, frame: VideoFrame) -> bool:
        """Return whether this is the first frame and its time is after 0: it is shown from 0 on."""
        if self._start or self._last >= 0 or (self._time_of(frame) or 0) * self._tick <= _MIN_HELD_S:
            return False
        self._last, self._cut = 0, self._cut_after(0)
        return True

    def gap_cuts(self, frame: VideoFrame) -> list[int]:
        """Return the cuts inside a long gap before this frame, at which the previous frame is repeated."""
        return self._cuts_before(self._time_of(frame))

    def end(self, container_end_s: float | None, until_s: float | None) -> int:
        """Return the end of the last frame in ticks: after its own duration, or with the longest track.

        `container_end_s` is the end of the frame according to the container, None if unknown.
        """
        default_duration = min(self._default_duration, self._long)
        own = self._last + default_duration
        claimed = self._ticks(container_end_s)
        if claimed is not None and self._last < claimed <= self._last + self._longest:
            own = claimed
        until = self._ticks(until_s)
        return until if until is not None and until - own > min(default_duration, own - self._last) else own

    def cuts_to_end(self, end: int) -> list[int]:
        """Return the cuts inside a long last frame."""
        return self._cuts_before(end)

    def _cuts_before(self, until: int | None) -> list[int]:
        """Return the cuts before a time, except one so close to it that the segment is extended instead."""
        cuts: list[int] = []
        if self._last < 0 or until is None:
            return cuts
        while until - self._last > self._long and self._cut + self._long <= until:
            self._last, self._cut = self._cut, self._cut_after(self._cut)
            cuts.append(self._last)
        return cuts

    def _ticks(self, time_s: float | None) -> int | None:
        """Convert a time to ticks; None if it is implausible."""
        time = None if time_s is None else round(time_s / self._tick)
        return None if time is None or (self._latest is not None and time > self._latest) else time

    def _time_of(self, frame: VideoFrame) -> int | None:
        """Return a frame's time in ticks; None if it has none, or an implausible one."""
        time = None if frame.pts is None else self._on_timeline(frame, frame.pts)
        if time is None or (self._latest is not None and time > self._latest):
            return None
        return None if time - max(0, self._last) > self._longest else time

    def _on_timeline(self, frame: VideoFrame, pts: int) -> int:
        frame_tick = frame.time_base or self._tick
        if frame_tick != self._frame_tick:
            self._frame_tick, self._scale = frame_tick, frame_tick / self._tick
        return (pts * self._scale.numerator - self._origin * self._scale.denominator) // self._scale.denominator

    def _is_key(self, pts: int) -> bool:
        if pts < self._cut:
            return False
        self._cut = self._cut_after(pts)
        return True

    def _cut_after(self, pts: int) -> int:
        cut_s = self._grid.next_after(pts * self._tick)
        return _NEVER if cut_s is None else math.ceil(cut_s / self._tick)


class LadderEncoder:
    """The cascade of all rungs: decoded frames in, renditions out."""

    def __init__(
        self,
        pipeline: ThreadPipeline,
        orders: Sequence[EncodeVideo],
        descriptors: Sequence[int],
        source: FrameFormat,
        reporter: Reporter,
        timing: LadderTiming,
    ) -> None:
        tick, source_fps = time_base(source.tick), source.fps
        self._default_duration = max(1, round(1 / (source_fps * tick)))
        self._clock = FrameClock(timing, tick, default_duration=self._default_duration, own_tick=tick == source.tick)
        self._last_frame: VideoFrame | None = None
        self._previous: LadderFrame | None = None
        self.container_end_s: float | None = None
        """End of the last frame according to the container; like `until_s` set before the end, if at all."""
        self.until_s: float | None = None
        largest_first = sorted(orders, key=lambda o: -o.rung.width * o.rung.height)
        self.rungs = _cascade(
            pipeline, largest_first, descriptors, reporter, RungSource(tick, source_fps, reorders=not source.held)
        )
        top = largest_first[0].rung
        self._normalizer = FrameNormalizer(top.width, top.height, source.orientation, interlaced=source.interlaced)
        self._stage: PipelineStage[VideoFrame] = PipelineStage(
            pipeline, "normalize", self._take, self._finish, depth=QUEUE_FRAMES
        )

    @property
    def end_s(self) -> float:
        """End of the shortest rung, in seconds."""
        return min(rung.end_s for rung in self.rungs)

    def put(self, frame: VideoFrame) -> None:
        """Take a decoded frame; the caller must not use it again."""
        self._stage.put(frame)

    def close(self) -> None:
        """Signal the end of the frames."""
        self._stage.close()

    def _take(self, frame: VideoFrame) -> None:
        for normalized in self._normalizer.take(frame):
            self._place(normalized)

    def _place(self, frame: VideoFrame) -> None:
        if self._clock.starts_late(frame):
            self._emit(frame, 0, key=True)
            self._last_frame = frame
        if self._last_frame is not None:
            for cut in self._clock.gap_cuts(frame):
                self._emit(self._last_frame, cut, key=True)
        place = self._clock.place(frame)
        if place is not None:
            self._emit(frame, place[0], key=place[1])
        if place is not None or self._clock.before_start:
            self._last_frame = frame

    def _emit(self, frame: VideoFrame, pts: int, *, key: bool) -> None:
        """Pass on the previous frame: its duration is known now."""
        self._emit_previous(pts)
        self._previous = LadderFrame(frame, pts, 0, key)

    def _emit_previous(self, until: int) -> None:
        if self._previous is not None:
            frame, pts, _, key = self._previous
            self.rungs[0].stage.put(LadderFrame(frame, pts, max(1, until - pts), key))
            self._previous = None

    def _finish(self) -> None:
        for normalized in self._normalizer.flush():
            self._place(normalized)
        if self._last_frame is not None:
            end = self._clock.end(self.container_end_s, self.until_s)
            for cut in self._clock.cuts_to_end(end):
                self._emit(self._last_frame, cut, key=True)
            for rung in self.rungs:
                rung.ends = end
            self._emit_previous(end)
        self.rungs[0].stage.close()


def _cascade(
    pipeline: ThreadPipeline,
    orders: Sequence[EncodeVideo],
    descriptors: Sequence[int],
    reporter: Reporter,
    source: RungSource,
) -> list[RungEncoder]:
    below: RungEncoder | None = None
    rungs: list[RungEncoder] = []
    for order in reversed(orders):
        threads = _LARGEST_THREADS if order is orders[0] else _OTHER_THREADS
        target = OutputTarget(order.output, descriptors[order.output], reporter)
        below = RungEncoder(pipeline, order, target, source, threads=threads, below=below)
        rungs.insert(0, below)
    return rungs


_MAX_BAD_PACKETS = 200


class VideoDecoder:
    """Decodes frames and passes them to the ladder; single damaged packets are skipped."""

    def __init__(self, stream: VideoStream, ladder: LadderEncoder, times: FrameTimestamps) -> None:
        self._stream = stream
        self._times = times
        self._ladder = ladder
        self._bad_in_a_row = 0
        self._has_decoded = False
        """Whether a frame was decoded; packets before the first keyframe may all be undecodable."""

    def take(self, packet: AnyPacket | None) -> None:
        """Decode one packet; None drains the decoder."""
        try:
            frames = self._stream.decode(packet)
        except av.error.FFmpegError:
            self._bad_in_a_row += 1
            if self._bad_in_a_row > (_MAX_BAD_PACKETS if self._has_decoded else MAX_PACKETS):
                raise order_errors.damaged(round(self._ladder.end_s * 1000)) from None
            return
        for frame in frames:
            self._bad_in_a_row, self._has_decoded = 0, True
            if frame.time_base is None:
                # Frames drained at the end have no packet to take the time base from.
                frame.time_base = self._stream.time_base
            self._ladder.put(self._times.put(frame))

    def finish(self) -> None:
        """Drain the decoder and close the ladder."""
        self.take(None)
        self._ladder.close()
