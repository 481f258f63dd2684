"""The bitrate ladder: planning and pruning rungs, and estimates of their disk and memory use. Pure values.

Bit rates are ceilings: below them, capped CRF sets the rate, so simple content costs less. The defaults are close to
the H.264 table of Apple's HLS authoring specification (section 1, "average bit rates").

A rung is kept if it saves at least a fifth of the bits of the next larger one, audio included. Its rate is estimated
from a finished rendition: bits grow with the pixel count to the power of 3/4, or 1/2 if the known rendition stayed
below a quarter of its ceiling (slides, screen recordings, drawings). These factors, and the typical share of a ceiling,
are rules of thumb, not measurements.

Memory grows with the number of frames in flight: decoder references, queues, and for each rung its encoder's lookahead
and references. These numbers were measured on real workers (`benchmarks/memory.py`, docs/measurements.md).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

FULL_FPS = Fraction(60)
"""Maximum frame rate of any rung."""

SMALL_FPS = Fraction(30)
"""Maximum frame rate of rungs below 720 lines: half the work, and invisible on small screens."""

DEFAULT_CRF = 23
"""Constant rate factor of x264, the encoder's own default."""


@dataclass(frozen=True)
class Rung:
    """A configured rung. `height` is the frame's short side in lines; the bit rate is a ceiling."""

    height: int
    max_bitrate_bps: int
    max_fps: Fraction = FULL_FPS
    crf: int = DEFAULT_CRF


@dataclass(frozen=True)
class PlannedRung:
    """A rung planned for one video: even width and height in square pixels, ready for an encoder."""

    name: str
    width: int
    height: int
    fps_num: int
    fps_den: int
    maxrate_bps: int
    bufsize_bits: int
    crf: int

    @property
    def fps(self) -> Fraction:
        """Frames per second; the source's rate, or a half, a third ... of it if that is too high."""
        return Fraction(self.fps_num, self.fps_den)

    @property
    def short_side(self) -> int:
        """The side that names the rung: the height of a landscape video, the width of a portrait one."""
        return min(self.width, self.height)


DEFAULT_RUNGS = (
    Rung(2160, 16_000_000),
    Rung(1440, 9_000_000),
    Rung(1080, 5_500_000),
    Rung(720, 3_000_000),
    Rung(480, 1_400_000, SMALL_FPS),
    Rung(360, 800_000, SMALL_FPS),
    Rung(240, 400_000, SMALL_FPS),
)

MAX_COST_RATIO = 0.8
"""A rung may cost at most this share of the one above it."""

_HIGH_FPS = Fraction(35)
"""Ceilings apply up to 30 frames per second; from this rate on, half as much again is allowed."""


def plan_ladder(
    width: int,
    height: int,
    fps: Fraction,
    *,
    copied_height: int | None = None,
    rungs: Iterable[Rung] = DEFAULT_RUNGS,
) -> tuple[PlannedRung, ...]:
    """Choose the rungs for a video with a display size of `width` x `height`, largest first.

    Video is never scaled up. With `copied_height`, the short side of a rendition copied from the source, only smaller
    rungs are planned, possibly none. Otherwise there is always at least one: a video smaller than every rung gets its
    own size, rounded to even numbers.

    Raises:
        ValueError: if width or height is not positive.
    """
    short = min(width, height)
    if short <= 0:
        raise ValueError(f"a picture of {width}x{height} cannot be planned")
    ceiling = min(short, copied_height - 1) if copied_height else short
    fitting = sorted((r for r in rungs if r.height <= ceiling), key=lambda r: -r.height)
    if not fitting and not copied_height:
        smallest = min(rungs, key=lambda r: r.height)
        fitting = [Rung(short, smallest.max_bitrate_bps, smallest.max_fps, smallest.crf)]
    return tuple(_plan_rung(rung, width, height, fps) for rung in _drop_similar_rungs(fitting))


