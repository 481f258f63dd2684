"""The memory of an encode: near what was measured on real children, and told from sizes alone."""

from fractions import Fraction

import pytest

from streamtime.hls.ladder import SourceSize, encode_memory_bytes, plan_ladder

MB = 10**6
MEASURED = [
    # benchmarks/memory.py: the most that a real child had in memory, for sources of 25 frames a second.
    (SourceSize(1280, 720), None, 239 * MB),
    (SourceSize(1280, 720), (720,), 158 * MB),
    (SourceSize(1280, 720), (480,), 115 * MB),
    (SourceSize(1920, 1080), None, 445 * MB),
    (SourceSize(1920, 1080), (1080,), 281 * MB),
    (SourceSize(1920, 1080), (480,), 140 * MB),
    (SourceSize(1920, 1080), (720, 480, 360, 240), 264 * MB),
    (SourceSize(1920, 1080, 10), None, 508 * MB),
    (SourceSize(1920, 1080, 10), (1080,), 350 * MB),
    (SourceSize(1920, 1080, 10), (480,), 193 * MB),
    (SourceSize(3840, 2160), None, 1543 * MB),
]


@pytest.mark.parametrize(("source", "heights", "measured"), MEASURED)
def test_the_estimate_is_near_what_was_measured(
    source: SourceSize, heights: tuple[int, ...] | None, measured: int
) -> None:
    plan = plan_ladder(source.width, source.height, Fraction(25))
    rungs = [rung for rung in plan if heights is None or rung.short_side in heights]
    assert measured * 0.95 <= encode_memory_bytes(source, rungs) <= measured * 1.25


def test_more_rungs_deeper_colours_and_a_longer_lookahead_take_more() -> None:
    plan = plan_ladder(3840, 2160, Fraction(25))
    plain = encode_memory_bytes(SourceSize(3840, 2160), plan)
    assert encode_memory_bytes(SourceSize(3840, 2160), plan[1:]) < plain
    assert encode_memory_bytes(SourceSize(3840, 2160, 10), plan) > plain
    assert encode_memory_bytes(SourceSize(3840, 2160), plan, lookahead=40) > plain
