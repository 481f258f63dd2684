"""Settings of the H.264 encoder: capped CRF, keyframes only on request.

The settings were measured; see `benchmarks/ladder.py`.
"""

from fractions import Fraction

from av.codec.context import Flags
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc
from av.video.stream import VideoStream

from streamtime.hls.ladder import PlannedRung
from streamtime.media.colours import Matrix
from streamtime.media.normalize import PIXEL_FORMAT

PRESET = "superfast"
TUNING = "trellis=1:mbtree=1:rc-lookahead=10:weightp=1:subme=2:me=hex:aq-strength=0.7"
"""Restores the preset's most worthwhile options; compared by `benchmarks/quality.py`."""

PARAMETERS = f"keyint=infinite:scenecut=0:open-gop=0:{TUNING}"
"""Keyframes come only from the grid, and GOPs are closed."""

MAX_REORDERED = 2
"""Maximum reordering of packets: B-frames that are used as references."""

_FINEST_TICK = 1_000_000
_DEFAULT_TICK = Fraction(1, 90_000)


def options(rung: PlannedRung, *, reorders: bool = True) -> dict[str, str]:
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


def make_stream(
    container: OutputContainer, rung: PlannedRung, tick: Fraction, *, threads: int, reorders: bool
) -> VideoStream:
    """Add the encoder's stream to an output."""
    stream = container.add_stream("libx264", rate=rung.fps, options=options(rung, reorders=reorders), time_base=tick)
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
