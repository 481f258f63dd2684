"""The segment index of a rendition, and the grid at which all renditions of a video are cut.

An index has the byte ranges and durations of the init segment and the segments, numbered from 0. Renditions of one
video share their cuts, so that a player can switch at every segment: a copied rendition dictates them, otherwise there
is one every four seconds.
"""

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

_MAGIC = b"SIX2"
_MAGIC_WITHOUT_KEYFRAMES = b"SIX1"
"""The old format without keyframe lengths, still read."""
_HEAD = struct.Struct(">4sIIQ")
_CHECK = struct.Struct(">I")
EMPTY_INDEX_BYTES = _HEAD.size + _CHECK.size
"""Length of a packed index without segments."""

_MS = 1000
_BITS = 8
_MAX_VARINT_BYTES = 10
_SEVEN_BITS = 0x7F
_MAX_TARGET_FACTOR = 2
"""A playlist's target duration is at most this many times its longest segment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One media segment: `length` bytes at `offset` of part `part`; `duration` in the index's timescale.

    Its first `keyframe_length` bytes can be decoded to its first frame; 0 if that is unknown.
    """

    part: int
    offset: int
    length: int
    duration: int
    keyframe_length: int = 0


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """All segments of one rendition. The init segment is the first `init_length` bytes of part 0."""

    timescale: int
    init_length: int
    segments: tuple[Segment, ...]

    @property
    def duration_ms(self) -> int:
        """Length of the rendition in milliseconds, rounded."""
        return round(sum(s.duration for s in self.segments) * _MS / self.timescale)

    @property
    def plays(self) -> bool:
        """Whether the rendition is playable: an init segment, and no segment without bytes or duration."""
        lasting = all(s.length > 0 and s.duration > 0 for s in self.segments)
        return bool(self.segments) and lasting and self.init_length > 0 and self.timescale > 0

    @property
    def bytes_total(self) -> int:
        """Bytes of the init segment and all segments."""
        return self.init_length + sum(s.length for s in self.segments)

    @property
    def longest_s(self) -> float:
        """Duration of the longest segment in seconds; 0 without segments."""
        return max((s.duration for s in self.segments), default=0) / self.timescale

    @property
    def peak_bps(self) -> int:
        """Peak segment bit rate (RFC 8216 section 4.1), bits per second; 0 without segments.

        It is the largest bit rate of any run of whole segments that lasts between 0.5 and 1.5 target durations. The
        playlist's target may be up to twice the longest segment; BANDWIDTH is not below the peak for any of these.
        """
        return _peak_bps(self.segments, self.timescale)

    @property
    def average_bps(self) -> int:
        """Average segment bit rate (RFC 8216 section 4.1), bits per second; 0 without segments."""
        duration = sum(s.duration for s in self.segments)
        return _rate(sum(s.length for s in self.segments), duration, self.timescale) if duration else 0

    def to_blob(self) -> bytes:
        """Pack into a few bytes per segment, with a version and a checksum."""
        head = _HEAD.pack(_MAGIC, self.timescale, len(self.segments), self.init_length)
        body = bytearray()
        expected = (0, self.init_length)
        for s in self.segments:
            step = s.part - expected[0]
            body += _varint(step << 1 | (0 if (s.part, s.offset) == expected else 1))
            if (s.part, s.offset) != expected:
                body += _varint(s.offset)
            body += _varint(s.length) + _varint(s.duration) + _varint(s.keyframe_length)
            expected = (s.part, s.offset + s.length)
        return _with_checksum(head + bytes(body))

    @classmethod
    def from_blob(cls, blob: bytes) -> "SegmentIndex":
        """Unpack the result of `to_blob`.

        Raises:
            ValueError: if the bytes are of another version, truncated or corrupt.
        """
        data = _check_and_strip(blob)
        magic, timescale, count, init_length = _HEAD.unpack_from(data)
        numbers = _VarintReader(data, _HEAD.size)
        segments: list[Segment] = []
        expected = (0, init_length)
        for _ in range(count):
            flags = numbers.read()
            part = expected[0] + (flags >> 1)
            offset = numbers.read() if flags & 1 else expected[1]
            length, duration = numbers.read(), numbers.read()
            segments.append(Segment(part, offset, length, duration, numbers.read() if magic == _MAGIC else 0))
            expected = (part, offset + segments[-1].length)
        return cls(timescale, init_length, tuple(segments))


