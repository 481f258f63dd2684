"""Tells whether a file says of itself that it was longer: an upload or a recording that broke off.

It reads the heads of containers that play on happily without their end; MP4 and Matroska notice by themselves, and a
broadcast (MPEG-TS, MPEG-PS) never says how long it is.
"""

import os
import struct

_RIFF = struct.Struct("<4sI4s")
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
    if head.startswith(_OGG_PAGE):
        return not _ogg_ends(os.pread(descriptor, _LARGEST_OGG_PAGE_BYTES, max(0, length - _LARGEST_OGG_PAGE_BYTES)))
    return False


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