def choose_first_rung(plan: tuple[PlannedRung, ...], *, lines: int = 480) -> PlannedRung:
    """Choose the rung to encode first if nothing can be copied: the largest up to `lines`, or the smallest.

    Raises:
        ValueError: if the plan is empty.
    """
    if not plan:
        raise ValueError("an empty ladder has no first rung")
    return next((rung for rung in plan if rung.short_side <= lines), plan[-1])


def reduced_fps(fps: Fraction, max_fps: Fraction) -> Fraction:
    """Divide `fps` by the smallest integer that brings it to `max_fps`, with 0.1 % tolerance (30000/1001 x 2)."""
    if fps <= 0:
        return min(max_fps, Fraction(25))
    divisor = -(-fps // (max_fps * Fraction(1001, 1000)))
    return fps / max(1, divisor)


def _drop_similar_rungs(rungs: list[Rung]) -> list[Rung]:
    kept: list[Rung] = []
    for rung in rungs:
        if not kept or rung.max_bitrate_bps <= kept[-1].max_bitrate_bps * MAX_COST_RATIO:
            kept.append(rung)
    return kept


def _plan_rung(rung: Rung, width: int, height: int, fps: Fraction) -> PlannedRung:
    scale = Fraction(rung.height, min(width, height))
    rate = reduced_fps(fps, rung.max_fps)
    maxrate = rung.max_bitrate_bps * 3 // 2 if rate > _HIGH_FPS else rung.max_bitrate_bps
    return PlannedRung(
        name=f"{_even(rung.height)}p",
        width=_even(width * scale),
        height=_even(height * scale),
        fps_num=rate.numerator,
        fps_den=rate.denominator,
        maxrate_bps=maxrate,
        bufsize_bits=maxrate * 2,
        crf=rung.crf,
    )


def _even(size: Fraction | int) -> int:
    return max(2, 2 * round(Fraction(size) / 2)) if Fraction(size).denominator > 1 else max(2, int(size) // 2 * 2)


_EXPONENT, _LOW_RATE_EXPONENT = 0.75, 0.5
_LOW_RATE_SHARE = 0.25


@dataclass(frozen=True)
class ReferenceRendition:
    """The measured cost of one rendition: pixels of its frame, average bit rate, and its ceiling."""

    name: str
    pixels: int
    average_bps: int
    ceiling_bps: int | None


@dataclass(frozen=True)
class PrunedRung:
    """A rung that is not encoded: its expected rate is too close to that of the rung above it."""

    rung: PlannedRung
    expected_bps: int
    above: str
    above_bps: int


def prune_ladder(
    plan: Sequence[PlannedRung], reference: ReferenceRendition
) -> tuple[list[PlannedRung], list[PrunedRung]]:
    """Split a plan, largest rung first, into rungs to encode and rungs to skip, by the cost of a known rendition.

    The largest rung is always encoded.
    """
    is_low_rate = reference.ceiling_bps is not None and reference.average_bps < reference.ceiling_bps * _LOW_RATE_SHARE
    exponent = _LOW_RATE_EXPONENT if is_low_rate else _EXPONENT
    kept: list[PlannedRung] = []
    dropped: list[PrunedRung] = []
    above: tuple[str, int] | None = None
    for name, pixels, rung in _by_size(plan, reference):
        bps = reference.average_bps
        if rung is not None:
            bps = min(rung.maxrate_bps, round(reference.average_bps * (pixels / reference.pixels) ** exponent))
            if above is not None and bps + AUDIO_BPS > (above[1] + AUDIO_BPS) * MAX_COST_RATIO:
                dropped.append(PrunedRung(rung, bps, *above))
                continue
            kept.append(rung)
        above = (name, bps)
    return kept, dropped


def _by_size(plan: Sequence[PlannedRung], reference: ReferenceRendition) -> list[tuple[str, int, PlannedRung | None]]:
    rungs: list[tuple[str, int, PlannedRung | None]] = [
        (rung.name, rung.width * rung.height, rung) for rung in plan if rung.name != reference.name
    ]
    return sorted([*rungs, (reference.name, reference.pixels, None)], key=lambda one: -one[1])


AUDIO_BPS = 128_000
"""Bit rate of the encoded audio track."""

TYPICAL_SHARE = 0.6
"""Typical share of its ceiling that a rung uses."""

_OVERHEAD = 1.01
"""Container overhead: well under 1 % with segments of four seconds."""

_RATE_EXPONENT = 0.75
"""Exponent by which bits follow the pixel count: half the pixels need more than half the bits."""

EFFICIENT_CODECS = frozenset({"hevc", "av1", "vp9"})
_EFFICIENCY_GAIN = 1.6
"""H.264 needs about this many times the bits of these codecs for the same quality."""


def rung_bps(ceiling_bps: int) -> int:
    """Return the expected bit rate of a rung if only its ceiling is known."""
    return round(ceiling_bps * TYPICAL_SHARE)


def planned_bps(rung: PlannedRung, width: int, height: int, source_bps: int | None, codec: str) -> int:
    """Return the expected bit rate of a rung for a probed source.

    An encode at the same quality does not exceed the rate of its source, `source_bps` bits per second.
    """
    typical = rung_bps(rung.maxrate_bps)
    if not source_bps or width <= 0 or height <= 0:
        return typical
    size_ratio = math.pow(rung.width * rung.height / (width * height), _RATE_EXPONENT)
    gain = _EFFICIENCY_GAIN if codec in EFFICIENT_CODECS else 1.0
    return min(typical, round(source_bps * gain * min(1.0, size_ratio)))


def track_bytes(bps: float, duration_s: float) -> int:
    """Return the size of a track with this bit rate and duration."""
    return round(bps / 8 * duration_s * _OVERHEAD)


def typical_rates(rungs: Iterable[Rung]) -> list[tuple[int, int, int]]:
    """Return height, ceiling and expected bit rate of each rung, for the estimate in the browser."""
    return [(rung.height, rung.max_bitrate_bps, rung_bps(rung.max_bitrate_bps)) for rung in rungs]


MIB = 2**20

BASE_BYTES = 64 * MIB
"""A worker with all modules loaded and its source open."""

SOURCE_FRAMES = 13
"""Source frames in memory: decoder references, decoder threads, the first queue."""

LOOKAHEAD_FRAMES = 10
"""Frames of encoder lookahead (x264's `rc-lookahead` at the preset of `media/rung_encoder.py`)."""

RUNG_FRAMES = 39
"""Frames of a rung besides the lookahead: queue, references with their half-pel planes, encoder threads."""

_LOOKAHEAD_SHARE = 1.7
"""A lookahead frame is stored in full and in a small form, with its costs."""

_RUNG_BYTES = 11 * MIB
"""Memory of an encoder, its muxer and its thread, independent of the size."""

_BYTES_PER_PIXEL = 1.5
"""8-bit 4:2:0; deeper sources use twice as much."""


@dataclass(frozen=True, slots=True)
class SourceSize:
    """The stored size of the source's frames."""

    width: int
    height: int
    bit_depth: int = 8


def encode_memory_bytes(source: SourceSize, rungs: Iterable[PlannedRung], *, lookahead: int = LOOKAHEAD_FRAMES) -> int:
    """Return the maximum memory of a worker that encodes these rungs in one decode."""
    depth = 1 if source.bit_depth <= 8 else 2  # noqa: PLR2004  (bits in a byte)
    decoder = SOURCE_FRAMES * source.width * source.height * _BYTES_PER_PIXEL * depth
    frames = RUNG_FRAMES + _LOOKAHEAD_SHARE * lookahead
    encoders = sum(frames * rung.width * rung.height * _BYTES_PER_PIXEL + _RUNG_BYTES for rung in rungs)
    return round(BASE_BYTES + decoder + encoders)
