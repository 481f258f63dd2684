"""How much memory an encode takes, told before it begins: pure, from the sizes of its pictures.

Memory goes with pictures held: those that the decoder keeps and that wait in queues, and for each rung those that wait
before its encoder, those the encoder looks ahead at and those it refers to, some of them in several forms. The numbers
were measured on real children (`benchmarks/memory.py` measures them again, docs/measurements.md has the table).

What a ladder will cost on disk, told before any of it is made: pure, from length, sizes and settings.

A guess by nature: one quality decides, so easy pictures cost less and hard ones up to the ceiling. The share of the
ceiling that a usual picture takes is an estimate, not measured on many films.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from streamtime.hls.ladder import PlannedRung, Rung

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
