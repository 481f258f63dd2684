"""The ladder: which pictures a video is encoded to, as data. It knows sizes and bit rates, nothing of encoders.

The rates are ceilings: below them one constant quality (capped CRF) decides, so easy pictures cost less. They lie
near the H.264 table of Apple's HLS authoring specification (section 1, "average bit rates").

Which rungs of a ladder pay for a title, told from what one rendition of it is known to cost.

A rung is worth its room and its encoding where it saves a viewer at least a fifth of the bits of the next larger one,
the sound counted. What a rung will cost is guessed from the known one: bits grow with pictures' size, here to the power
of 3/4; where the known one stayed below a quarter of its ceiling (slides, a screen, drawings) most bits are edges,
which grow more slowly. These numbers are rules of thumb, not measurements. A ceiling is never exceeded.

How much memory an encode takes, told before it begins: pure, from the sizes of its pictures.

Memory goes with pictures held: those that the decoder keeps and that wait in queues, and for each rung those that wait
before its encoder, those the encoder looks ahead at and those it refers to, some of them in several forms. The numbers
were measured on real children (`benchmarks/memory.py` measures them again, docs/measurements.md has the table).

What a ladder will cost on disk, told before any of it is made: pure, from length, sizes and settings.

A guess by nature: one quality decides, so easy pictures cost less and hard ones up to the ceiling. The share of the
ceiling that a usual picture takes is an estimate, not measured on many films.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

FULL_FPS = Fraction(60)
"""No rung has more frames a second than this."""

SMALL_FPS = Fraction(30)
"""Rungs with fewer than 720 lines have at most this many: half the work, and small screens do not show it."""


@dataclass(frozen=True)
class Rung:
    """One step as configured. `height` is the picture's short side in lines; the rate is a ceiling."""

    height: int
    max_bitrate_bps: int
    max_fps: Fraction = FULL_FPS
    crf: int = 23


@dataclass(frozen=True)
class PlannedRung:
    """One step for one video: even width and height in square pixels, ready for an encoder."""

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
        """Frames a second; the source's own rate, or half, a third ... of it where that is too high."""
        return Fraction(self.fps_num, self.fps_den)

    @property
    def short_side(self) -> int:
        """What the rung is named and judged by: the lines of a landscape picture, the width of a portrait one."""
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

_MIN_SAVING = 0.8
"""A rung that would save less than a fifth of the bits of the one above it is not worth its room."""

_FAST = Fraction(35)
"""Ceilings are for up to 30 frames a second; from here on half as much again is allowed."""


def plan_ladder(
    width: int,
    height: int,
    fps: Fraction,
    *,
    copied_height: int | None = None,
    rungs: Iterable[Rung] = DEFAULT_RUNGS,
) -> tuple[PlannedRung, ...]:
    """Choose the rungs for a picture of `width` x `height` as shown (upright, square pixels), largest first.

    Nothing is scaled up. Given `copied_height`, the short side of a rendition copied from the source, only the
    smaller rungs are planned, which may be none. Otherwise there is always one: a picture smaller than every
    rung gets its own, even, size.

    Raises:
        ValueError: if the picture has no size.
    """
    short = min(width, height)
    if short <= 0:
        raise ValueError(f"a picture of {width}x{height} cannot be planned")
    ceiling = min(short, copied_height - 1) if copied_height else short
    fitting = sorted((r for r in rungs if r.height <= ceiling), key=lambda r: -r.height)
    if not fitting and not copied_height:
        smallest = min(rungs, key=lambda r: r.height)
        fitting = [Rung(short, smallest.max_bitrate_bps, smallest.max_fps, smallest.crf)]
    return tuple(_planned(rung, width, height, fps) for rung in _drop_similar_rungs(fitting))


def choose_first_rung(plan: tuple[PlannedRung, ...], *, lines: int = 480) -> PlannedRung:
    """Tell which rung to make first when nothing can be copied: the largest with at most `lines`, or the smallest.

    Raises:
        ValueError: if the plan is empty.
    """
    if not plan:
        raise ValueError("an empty ladder has no first rung")
    return next((rung for rung in plan if rung.short_side <= lines), plan[-1])


