"""Join a video and an audio rendition into one fragmented MP4 file without reading their samples (ISO/IEC 14496-12).

The renditions are fragmented MP4 files of one track each, with data offsets relative to their fragment, so fragments
can be placed anywhere. The joined file has a header with both tracks, a segment index (`sidx`) by which players seek,
and then the segments of both, in turn. Only the track id in the fragments of the audio changes. So the length and every
byte offset of the file are known in advance from the segment indexes.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

VIDEO_TRACK = 1
AUDIO_TRACK = 2

_BOX = struct.Struct(">I4s")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_LARGE = 1
"""A box size that says: the size follows in 64 bits."""

_CONTAINERS = frozenset({b"moov", b"trak", b"mvex", b"moof", b"traf", b"edts"})
_TRACK_ID_AT = {b"tkhd": (12, 20), b"trex": (4, 4), b"tfhd": (4, 4)}
"""Offset of the track id in the body of a box of version 0 and of version 1."""

_NEXT_TRACK_ID_FROM_END = 4
"""`next_track_ID` is the last field of `mvhd`."""

_MAX_REFERENCES = 65_535
_REFERENCE = struct.Struct(">III")
_STARTS_WITH_KEYFRAME = 0x90000000
"""starts_with_SAP, SAP_type 1."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """The bytes of both tracks from one cut to the next, and their duration in ticks of the video's timescale."""

    length: int
    duration: int


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    body: int
    end: int


def join_head(video_init: bytes, audio_init: bytes | None, fragments: Sequence[Fragment], timescale: int) -> bytes:
    """Return the file's bytes before the first segment.

    `video_init` and `audio_init` are the init segments of the two renditions; without audio the file has one track.

    Raises:
        ValueError: an init segment is not one of ours.
    """
    ftyp, moov = _find(video_init, b"ftyp"), _find(video_init, b"moov")
    mvhd, trak, trex = (_bytes(video_init, _find(video_init, *path)) for path in _PATHS)
    tracks, defaults = [trak], [trex]
    if audio_init is not None:
        tracks.append(_numbered(_bytes(audio_init, _find(audio_init, *_PATHS[1]))))
        defaults.append(_numbered(_bytes(audio_init, _find(audio_init, *_PATHS[2]))))
    mvhd = mvhd[:-_NEXT_TRACK_ID_FROM_END] + _U32.pack(len(tracks) + 1)
    header = _box(b"moov", mvhd, *tracks, _box(b"mvex", *defaults))
    return _bytes(video_init, ftyp) + header + _segment_index(fragments, timescale, _first_time(video_init, moov))


def as_audio_track(segment: bytes) -> bytes:
    """Return a segment of the audio rendition with the track id that the audio has in a joined file.

    Raises:
        ValueError: it is not a segment of ours.
    """
    return _numbered(segment)


_PATHS = ((b"moov", b"mvhd"), (b"moov", b"trak"), (b"moov", b"mvex", b"trex"))


def _numbered(data: bytes) -> bytes:
    """Set the track id in all boxes that have one."""
    changed = bytearray(data)
    for box in _walk(data, 0, len(data)):
        if box.kind in _TRACK_ID_AT:
            offsets = _TRACK_ID_AT[box.kind]
            _U32.pack_into(changed, box.body + offsets[data[box.body] == 1], AUDIO_TRACK)
    return bytes(changed)


def _walk(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """Yield all boxes, and those in containers after them."""
    while start < end:
        box = _box_at(data, start, end)
        yield box
        if box.kind in _CONTAINERS:
            yield from _walk(data, box.body, box.end)
        start = box.end


def _box_at(data: bytes, start: int, end: int) -> _Box:
    try:
        size, kind = _BOX.unpack_from(data, start)
        body = start + _BOX.size
        if size == _LARGE:
            size, body = _U64.unpack_from(data, body)[0], body + _U64.size
    except struct.error:
        raise ValueError("a box is cut short") from None
    if start + size > end or start + size < body:
        raise ValueError("a box has a wrong size")
    return _Box(kind, start, body, start + size)


def _find(data: bytes, *path: bytes) -> _Box:
    """Return the first box at a path of kinds."""
    found = _Box(b"", 0, 0, len(data))
    for kind in path:
        at, end = found.body, found.end
        while at < end and (found := _box_at(data, at, end)).kind != kind:
            at = found.end
        if at >= end:
            raise ValueError(f"there is no {kind.decode()}")
    return found


def _first_time(init: bytes, moov: _Box) -> int:
    """Return the media time at which the presentation starts, from the edit list: the delay of reordered frames."""
    for box in _walk(init, moov.body, moov.end):
        if box.kind == b"elst":
            version_1 = init[box.body] == 1
            at = box.body + (16 if version_1 else 12)
            return max(0, int.from_bytes(init[at : at + (8 if version_1 else 4)], signed=True))
    return 0


def _segment_index(fragments: Sequence[Fragment], timescale: int, first_time: int) -> bytes:
    """Return a `sidx` that refers to all fragments, in groups if there are more than it can hold."""
    step = -(-len(fragments) // _MAX_REFERENCES) or 1
    groups = [fragments[at : at + step] for at in range(0, len(fragments), step)]
    head = struct.pack(">B3xIIQQHH", 1, VIDEO_TRACK, timescale, first_time, 0, 0, len(groups))
    references = (
        _REFERENCE.pack(sum(f.length for f in group), sum(f.duration for f in group), _STARTS_WITH_KEYFRAME)
        for group in groups
    )
    return _box(b"sidx", head, *references)


def _bytes(data: bytes, box: _Box) -> bytes:
    return data[box.start : box.end]


def _box(kind: bytes, *bodies: bytes) -> bytes:
    return _BOX.pack(_BOX.size + sum(len(body) for body in bodies), kind) + b"".join(bodies)
