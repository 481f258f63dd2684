"""Finds the chunks of a file, for each container, to corrupt them.

Every parser accepts any bytes, and yields the chunks that it recognises.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

BOXES_WITH_BOXES = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"moof", b"traf", b"mvex"}
)
EBML_MASTERS = frozenset(
    {0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1F43B675, 0xA0, 0x1C53BB6B, 0xBB, 0x1549A966, 0x114D9B74}
)
ASF_HEADER = 24


class Piece(NamedTuple):
    """A chunk of a file: `begin` to `end`, with its content from `content` on.

    The `width` bytes at `field` are its length, `little` endian or not; width 0 if it has none.
    """

    begin: int
    content: int
    end: int
    field: int
    width: int
    little: bool = False


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[Piece]:
    """MP4, MOV: boxes, and those inside container boxes."""
    end = len(data) if end is None else end
    while begin + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, begin)
        content = begin + 8
        if size == 1 and begin + 16 <= end:
            (size,), content = struct.unpack_from(">Q", data, content), begin + 16
        stop = min(begin + size, end) if size >= content - begin else end
        yield Piece(begin, content, stop, begin, 4)
        if kind in BOXES_WITH_BOXES:
            yield from boxes(data, content, stop)
        if kind == b"mdat":
            yield from counted_units(data, content, stop)
        begin = stop


def counted_units(data: bytes, begin: int, end: int) -> Iterator[Piece]:
    """H.264 and HEVC in MP4 and Matroska: four bytes of length, then a unit; found by pattern."""
    while begin + 5 <= end:
        (length,) = struct.unpack_from(">I", data, begin)
        if not 0 < length <= end - begin - 4:
            return
        yield Piece(begin, begin + 4, begin + 4 + length, begin, 4)
        begin += 4 + length


def elements(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Matroska, WebM: elements, and those inside master elements."""
    end = len(data) if end is None else end
    while begin + 2 <= end and data[begin]:
        name_width = 9 - data[begin].bit_length()
        field = begin + name_width
        if field >= end or not data[field]:
            return
        width = 9 - data[field].bit_length()
        content = field + width
        size = int.from_bytes(data[field:content]) & ((1 << 7 * width) - 1)
        stop = min(content + size, end)
        yield Piece(begin, content, stop, field, width)
        if int.from_bytes(data[begin:field]) in EBML_MASTERS:
            yield from elements(data, content, stop)
        begin = stop


def packets(data: bytes) -> Iterator[Piece]:
    """MPEG-TS, with or without the four bytes before each packet in M2TS; one field is a length."""
    size, head = (188, 0) if data[:1] == b"\x47" else (192, 4)
    for begin in range(0, len(data) - size + 1, size):
        yield Piece(begin, begin + head + 4, begin + size, begin + head + 4, 1)


def start_codes(data: bytes) -> Iterator[Piece]:
    """MPEG-PS, and anything else with start codes 00 00 01; in some the next two bytes are a length."""
    begin = data.find(b"\0\0\1")
    while begin >= 0:
        following = data.find(b"\0\0\1", begin + 4)
        end = following if following >= 0 else len(data)
        yield Piece(begin, min(begin + 6, end), end, begin + 4, 2)
        begin = following


def chunks(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[Piece]:
    """AVI: chunks, and what is inside lists."""
    end = len(data) if end is None else end
    while begin + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, begin)
        stop = min(begin + 8 + size + size % 2, end)
        yield Piece(begin, begin + 8, stop, begin + 4, 4, little=True)
        if kind in {b"RIFF", b"LIST"}:
            yield from chunks(data, begin + 12, stop)
        begin = stop


def tags(data: bytes) -> Iterator[Piece]:
    """FLV: tags."""
    begin = 13
    while begin + 11 <= len(data):
        end = min(begin + 15 + int.from_bytes(data[begin + 1 : begin + 4]), len(data))
        yield Piece(begin, begin + 11, end, begin + 1, 3)
        begin = end


def objects(data: bytes) -> Iterator[Piece]:
    """ASF: objects, and those inside the first."""
    begin, top = 0, len(data)
    while begin + ASF_HEADER <= top:
        (size,) = struct.unpack_from("<Q", data, begin + 16)
        end = min(begin + max(size, ASF_HEADER), top)
        yield Piece(begin, begin + ASF_HEADER, end, begin + 16, 8, little=True)
        begin = begin + ASF_HEADER + 6 if begin == 0 else end


def pages(data: bytes) -> Iterator[Piece]:
    """Ogg: pages; the field is the number of lengths that follow it."""
    begin = data.find(b"OggS")
    while begin >= 0:
        following = data.find(b"OggS", begin + 4)
        end = following if following >= 0 else len(data)
        yield Piece(begin, min(begin + 27, end), end, begin + 26, 1)
        begin = following


def keyed(data: bytes) -> Iterator[Piece]:
    """MXF: a key of 16 bytes, a length, a value."""
    begin = 0
    while begin + 17 <= len(data):
        first = data[begin + 16]
        width = 1 + (first & 0x7F if first & 0x80 else 0)
        content = begin + 16 + width
        size = int.from_bytes(data[begin + 17 : content]) if width > 1 else first
        end = min(content + size, len(data))
        yield Piece(begin, content, end, begin + 17 if width > 1 else begin + 16, max(1, width - 1))
        begin = end


PARSERS: dict[str, Callable[[bytes], Iterator[Piece]]] = {
    ".mp4": boxes,
    ".mov": boxes,
    ".mkv": elements,
    ".webm": elements,
    ".ts": packets,
    ".m2ts": packets,
    ".mpg": start_codes,
    ".avi": chunks,
    ".flv": tags,
    ".wmv": objects,
    ".ogv": pages,
    ".mxf": keyed,
}
"""Parsers by file name suffix."""