def reduced_fps(fps: Fraction, most: Fraction) -> Fraction:
    """Divide `fps` by the least whole number that brings it to `most`, with a per mille of grace (30000/1001 x 2)."""
    if fps <= 0:
        return min(most, Fraction(25))
    divisor = -(-fps // (most * Fraction(1001, 1000)))
    return fps / max(1, divisor)


def _drop_similar_rungs(rungs: list[Rung]) -> list[Rung]:
    kept: list[Rung] = []
    for rung in rungs:
        if not kept or rung.max_bitrate_bps <= kept[-1].max_bitrate_bps * _MIN_SAVING:
            kept.append(rung)
    return kept


def _planned(rung: Rung, width: int, height: int, fps: Fraction) -> PlannedRung:
    scale = Fraction(rung.height, min(width, height))
    rate = reduced_fps(fps, rung.max_fps)
    maxrate = rung.max_bitrate_bps * 3 // 2 if rate > _FAST else rung.max_bitrate_bps
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


MIN_SAVING = 0.8
"""A rung costs at most this share of the one above it."""

_POWER, _POWER_OF_EASY = 0.75, 0.5
_EASY = 0.25


@dataclass(frozen=True)
class ReferenceRendition:
    """What one rendition really costs: its picture's pixels, bits a second on average, and the ceiling it had."""

    name: str
    pixels: int
    average_bps: int
    ceiling_bps: int | None


@dataclass(frozen=True)
class PrunedRung:
    """A rung that is not made, with its expected rate and that of the rung above that it would save too little of."""

    rung: PlannedRung
    expected_bps: int
    above: str
    above_bps: int


def prune_ladder(plan: Sequence[PlannedRung], known: ReferenceRendition) -> tuple[list[PlannedRung], list[PrunedRung]]:
    """Divide a plan, largest rung first, into what is made and what is not. The known rendition stands in its place.

    The largest rung is always made: it is there for its quality.
    """
    easy = known.ceiling_bps is not None and known.average_bps < known.ceiling_bps * _EASY
    power = _POWER_OF_EASY if easy else _POWER
    kept: list[PlannedRung] = []
    dropped: list[PrunedRung] = []
    above: tuple[str, int] | None = None
    for name, pixels, rung in _in_order(plan, known):
        bps = known.average_bps
        if rung is not None:
            bps = min(rung.maxrate_bps, round(known.average_bps * (pixels / known.pixels) ** power))
            if above is not None and bps + AUDIO_BPS > (above[1] + AUDIO_BPS) * MIN_SAVING:
                dropped.append(PrunedRung(rung, bps, *above))
                continue
            kept.append(rung)
        above = (name, bps)
    return kept, dropped


def _in_order(plan: Sequence[PlannedRung], known: ReferenceRendition) -> list[tuple[str, int, PlannedRung | None]]:
    rungs: list[tuple[str, int, PlannedRung | None]] = [
        (rung.name, rung.width * rung.height, rung) for rung in plan if rung.name != known.name
    ]
    return sorted([*rungs, (known.name, known.pixels, None)], key=lambda one: -one[1])


AUDIO_BPS = 128_000
"""The sound that is encoded beside the picture."""

TYPICAL_SHARE = 0.6
"""Of its ceiling, what a rung takes for a picture that is neither easy nor hard."""

_OVERHEAD = 1.01
"""Boxes around the samples: well under a hundredth, in segments of four seconds."""

_SHRINKS_BY = 0.75
"""Half the pixels need more than half the bits: bits go with pixels to this power."""

EFFICIENT_CODECS = frozenset({"hevc", "av1", "vp9"})
_MODERN_GAIN = 1.6
"""H.264 needs about so many times the bits of these for the same picture."""


def rung_bps(ceiling_bps: int) -> int:
    """The bit rate to expect of a rung when nothing is known but its ceiling."""
    return round(ceiling_bps * TYPICAL_SHARE)


def planned_bps(rung: PlannedRung, width: int, height: int, source_bps: int | None, codec: str) -> int:
    """The bit rate to expect of a rung of a source that has been looked at.

    An encode at the same quality does not get much richer than its source, which `source_bps` bits a second describe.
    """
    usual = rung_bps(rung.maxrate_bps)
    if not source_bps or width <= 0 or height <= 0:
        return usual
    shrunk = math.pow(rung.width * rung.height / (width * height), _SHRINKS_BY)
    gain = _MODERN_GAIN if codec in EFFICIENT_CODECS else 1.0
    return min(usual, round(source_bps * gain * min(1.0, shrunk)))


def track_bytes(bps: float, duration_s: float) -> int:
    """What a track of that rate and length takes."""
    return round(bps / 8 * duration_s * _OVERHEAD)


def typical_rates(rungs: Iterable[Rung]) -> list[tuple[int, int, int]]:
    """For each rung its height, its ceiling and the bit rate to expect: what a browser needs to guess by itself."""
    return [(rung.height, rung.max_bitrate_bps, rung_bps(rung.max_bitrate_bps)) for rung in rungs]


MIB = 2**20

BASE_BYTES = 64 * MIB
"""A child that has loaded everything and opened its source."""

SOURCE_PICTURES = 13
"""Pictures of the source at once: references of the decoder, its threads, the first queue."""

LOOKAHEAD_PICTURES = 10
"""How far the encoder looks ahead (x264's `rc-lookahead` at the preset that `media/x264.py` names)."""

RUNG_PICTURES = 39
"""Pictures of a rung beside the lookahead: queue, references with their half-way planes, encoder threads."""

_LOOKAHEAD_SHARE = 1.7
"""A picture that is looked ahead at is kept whole and in a small form, with its costs."""

_RUNG_BYTES = 11 * MIB
"""What each encoder, its muxer and its thread take whatever the size."""

_BYTES_A_PIXEL = 1.5
"""8-bit 4:2:0; a source of more bits takes twice that."""


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """The picture as it is stored."""

    width: int
    height: int
    bit_depth: int = 8


def encode_memory_bytes(
    source: SourcePicture, rungs: Iterable[PlannedRung], *, lookahead: int = LOOKAHEAD_PICTURES
) -> int:
    """The memory that a child takes at most that makes these rungs in one decode."""
    depth = 1 if source.bit_depth <= 8 else 2  # noqa: PLR2004  (bits in a byte)
    decoder = SOURCE_PICTURES * source.width * source.height * _BYTES_A_PIXEL * depth
    pictures = RUNG_PICTURES + _LOOKAHEAD_SHARE * lookahead
    encoders = sum(pictures * rung.width * rung.height * _BYTES_A_PIXEL + _RUNG_BYTES for rung in rungs)
    return round(BASE_BYTES + decoder + encoders)
