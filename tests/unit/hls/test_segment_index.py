"""The segment index: encoding, lookup and byte ranges."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.hls.playlists import has_iframes
from streamtime.hls.segment_index import GrowingIndex, Segment, SegmentIndex

NUMBERS = st.integers(0, 2**40)
PARTS = st.lists(st.integers(0, 3), max_size=40).map(sorted)


@st.composite
def indices(draw: st.DrawFn) -> SegmentIndex:
    segments = tuple(
        Segment(
            part, draw(NUMBERS), draw(st.integers(0, 2**32)), draw(st.integers(0, 2**33)), draw(st.integers(0, 2**25))
        )
        for part in draw(PARTS)
    )
    return SegmentIndex(draw(st.integers(1, 2**32 - 1)), draw(NUMBERS), segments)


@given(indices())
def test_a_blob_gives_back_the_same_index(index: SegmentIndex) -> None:
    assert SegmentIndex.from_blob(index.to_blob()) == index


def test_a_blob_of_before_keyframes_were_noted_is_still_read() -> None:
    # Two segments of 500 and 600 bytes after an init segment of 700, as schema 0001 wrote them.
    head = struct.pack(">4sIIQ", b"SIX1", 1000, 2, 700)
    body = head + bytes([0, 0xF4, 0x03, 0xA0, 0x1F, 0, 0xD8, 0x04, 0xD0, 0x0F])
    index = SegmentIndex.from_blob(body + struct.pack(">I", zlib.crc32(body)))
    assert index == SegmentIndex(1000, 700, (Segment(0, 700, 500, 4000), Segment(0, 1200, 600, 2000)))
    assert not has_iframes(index)


@given(indices(), st.data())
def test_a_damaged_blob_is_noticed(index: SegmentIndex, data: st.DataObject) -> None:
    blob = bytearray(index.to_blob())
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="segment index"):
        SegmentIndex.from_blob(bytes(blob))


@given(st.binary(max_size=200))
def test_other_bytes_are_no_index(blob: bytes) -> None:
    with pytest.raises(ValueError, match="segment index"):
        SegmentIndex.from_blob(blob)


def test_a_long_film_takes_little_room() -> None:
    growing = GrowingIndex(12_800, 800)
    for number in range(1800):
        growing.append_next(length=1_500_000 + number, duration=51_200, keyframe_length=90_000 + number)
    assert len(growing.snapshot().to_blob()) < 1800 * 11


def test_a_growing_index_lays_segments_end_to_end() -> None:
    growing = GrowingIndex(1000, 700)
    assert growing.append_next(length=50, duration=4000) == Segment(0, 700, 50, 4000)
    before = growing.snapshot()
    assert growing.append_next(length=60, duration=3000) == Segment(0, 750, 60, 3000)
    assert len(before.segments) == 1
    whole = growing.snapshot()
    assert (len(growing), whole.duration_ms, whole.bytes_total, whole.longest_s) == (2, 7000, 810, 4.0)


def test_peak_and_average_are_bits_a_second() -> None:
    index = SegmentIndex(1000, 0, (Segment(0, 0, 500, 4000), Segment(0, 500, 1000, 4000), Segment(0, 1500, 250, 1000)))
    assert index.peak_bps == 2000
    assert index.average_bps == -(-1750 * 8 // 9)


def test_the_peak_of_short_segments_is_taken_over_several() -> None:
    # RFC 8216 section 4.1: runs of segments between half and one and a half target durations.
    index = SegmentIndex(1, 0, (Segment(0, 0, 1000, 4), Segment(0, 1000, 900, 1), Segment(0, 1900, 900, 4)))
    assert index.peak_bps == -(-1900 * 8 // 5)


def test_the_peak_holds_for_a_target_above_the_longest_segment() -> None:
    # With a target of 5 s the run of both counts, whose rate is above that of the first segment alone.
    index = SegmentIndex(1000, 0, (Segment(0, 0, 1000, 4270), Segment(0, 1000, 900, 1840)))
    assert index.peak_bps == -(-1900 * 8 * 1000 // 6110)


def test_an_empty_index_has_no_rates() -> None:
    index = SegmentIndex(1000, 0, ())
    assert (index.peak_bps, index.average_bps, index.duration_ms) == (0, 0, 0)
