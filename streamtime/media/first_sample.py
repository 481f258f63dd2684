"""Where the first sample of a fragment ends, read from the fragment's `moof` box (ISO/IEC 14496-12, section 8.8).

It knows the boxes of one track; a player that only wants keyframes loads a segment up to there.
"""

import struct
from collections.abc import Iterator

_BOX = struct.Struct(">I4s")
_FLAGS = struct.Struct(">I")
_SIZE = struct.Struct(">I")
_OFFSET = struct.Struct(">i")

_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION, _TFHD_DURATION, _TFHD_SIZE = 0x1, 0x2, 0x8, 0x10
_TRUN_OFFSET, _TRUN_FIRST_FLAGS, _TRUN_DURATION, _TRUN_SIZE = 0x1, 0x4, 0x100, 0x200


def first_sample_end(moof: bytes) -> int:
    """Tell how far the first sample reaches, counted from the first byte of the `moof` box.

    Raises:
        ValueError: if the box does not say where its first sample is.
    """
    default_size: int | None = None
    for kind, body in _boxes(moof, _BOX.size):
        if kind == b"traf":
            for inner, data in _boxes(body, 0):
                if inner == b"tfhd":
                    default_size = _default_size(data)
                elif inner == b"trun":
                    return _first_end(data, default_size)
    raise ValueError("a fragment without samples")


def _boxes(data: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    while position + _BOX.size <= len(data):
        size, kind = _BOX.unpack_from(data, position)
        if size < _BOX.size:
            raise ValueError("a box without an end")
        yield kind, data[position + _BOX.size : position + size]
        position += size


def _default_size(tfhd: bytes) -> int | None:
    flags = _flags(tfhd)
    if not flags & _TFHD_SIZE:
        return None
    position = 8  # flags and the track's number
    position += 8 * bool(flags & _TFHD_BASE_OFFSET)
    position += 4 * bool(flags & _TFHD_DESCRIPTION) + 4 * bool(flags & _TFHD_DURATION)
    return int(_SIZE.unpack_from(tfhd, position)[0])


def _first_end(trun: bytes, default_size: int | None) -> int:
    flags = _flags(trun)
    position = 8  # flags and the number of samples
    if not flags & _TRUN_OFFSET:
        raise ValueError("a fragment that does not say where its samples are")
    (start,) = _OFFSET.unpack_from(trun, position)
    position += 4 + 4 * bool(flags & _TRUN_FIRST_FLAGS) + 4 * bool(flags & _TRUN_DURATION)
    size = _SIZE.unpack_from(trun, position)[0] if flags & _TRUN_SIZE else default_size
    if size is None:
        raise ValueError("a fragment that does not say how long its samples are")
    return int(start + size)


def _flags(body: bytes) -> int:
    return int(_FLAGS.unpack_from(body)[0]) & 0xFFFFFF
