"""How a video track ends: decode times and durations of its last packets."""

from fractions import Fraction
from itertools import pairwise

import pytest
from av.packet import Packet

from streamtime.media.source import AnyPacket
from streamtime.media.timestamps import TailBuffer

STEP = 20
REORDERED = (0, 4, 2, 1, 3)
"""In which order a group of five is decoded, as an encoder with three B-frames does."""


def packets(shown: list[int]) -> list[AnyPacket]:
    """The pictures of these times, in groups of five that are reordered, decoded with a delay of two."""
    order = [first + at for first in range(0, len(shown), 5) for at in REORDERED if first + at < len(shown)]
    made: list[AnyPacket] = []
    for place, number in enumerate(order):
        packet = Packet(8)
        packet.pts = shown[number]
        packet.dts = shown[place - 2] if place >= 2 else shown[0] - (2 - place) * STEP
        packet.duration = STEP
        packet.time_base = Fraction(1, 1000)
        made.append(packet)
    return made


@pytest.mark.parametrize("gap_at", [5, 12, 50, 97])
def test_a_picture_beside_a_gap_does_not_wait_as_long_as_the_gap(gap_at: int) -> None:
    gap = 8000
    shown = [number * STEP + gap * (number >= gap_at) for number in range(100)]
    tail = TailBuffer()
    written = [ready for packet in packets(shown) if (ready := tail.take(packet))]
    end = tail.finish(STEP, None)
    written += tail.held
    assert [packet.pts for packet in written] == [packet.pts for packet in packets(shown)]
    times = [(packet.dts or 0, packet.pts or 0) for packet in written]
    assert all(before < after for (before, _), (after, _) in pairwise(times))
    assert all(dts <= pts for dts, pts in times)
    reaches = [pts + after - dts for (dts, pts), (after, _) in pairwise(times)]
    assert max(reaches) <= end
    before_gap = [reach for reach, (_, pts) in zip(reaches, times, strict=False) if pts < shown[gap_at]]
    assert max(before_gap) <= shown[gap_at] + 4 * STEP


def test_even_pictures_keep_their_decode_times() -> None:
    shown = [number * STEP for number in range(100)]
    tail = TailBuffer()
    written = [ready for packet in packets(shown) if (ready := tail.take(packet))]
    assert [packet.dts for packet in written] == [packet.dts for packet in packets(shown)[: len(written)]]


@pytest.mark.parametrize("count", range(2, 12))
@pytest.mark.parametrize("claimed", [1, STEP, 3 * STEP])
@pytest.mark.parametrize("last_duration", [1, STEP // 2, STEP])
def test_nothing_reaches_beyond_the_end_however_long_packets_claim_to_last(
    count: int, claimed: int, last_duration: int
) -> None:
    tail = TailBuffer()
    for packet in packets([number * STEP for number in range(count)]):
        packet.duration = claimed
        tail.take(packet)
    end = tail.finish(last_duration, None)
    assert end == (count - 1) * STEP + last_duration
    reaches = [(one.pts or 0) + (after.dts or 0) - (one.dts or 0) for one, after in pairwise(tail.held)]
    assert max(*reaches, (tail.held[-1].pts or 0) + (tail.held[-1].duration or 0)) == end
