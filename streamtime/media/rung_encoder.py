"""Encodes one rung with x264: capped CRF, keyframes only on request.

Each rung is a thread. It scales the frame of the next larger rung and passes its own on before it encodes. The
settings of the encoder were measured; see `benchmarks/ladder.py`.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc
from av.video.stream import VideoStream

from streamtime.hls.ladder import PlannedRung
from streamtime.media.colours import Matrix
from streamtime.media.normalize import PIXEL_FORMAT, Scaler
from streamtime.media.pipeline_threads import PipelineStage, ThreadPipeline
from streamtime.media.rendition_writer import OutputTarget, RenditionWriter
from streamtime.media.resume import ResumedDecodeTimes, exact_ticks
from streamtime.workers.protocol import EncodeVideo, RenditionStarted

QUEUE_FRAMES = 4
"""Frames that wait for a thread."""

PRESET = "superfast"
TUNING = "trellis=1:mbtree=1:rc-lookahead=10:weightp=1:subme=2:me=hex:aq-strength=0.7"
"""Restores the preset's most worthwhile options; compared by `benchmarks/quality.py`."""

PARAMETERS = f"keyint=infinite:scenecut=0:open-gop=0:{TUNING}"
"""Keyframes come only from the grid, and GOPs are closed."""

MAX_REORDERED = 2
"""Maximum reordering of packets: B-frames that are used as references."""

_FINEST_TICK = 1_000_000
_DEFAULT_TICK = Fraction(1, 90_000)


def x264_options(rung: PlannedRung, *, reorders: bool = True) -> dict[str, str]:
    """Return the encoder's options for one rung.

    Without `reorders`, frames are decoded in presentation order: with seconds between frames, decode times would
    otherwise be seconds too early, and hls.js places a segment by its first decode time.
    """
    return {
        "preset": PRESET,
        "profile": "high",
        "crf": str(rung.crf),
        "maxrate": str(rung.maxrate_bps),
        "bufsize": str(rung.bufsize_bits),
        "forced-idr": "1",
        "x264-params": PARAMETERS if reorders else f"{PARAMETERS}:bframes=0",
    }


def time_base(source_tick: Fraction | None) -> Fraction:
    """Choose the encoder's time base: the source's own if possible, so that all renditions share exact times."""
    if source_tick is None or source_tick.numerator != 1 or source_tick.denominator > _FINEST_TICK:
        return _DEFAULT_TICK
    return source_tick


def _make_stream(
    container: OutputContainer, rung: PlannedRung, tick: Fraction, *, threads: int, reorders: bool
) -> VideoStream:
    """Add the encoder's stream to an output."""
    stream = container.add_stream(
        "libx264", rate=rung.fps, options=x264_options(rung, reorders=reorders), time_base=tick
    )
    stream.width, stream.height, stream.pix_fmt = rung.width, rung.height, PIXEL_FORMAT
    context = stream.codec_context
    context.time_base = tick
    context.thread_count = threads
    # Without it packets have no duration, and the last frame would have none.
    context.flags |= Flags.frame_duration
    return stream


def tag_colours(stream: VideoStream) -> None:
    """Tag the stream as BT.709 limited range; before the encoder opens."""
    context = stream.codec_context
    context.colorspace = Matrix.BT709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.color_range = ColorRange.MPEG


class LadderFrame(NamedTuple):
    """One upright frame on its way down the cascade. Only the rung that made `frame` may change it."""

    frame: VideoFrame
    pts: int
    duration: int
    key: bool


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
                _make_stream(container, rung, tick, threads=threads, reorders=reorders)
            ),
            fragment_options={},
            describe=lambda codecs, init_length, timescale: _describe(order, codecs, init_length, timescale),
            resume=order.resume,
        )
        self._stream = self._streams[0]
        self._resumed_dts = ResumedDecodeTimes(MAX_REORDERED if reorders else 0) if order.resume else None
        self.stage: PipelineStage[LadderFrame] = PipelineStage(
            pipeline, f"rung {rung.name}", self.take, self.finish, depth=QUEUE_FRAMES
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
            tag_colours(self._stream)
            self._tagged = True
        for packet in self._stream.encode(frame):
            if self._resumed_dts is not None:
                packet.dts = self._resumed_dts.next()
            self._writer.mux(packet)


def _describe(order: EncodeVideo, codecs: str, init_length: int, timescale: int) -> RenditionStarted:
    r = order.rung
    return RenditionStarted(order.output, codecs, init_length, timescale, r.width, r.height, r.fps_num, r.fps_den)
