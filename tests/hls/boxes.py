"""Reads init and media segments box by box (ISO/IEC 14496-12), without FFmpeg or the code under test."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.hls.findings import Findings

_HEAD = struct.Struct(">I4s")
_NON_SYNC = 0x10000
_IDR = 5
_SLICES = range(1, 6)


@dataclass(frozen=True, slots=True)
class Init:
    """The track of an init segment. `shift` is the start according to its edit list, in ticks."""

    handler: str
    timescale: int
    codecs: str
    width: int
    height: int
    nal_length_bytes: int
    duration: int
    size: int
    flags: int
    shift: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: times in ticks, `at` its byte offset in the segment."""

    decode: int
    duration: int
    shown: int
    sync: bool
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    at: int
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes from `start` on.

    Raises:
        ValueError: their sizes do not add up.
    """
    position = start
    while position < end:
        if position + 8 > end:
            raise ValueError("a box is cut off")
        size, kind = _HEAD.unpack_from(data, position)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
            head = 16
        if size < head or position + size > end:
            raise ValueError(f"the box {kind.decode(errors='replace')} is longer than what it lies in")
        yield Box(kind, position, position + head, position + size)
        position += size


def find(data: bytes, path: str, start: int = 0, end: int | None = None) -> list[Box]:
    """All boxes at a path such as `moov/trak/mdia`."""
    first, _, rest = path.partition("/")
    found = [box for box in boxes(data, start, len(data) if end is None else end) if box.kind == first.encode()]
    return found if not rest else [deep for box in found for deep in find(data, rest, box.start, box.end)]


def read_init(data: bytes) -> Init:
    """Read an init segment.

    Raises:
        ValueError: it is invalid, or does not have exactly one track.
    """
    if [box.kind for box in boxes(data, 0, len(data))][:2] != [b"ftyp", b"moov"]:
        raise ValueError("it is not ftyp, then moov")
    (track,) = _only(data, "moov/trak", "track")
    (mdhd,) = _only(data, "mdia/mdhd", "mdhd", track)
    (hdlr,) = _only(data, "mdia/hdlr", "hdlr", track)
    (stsd,) = _only(data, "mdia/minf/stbl/stsd", "stsd", track)
    (trex,) = _only(data, "moov/mvex/trex", "trex")
    (timescale,) = struct.unpack_from(">I", data, mdhd.start + (20 if data[mdhd.start] == 1 else 12))
    _track, _entry, duration, size, flags = struct.unpack_from(">IIIII", data, trex.start + 4)
    (entry,) = boxes(data, stsd.start + 8, stsd.end)
    codecs, width, height, nal = _entry_facts(data, entry)
    handler = data[hdlr.start + 8 : hdlr.start + 12].decode()
    return Init(handler, timescale, codecs, width, height, nal, duration, size, flags, _shift(data, track))


def _only(data: bytes, path: str, name: str, inside: Box | None = None) -> list[Box]:
    found = find(data, path, inside.start, inside.end) if inside else find(data, path)
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} boxes {name}")
    return found


def _shift(data: bytes, track: Box) -> int:
    """The media time of the last non-empty edit; 0 without an edit list."""
    shift = 0
    for elst in find(data, "edts/elst", track.start, track.end):
        wide = data[elst.start] == 1
        (count,) = struct.unpack_from(">I", data, elst.start + 4)
        for number in range(count):
            at = elst.start + 8 + number * (20 if wide else 12)
            (time,) = struct.unpack_from(">q" if wide else ">i", data, at + (8 if wide else 4))
            shift = max(shift, time)
    return shift


def _entry_facts(data: bytes, entry: Box) -> tuple[str, int, int, int]:
    if entry.kind in {b"avc1", b"avc3"}:
        width, height = struct.unpack_from(">HH", data, entry.start + 24)
        (avcc,) = [box for box in boxes(data, entry.start + 78, entry.end) if box.kind == b"avcC"]
        _version, profile, constraints, level, lengths = struct.unpack_from(">5B", data, avcc.start)
        sps = data[avcc.start + 8 : avcc.start + 12]
        if sps[1:4] != bytes((profile, constraints, level)):
            raise ValueError("avcC and the parameter set in it do not agree")
        return f"avc1.{profile:02x}{constraints:02x}{level:02x}", width, height, (lengths & 3) + 1
    if entry.kind == b"mp4a":
        (esds,) = [box for box in boxes(data, entry.start + 28, entry.end) if box.kind == b"esds"]
        return f"mp4a.40.{_object_type(data[esds.start + 4 : esds.end])}", 0, 0, 0
    raise ValueError(f"its codec is {entry.kind.decode(errors='replace')}")


def _object_type(descriptors: bytes) -> int:
    """The AAC object type: the first five bits of the decoder specific info, tag 5 within 4 within 3."""
    position = 0
    while True:
        tag = descriptors[position]
        position += 1
        while descriptors[position] & 0x80:
            position += 1
        position += 1
        if tag == 5:
            return descriptors[position] >> 3
        position += {3: 3, 4: 13}[tag]


def read_segment(data: bytes, init: Init, where: str, findings: Findings) -> list[Sample]:
    """All samples of a media segment, in decode order.

    Raises:
        ValueError: it cannot be read.
    """
    samples: list[Sample] = []
    found = list(boxes(data, 0, len(data)))
    kinds = [box.kind for box in found if box.kind not in {b"styp", b"sidx", b"prft", b"emsg"}]
    if not kinds or kinds != [b"moof", b"mdat"] * (len(kinds) // 2):
        raise ValueError(f"it is not moof and mdat in turns but {b' '.join(kinds).decode(errors='replace')}")
    for moof, mdat in pairwise(found):
        if moof.kind == b"moof":
            part = _fragment(data, moof, init)
            inside = all(mdat.start <= sample.at and sample.at + sample.size <= mdat.end for sample in part)
            findings.want(inside, where, "samples lie outside the mdat")
            samples += part
    return samples


def _fragment(data: bytes, moof: Box, init: Init) -> list[Sample]:
    (traf,) = find(data, "traf", moof.start, moof.end)
    (tfhd,) = find(data, "tfhd", traf.start, traf.end)
    (tfdt,) = find(data, "tfdt", traf.start, traf.end)
    (decode,) = struct.unpack_from(">Q" if data[tfdt.start] == 1 else ">I", data, tfdt.start + 4)
    flags = int.from_bytes(data[tfhd.start + 1 : tfhd.start + 4])
    if flags & 0x1 or not flags & 0x20000:
        raise ValueError("offsets do not begin at the moof")
    position = tfhd.start + 8 + (4 if flags & 0x2 else 0)
    given = [init.duration, init.size, init.flags]
    for source, bit in enumerate((0x8, 0x10, 0x20)):
        if flags & bit:
            (given[source],) = struct.unpack_from(">I", data, position)
            position += 4
    samples: list[Sample] = []
    for trun in find(data, "trun", traf.start, traf.end):
        samples += _run(data, moof, trun, decode, given, init.shift)
        decode = samples[-1].decode + samples[-1].duration if samples else decode
    return samples


def _run(data: bytes, moof: Box, trun: Box, decode: int, given: list[int], shift: int) -> list[Sample]:
    flags = int.from_bytes(data[trun.start + 1 : trun.start + 4])
    count, offset = struct.unpack_from(">Ii", data, trun.start + 4)
    position, at = trun.start + 12, moof.at + offset
    first_flags = given[2]
    if flags & 0x4:
        (first_flags,) = struct.unpack_from(">I", data, position)
        position += 4
    samples: list[Sample] = []
    for number in range(count):
        values = [given[0], given[1], first_flags if number == 0 else given[2], 0]
        for source, bit in enumerate((0x100, 0x200, 0x400, 0x800)):
            if flags & bit:
                signed = source == 3 and data[trun.start] == 1
                (values[source],) = struct.unpack_from(">i" if signed else ">I", data, position)
                position += 4
        duration, size, sample_flags, composition = values
        samples.append(Sample(decode, duration, decode + composition - shift, not sample_flags & _NON_SYNC, at, size))
        decode += duration
        at += size
    return samples


def is_idr(data: bytes, sample: Sample, nal_length_bytes: int) -> bool:
    """Whether an H.264 sample really is a keyframe: its first slice is an IDR slice."""
    position = sample.at
    while position + nal_length_bytes < sample.at + sample.size:
        length = int.from_bytes(data[position : position + nal_length_bytes])
        kind = data[position + nal_length_bytes] & 0x1F
        if kind in _SLICES:
            return kind == _IDR
        position += nal_length_bytes + length
    return False
