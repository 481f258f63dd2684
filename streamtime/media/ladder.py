"""Encodes all rungs in one decode: a cascade of threads, each with a scaler and an encoder.

Each rung scales the frame of the next larger one and passes its own on before it encodes, so that all encode in
parallel. The first rung also normalizes frames and decides, for all rungs, which are keyframes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from streamtime.hls.segment_index import Grid
from streamtime.media import x264
from streamtime.media.channel import Reporter
from streamtime.media.normalize import FrameNormalizer, Scaler
from streamtime.media.pipeline_threads import PipelineStage, ThreadPipeline
from streamtime.media.rendition_writer import OutputTarget, RenditionWriter
from streamtime.media.resume import ResumedDecodeTimes, check_first, exact_ticks
from streamtime.media.video_stream import Orientation
from streamtime.workers.protocol import EncodeVideo, RenditionStarted

_QUEUE_FRAMES = 4
_LONG_STILL_S = 1
_MIN_HELD_S = Fraction(1, 50)
"""A first frame that is late by no more than this is late because of rounding."""

MAX_GAP_S = 3600
"""A longer gap is a broken timestamp: frames continue as if they had none."""

_NEVER, _MICRO = 1 << 62, 1_000_000
_LARGEST_THREADS, _OTHER_THREADS = 2, 1


class LadderFrame(NamedTuple):
    """One upright frame on its way down the cascade. Only the rung that made `frame` may change it."""

    frame: VideoFrame
    pts: int
    duration: int
    key: bool


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


class FrameRateLimiter:
    """Drops frames for rungs with a lower frame rate than the source; keyframes are always kept."""

    def __init__(self, fps: Fraction, source_fps: Fraction, tick: Fraction) -> None:
        self._step = None if fps >= source_fps else 1 / (fps * tick)
        self._due = Fraction(0)

    def accepts(self, item: LadderFrame) -> bool:
        """Return whether to encode this frame."""
        if self._step is None:
            return True
        # Half a source frame of tolerance, for rounded timestamps.
        if not item.key and item.pts < self._due - self._step / 8:
            return False
        self._due = (self._due if not item.key else item.pts) + self._step
        if self._due < item.pts:
            self._due = item.pts + self._step
        return True


@dataclass(frozen=True, slots=True)
class RungSource:
    """The frames that the rungs get: their tick, how many a second, and whether the encoder may reorder them."""

    tick: Fraction
    fps: Fraction
    reorders: bool


class RungEncoder:
    """One rung: scales the frame of the rung above, passes it on, encodes and writes it."""

    def __init__(
        self,
        pipeline: ThreadPipeline,
        order: EncodeVideo,
        target: OutputTarget,
        source: RungSource,
        *,
        threads: int,
        below: "RungEncoder | None",
    ) -> None:
        rung, tick, source_fps, reorders = order.rung, source.tick, source.fps, source.reorders
        self._below = below
        self._start = exact_ticks(order.resume.starts_s, tick) if order.resume else 0
        self._scaler = Scaler(rung.width, rung.height)
        self._rate_limiter = FrameRateLimiter(rung.fps, source_fps, tick)
        self._tick = tick
        self._least_duration = round(1 / (rung.fps * tick)) if rung.fps < source_fps else 0
        self._last = self.ends = 0  # start of the last encoded frame, and end of the source's last frame
        self._tagged = False
        self._streams: list[VideoStream] = []
        self._writer = RenditionWriter(
            target,
            lambda container: self._keep_stream(
                x264.make_stream(container, rung, tick, threads=threads, reorders=reorders)
            ),
            fragment_options={},
            describe=lambda codecs, init_length, timescale: _describe(order, codecs, init_length, timescale),
            resume=order.resume,
        )
        self._stream = self._streams[0]
        self._resumed_dts = ResumedDecodeTimes(x264.MAX_REORDERED if reorders else 0) if order.resume else None
        self.stage: PipelineStage[LadderFrame] = PipelineStage(
            pipeline, f"rung {rung.name}", self.take, self.finish, depth=_QUEUE_FRAMES
        )

    @property
    def end_s(self) -> float:
        """End of the rung, in seconds."""
        return self._writer.end_s

    def take(self, item: LadderFrame) -> None:
        """Encode one frame and pass it on."""
        if not self._rate_limiter.accepts(item):
            return
        self._last = item.pts
        frame = self._scaler(item.frame)
        frame.pts, frame.time_base = item.pts, self._tick
        frame.duration = max(item.duration, self._least_duration)
        frame.pict_type = PictureType.I if item.key else PictureType.NONE
        if self._below is not None:
            self._below.stage.put(LadderFrame(frame, item.pts, item.duration, item.key))
        if self._resumed_dts is not None:
            if item.pts < self._start:
                self._resumed_dts.add_skipped(item.pts)
                return
            self._resumed_dts.add_encoded(item.pts)
        self._encode(frame)

    def finish(self) -> None:
        """Drain the encoder and close the output."""
        if self._below is not None:
            self._below.stage.close()
        if self._tagged:
            self._encode(None)
        self._writer.finish(last_duration=max(1, self.ends - self._last))

    def _keep_stream(self, stream: VideoStream) -> VideoStream:
        self._streams.append(stream)
        return stream

    def _encode(self, frame: VideoFrame | None) -> None:
        if not self._tagged and frame is not None:
            x264.tag_colours(self._stream)
            self._tagged = True
        for packet in self._stream.encode(frame):
            if self._resumed_dts is not None:
                packet.dts = self._resumed_dts.next()
            self._writer.mux(packet)


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
        tick, source_fps = x264.time_base(source.tick), source.fps
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
            pipeline, "normalize", self._take, self._finish, depth=_QUEUE_FRAMES
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


def _describe(order: EncodeVideo, codecs: str, init_length: int, timescale: int) -> RenditionStarted:
    r = order.rung
    return RenditionStarted(order.output, codecs, init_length, timescale, r.width, r.height, r.fps_num, r.fps_den)
