"""How much memory an encode takes, told before it begins: pure, from the sizes of its pictures.

Memory goes with pictures held: those that the decoder keeps and that wait in queues, and for each rung those that wait
before its encoder, those the encoder looks ahead at and those it refers to, some of them in several forms. The numbers
were measured on real children (`benchmarks/memory.py` measures them again, docs/measurements.md has the table).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from streamtime.hls.ladder import PlannedRung

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
