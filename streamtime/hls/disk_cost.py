"""What a ladder will cost on disk, told before any of it is made: pure, from length, sizes and settings.

A guess by nature: one quality decides, so easy pictures cost less and hard ones up to the ceiling. The share of the
ceiling that a usual picture takes is an estimate, not measured on many films.
"""

import math
from collections.abc import Iterable

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
