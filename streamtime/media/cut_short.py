"""Tells whether a file says of itself that it was longer: an upload or a recording that broke off.

It reads the heads of containers; reading on to the end does not always notice. A broadcast (MPEG-TS, MPEG-PS) never
says how long it is, and FLV and MXF do not say it at their head.
"""

import os
import struct

TELLS_LENGTH = {"mp4", "matroska", "avi", "asf", "ogg"}
"""Kinds of containers that are found out when their end is missing."""

_RIFF = struct.Struct("<4sI4s")
_EBML, _SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"moof"}
_BOX = struct.Struct(">I4sQ")
_LEAST_BOX_BYTES = 8
_MOST_BOXES = 100_000
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_LENGTH = struct.Struct("<Q")
_ASF_LENGTH_AT = 16 + 8 + 16
_OGG_PAGE = b"OggS"
_OGG_FLAGS_AT, _OGG_LAST = 5, 4
_LARGEST_OGG_PAGE_BYTES = 66 << 10
_HEAD_BYTES = 64 << 10


def is_cut_short(descriptor: int) -> bool:
    """Tell whether the file's end is missing; False as well where nothing can be told."""
    length = os.fstat(descriptor).st_size
    head = os.pread(descriptor, _HEAD_BYTES, 0)
    if head.startswith(b"RIFF") and len(head) >= _RIFF.size:
        return length < int(_RIFF.unpack_from(head)[1])
    if head.startswith(_ASF_HEADER):
        return length < _asf_length(head)
    if head.startswith(_EBML):
        return length < _matroska_length(head)
    if head[4:8] in _MP4_BOXES:
        return length < _mp4_length(descriptor, length)
    if head.startswith(_OGG_PAGE):
        return not _ogg_ends(os.pread(descriptor, _LARGEST_OGG_PAGE_BYTES, max(0, length - _LARGEST_OGG_PAGE_BYTES)))
    return False


def _matroska_length(head: bytes) -> int:
    """Read where the one segment ends: 0 while it is being recorded."""
    size, begins = _ebml_number(head, len(_EBML))
    begins += size or 0
    if head[begins : begins + len(_SEGMENT)] != _SEGMENT:
        return 0
    size, begins = _ebml_number(head, begins + len(_SEGMENT))
    return begins + size if size is not None else 0


def _ebml_number(data: bytes, at: int) -> tuple[int | None, int]:
    """Read a length, and where it ends; None where all its bits are set, for nobody knew it."""
    first = data[at] if at < len(data) else 0
    width = 9 - first.bit_length()
    whole = int.from_bytes(data[at : at + width], "big") & ~(1 << (7 * width))
    return None if not first or whole == (1 << (7 * width)) - 1 else whole, at + width


def _mp4_length(descriptor: int, length: int) -> int:
    """Add up the boxes, up to the first that reaches over the end."""
    at = 0
    for _ in range(_MOST_BOXES):
        head = os.pread(descriptor, _BOX.size, at)
        if len(head) < _BOX.size:
            break
        short, kind, long = _BOX.unpack(head)
        size: int = long if short == 1 else short
        if size < _LEAST_BOX_BYTES:
            break
        at += size
        if at > length:
            return at if kind in _MP4_BOXES else 0
    return 0


def _asf_length(head: bytes) -> int:
    """Read how long the file says it is: 0 while it is being recorded."""
    found = head.find(_ASF_FILE)
    if found < 0 or len(head) < found + _ASF_LENGTH_AT + _ASF_LENGTH.size:
        return 0
    length: int = _ASF_LENGTH.unpack_from(head, found + _ASF_LENGTH_AT)[0]
    return length


def _ogg_ends(tail: bytes) -> bool:
    last = tail.rfind(_OGG_PAGE)
    return last >= 0 and len(tail) > last + _OGG_FLAGS_AT and bool(tail[last + _OGG_FLAGS_AT] & _OGG_LAST)
