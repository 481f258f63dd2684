"""Decodes frames from a finished rendition: its init segment plus any one segment form a small file of their own.

No index has to be read, so a frame in the middle costs as little as one at the beginning. Renditions are upright, in
square pixels and BT.709. `first_sample_end` reads from a fragment's `moof` box (ISO/IEC 14496-12, section 8.8) how much
of a segment a player needs for its keyframe.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from itertools import groupby

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame

from streamtime.hls.storyboard import FrameLocation
from streamtime.media.source import MAX_PIXELS
from streamtime.media.video_stream import prepare_decoder

_BOX = struct.Struct(">I4s")
_FLAGS = struct.Struct(">I")
_SIZE = struct.Struct(">I")
_OFFSET = struct.Struct(">i")

_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION, _TFHD_DURATION, _TFHD_SIZE = 0x1, 0x2, 0x8, 0x10
_TRUN_OFFSET, _TRUN_FIRST_FLAGS, _TRUN_DURATION, _TRUN_SIZE = 0x1, 0x4, 0x100, 0x200


def first_sample_end(moof: bytes) -> int:
    """Return the end of the first sample, counted from the first byte of the `moof` box.

    Raises:
        ValueError: if the box does not locate its first sample.
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
    position = 8  # flags and track ID
    position += 8 * bool(flags & _TFHD_BASE_OFFSET)
    position += 4 * bool(flags & _TFHD_DESCRIPTION) + 4 * bool(flags & _TFHD_DURATION)
    return int(_SIZE.unpack_from(tfhd, position)[0])


def _first_end(trun: bytes, default_size: int | None) -> int:
    flags = _flags(trun)
    position = 8  # flags and sample count
    if not flags & _TRUN_OFFSET:
        raise ValueError("the fragment does not locate its samples")
    (start,) = _OFFSET.unpack_from(trun, position)
    position += 4 + 4 * bool(flags & _TRUN_FIRST_FLAGS) + 4 * bool(flags & _TRUN_DURATION)
    size = _SIZE.unpack_from(trun, position)[0] if flags & _TRUN_SIZE else default_size
    if size is None:
        raise ValueError("the fragment has no sample sizes")
    return int(start + size)


def _flags(body: bytes) -> int:
    return int(_FLAGS.unpack_from(body)[0]) & 0xFFFFFF


_MAX_INIT_BYTES = 1 << 20
_BUFFER_BYTES = 64 << 10


class FragmentReader:
    """Opens single segments of one rendition."""

    def __init__(self, descriptor: int, init_length: int) -> None:
        if not 0 < init_length <= _MAX_INIT_BYTES:
            raise ValueError("no init segment has that length")
        self._descriptor = descriptor
        self._init = os.pread(descriptor, init_length, 0)

    def frames_at(self, locations: Sequence[FrameLocation]) -> Iterator[VideoFrame | None]:
        """Yield the frame at each location, in ascending order of time; None if it cannot be decoded."""
        for (offset, length), group in groupby(locations, key=lambda location: (location.offset, location.length)):
            yield from self._decode_at(offset, length, [location.at_ms / 1000 for location in group])

    def frames(self, offset: int, length: int, *, threads: int = 1) -> Iterator[VideoFrame]:
        """Yield all frames of a segment, or of a part of it, until decoding fails."""
        try:
            with self._open(offset, length) as container:
                stream = container.streams.video[0]
                prepare_decoder(stream, threads=threads)
                yield from container.decode(stream)
        except av.error.FFmpegError:
            # The frames before the damage are used.
            return

    def _decode_at(self, offset: int, length: int, times_s: list[float]) -> Iterator[VideoFrame | None]:
        wanted = iter(times_s)
        at_s = next(wanted, None)
        shown: VideoFrame | None = None
        for frame in self.frames(offset, length):
            while at_s is not None and shown is not None and (frame.time or 0.0) > at_s:
                yield shown
                at_s = next(wanted, None)
            if at_s is None:
                return
            shown = frame
        while at_s is not None:
            yield shown
            at_s = next(wanted, None)

    def _open(self, offset: int, length: int) -> InputContainer:
        return av.open(
            _InitAndSegment(self._init, self._descriptor, offset, length),
            "r",
            format="mp4",
            options={"max_pixels": str(MAX_PIXELS)},
            container_options={"protocol_whitelist": "none", "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2"},
            buffer_size=_BUFFER_BYTES,
        )


class _InitAndSegment:
    """A file object: the init segment, then `length` bytes of the rendition from `offset`."""

    def __init__(self, init: bytes, descriptor: int, offset: int, length: int) -> None:
        self._init = init
        self._descriptor = descriptor
        self._offset = offset
        self._length = len(init) + length
        self._position = 0

    def read(self, length: int) -> bytes:
        """Return the next bytes; empty at the end."""
        at = self._position
        if at < len(self._init):
            data = self._init[at : at + length]
        else:
            wanted = min(length, self._length - at)
            data = os.pread(self._descriptor, wanted, self._offset + at - len(self._init)) if wanted > 0 else b""
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position