@dataclass(slots=True)
class GrowingIndex:
    """The index of a rendition that is still written: appending is cheap, a snapshot is a `SegmentIndex`."""

    timescale: int
    init_length: int
    _segments: list[Segment] = field(default_factory=list)
    _end: int = -1

    @classmethod
    def after(cls, index: SegmentIndex) -> "GrowingIndex":
        """Continue an existing index."""
        growing = cls(index.timescale, index.init_length)
        for segment in index.segments:
            growing.append(segment)
        return growing

    def append(self, segment: Segment) -> None:
        """Add the next segment."""
        self._segments.append(segment)
        self._end = segment.offset + segment.length

    def append_next(self, *, length: int, duration: int, keyframe_length: int = 0) -> Segment:
        """Add a segment that follows the last one, or the init segment, without a gap, and return it."""
        offset = self._end if self._segments else self.init_length
        part = self._segments[-1].part if self._segments else 0
        segment = Segment(part, offset, length, duration, keyframe_length)
        self.append(segment)
        return segment

    def __len__(self) -> int:
        return len(self._segments)

    def snapshot(self) -> SegmentIndex:
        """Return the current index."""
        return SegmentIndex(self.timescale, self.init_length, tuple(self._segments))


def _rate(length_bytes: int, duration: int, timescale: int) -> int:
    return -(-length_bytes * _BITS * timescale // duration)


def _peak_bps(segments: tuple[Segment, ...], timescale: int) -> int:
    counted = [s for s in segments if s.duration > 0]
    if not counted:
        return 0
    target = max(1, round(max(s.duration for s in counted) / timescale)) * timescale
    ends = _cumulative(s.duration for s in counted), _cumulative(s.length for s in counted)
    best = 0
    for first in range(len(counted)):
        last = first + 1
        while last <= len(counted) and ends[0][last] - ends[0][first] <= target * 1.5 * _MAX_TARGET_FACTOR:
            duration = ends[0][last] - ends[0][first]
            if duration >= target * 0.5:
                best = max(best, _rate(ends[1][last] - ends[1][first], duration, timescale))
            last += 1
    return best or max(_rate(s.length, s.duration, timescale) for s in counted)


def _cumulative(values: Iterable[int]) -> list[int]:
    totals = [0]
    for value in values:
        totals.append(totals[-1] + value)
    return totals


def _varint(number: int) -> bytes:
    if number < 0:
        raise ValueError("parts, offsets, lengths and durations are not negative, and parts do not go back")
    out = bytearray()
    while number > _SEVEN_BITS:
        out.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _with_checksum(data: bytes) -> bytes:
    return data + _CHECK.pack(zlib.crc32(data))


def _check_and_strip(blob: bytes) -> bytes:
    if len(blob) < _HEAD.size + _CHECK.size or blob[:4] not in {_MAGIC, _MAGIC_WITHOUT_KEYFRAMES}:
        raise ValueError("this is no segment index")
    data, checksum = blob[: -_CHECK.size], blob[-_CHECK.size :]
    if _CHECK.pack(zlib.crc32(data)) != checksum:
        raise ValueError("the segment index is damaged")
    return data


class _VarintReader:
    """Reads consecutive varints."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def read(self) -> int:
        number = 0
        for shift in range(_MAX_VARINT_BYTES):
            if self._position >= len(self._data):
                raise ValueError("the segment index is cut short")
            byte = self._data[self._position]
            self._position += 1
            number |= (byte & _SEVEN_BITS) << (7 * shift)
            if byte <= _SEVEN_BITS:
                return number
        raise ValueError("the segment index is damaged")


REGULAR_S = 4
"""Seconds between cuts if nothing is copied: a compromise between fast switching and few requests."""


@dataclass(frozen=True)
class Grid:
    """Segment starts on the video's timeline, in ticks of `1 / timescale` seconds.

    `starts` are exact and ascending from 0; after the last, cuts follow every `period` ticks, or never if that is 0.
    """

    timescale: int
    starts: tuple[int, ...] = (0,)
    period: int = 0

    def __post_init__(self) -> None:
        """Reject an invalid grid: it comes from a rendition's index, which may be corrupt."""
        ascending = all(a < b for a, b in zip(self.starts, self.starts[1:], strict=False))
        if self.timescale <= 0 or self.period < 0 or not self.starts or self.starts[0] != 0 or not ascending:
            raise ValueError("a grid starts at 0 and rises")

    @classmethod
    def regular(cls, period_s: int = REGULAR_S) -> "Grid":
        """Cuts at 0 and every `period_s` seconds after."""
        return cls(timescale=1, period=period_s)

    @classmethod
    def of_copy(cls, index: SegmentIndex) -> "Grid":
        """The cuts of the copied rendition, and no others."""
        starts = [0]
        for segment in index.segments[:-1]:
            starts.append(starts[-1] + segment.duration)
        return cls(index.timescale, tuple(starts), period=0)

    def next_after(self, time_s: Fraction) -> Fraction | None:
        """Return the first cut later than `time_s`, in seconds; None if there is none."""
        ticks = time_s * self.timescale
        position = bisect_right(self.starts, ticks)
        if position < len(self.starts):
            return Fraction(self.starts[position], self.timescale)
        if not self.period:
            return None
        last = self.starts[-1]
        steps = (ticks - last) // self.period + 1
        return Fraction(last + steps * self.period, self.timescale)
