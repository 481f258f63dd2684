"""Reads from EXIF which way up a camera was held, and nothing else of all that it tells (CIPA DC-008, TIFF 6.0).

It is our own, for PyAV 18 cannot show what comes beside a frame once EXIF is part of it.
"""

import struct

from streamtime.media.picture_facts import Orientation

_ORIENTATION = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12
_TURNS = {
    2: Orientation(0, mirrored=True),
    3: Orientation(180),
    4: Orientation(180, mirrored=True),
    5: Orientation(270, mirrored=True),
    6: Orientation(90),
    7: Orientation(90, mirrored=True),
    8: Orientation(270),
}
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def orientation_in(exif: bytes) -> Orientation:
    """Tell how the stored picture becomes upright; what cannot be read is upright already."""
    order = _ORDERS.get(exif[:4])
    if order is None:
        return Orientation()
    try:
        return _TURNS.get(_orientation(exif, order), Orientation())
    except struct.error:  # it points to where nothing is
        return Orientation()


def _orientation(exif: bytes, order: str) -> int:
    """The value in the first directory; 1, which is upright, where it has none."""
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for number in range(count):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + number * _ENTRY_BYTES)
        if (tag, kind) == (_ORIENTATION, _SHORT):
            return int(value)
    return 1
