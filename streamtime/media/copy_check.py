"""Decides whether the video or audio track of a source can be copied without encoding.

It reads headers, the container's index if there is one, and the packets of the first seconds, never the whole file.
`copying.py` checks the rest while it copies.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TypeGuard

from av.audio.stream import AudioStream
from av.stream import Stream
from av.video.stream import VideoStream

from streamtime.media.colours import copy_obstacle
from streamtime.media.source import AnyPacket

MAX_GOP_S = 10
"""Maximum seconds between keyframes: longer segments would slow down every seek and switch."""

MIN_SEGMENT_S = Fraction(39, 10)
"""A copied segment ends at the first keyframe after this; just under 4 s, for keyframes every 2 s."""

OPEN_GOP_OBSTACLE = "its frames refer back across keyframes"

_CONTAINERS_WITH_TIMES = {"mp4", "matroska", "mpegts", "flv"}
_AUDIO_CONTAINERS = {"mp4", "matroska"}
_PROFILES = {"Constrained Baseline", "Baseline", "Main", "High"}
_PIXEL_FORMATS = {"yuv420p", "yuvj420p"}
_MAX_BPS = 60_000_000
_SCAN_S = 0.25
_SCAN_PACKETS = 1500
_SCAN_KEYFRAMES = 4
_LATE_AUDIO_S = 0.05
_AUDIO_RATES_HZ = (44_100, 48_000)
_MAX_INDEXED_KEYFRAMES = 100_000


_IDR, _LAST_SLICE = 5, 5
_NAL_TYPE_MASK = 0x1F
_START_CODE = b"\0\0\1"


def is_idr(packet: AnyPacket, extradata: bytes | None) -> bool:
    """Return whether an H.264 packet is an IDR frame, across which no later frame refers back.

    Containers also mark other frames as keyframes (open GOPs, recovery points; ISO/IEC 14496-10, 7.4.1.2.4).
    """
    data = bytes(packet)
    kinds = (
        _length_prefixed_kinds(data, extradata[4] % 4 + 1)
        if _is_length_prefixed(extradata)
        else _start_code_kinds(data)
    )
    return next((kind == _IDR for kind in kinds if 0 < kind <= _LAST_SLICE), False)


def _is_length_prefixed(extradata: bytes | None) -> TypeGuard[bytes]:
    return extradata is not None and len(extradata) > 4 and extradata[0] == 1  # noqa: PLR2004  # avcC, version 1


def _length_prefixed_kinds(data: bytes, width: int) -> Iterator[int]:
    """Yield NAL unit types in length-prefixed format, as in MP4 and Matroska (ISO/IEC 14496-15)."""
    at = 0
    while at + width < len(data):
        yield data[at + width] & _NAL_TYPE_MASK
        at += width + int.from_bytes(data[at : at + width], "big")


def _start_code_kinds(data: bytes) -> Iterator[int]:
    """Yield NAL unit types in start code format, as in MPEG-TS (ISO/IEC 14496-10, annex B)."""
    at = data.find(_START_CODE)
    while 0 <= at < len(data) - len(_START_CODE):
        yield data[at + len(_START_CODE)] & _NAL_TYPE_MASK
        at = data.find(_START_CODE, at + len(_START_CODE))


@dataclass
class VideoScan:
    """What the first packets of a stream show. `origin` is the first keyframe's time, in the stream's ticks."""

    extradata: bytes | None = None
    origin: int | None = None
    obstacle: str | None = None
    keyframes: list[int] = field(default_factory=list)
    last: int | None = None
    length_bytes: int = 0
    packets: int = 0
    open_gop: bool = False
    """Whether a keyframe is not an IDR frame: open GOPs, recovery points."""

    def take(self, packet: AnyPacket) -> None:
        """Take one packet, in file order."""
        if packet.pts is None:
            self.obstacle = self.obstacle or "its frames have no timestamps"
            return
        if packet.is_keyframe:
            if self.origin is None:
                self.origin = packet.pts
            self.keyframes.append(packet.pts)
            if not is_idr(packet, self.extradata):
                self.open_gop = True
        if self.origin is None:
            return
        if packet.is_discard:
            self.obstacle = self.obstacle or "it was cut between two keyframes"
        if packet.pts < self.keyframes[-1]:
            self.obstacle = self.obstacle or "some frames are shown before the keyframe they follow"
        self.last = max(self.last if self.last is not None else packet.pts, packet.pts)
        self.length_bytes += packet.size


class ScanLimit:
    """Ends a scan after four keyframes, eleven seconds of video, or a quarter of a second of processing time."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._deadline = time.monotonic() + _SCAN_S
        self._packets = 0

    def reached(self, scan: VideoScan) -> bool:
        """Return whether the scan is complete; call it once after each packet."""
        self._packets += 1
        late = time.monotonic() > self._deadline and len(scan.keyframes) > 1
        seen_s = _seconds(scan, self._stream)
        enough = len(scan.keyframes) >= _SCAN_KEYFRAMES or seen_s > MAX_GOP_S + 1
        return late or enough or self._packets > _SCAN_PACKETS


def _seconds(scan: VideoScan, stream: VideoStream) -> float:
    if scan.origin is None or scan.last is None or stream.time_base is None:
        return 0.0
    return float((scan.last - scan.origin) * stream.time_base)


def video_obstacle(
    kind: str,
    stream: VideoStream,
    scan: VideoScan,
    *,
    upright: bool,
    interlaced: bool,
    bitrate_bps: int | None,
    held_s: Fraction,
) -> str | None:
    """Return why the video cannot be copied, as a sentence fragment for the user; None if it can be.

    `held_s` is how long the first frame is shown before its own time.
    """
    context = stream.codec_context
    is_supported = context.pix_fmt in _PIXEL_FORMATS and context.profile in _PROFILES
    colours = copy_obstacle(context.colorspace, context.color_primaries, context.color_trc)
    obstacles = (
        (context.name != "h264", f"it is {context.codec.canonical_name}, which not every browser plays"),
        (not is_supported, f"its kind of H.264 ({context.profile}, {context.pix_fmt}) is not played by every browser"),
        (kind not in _CONTAINERS_WITH_TIMES, f"its container, {kind}, does not store when frames are shown"),
        (interlaced, "it is interlaced"),
        (not upright, "it must be turned to stand upright"),
        (bool(colours), colours or ""),
        (bool(bitrate_bps and bitrate_bps > _MAX_BPS), "its bit rate is too high for most networks"),
        (scan.origin is None, "no keyframe is near its beginning"),
    )
    observed = scan.obstacle or (OPEN_GOP_OBSTACLE if scan.open_gop else None) or _gap_obstacle(stream, scan, held_s)
    return next((why for present, why in obstacles if present), observed)


def _gap_obstacle(stream: VideoStream, scan: VideoScan, held_s: Fraction) -> str | None:
    ends = [*scan.keyframes, *([scan.last] if scan.last is not None else [])]
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    indexed = indexed_keyframes(stream)
    gaps += [later - earlier for earlier, later in pairwise(indexed)]
    tick = stream.time_base or Fraction(1, 1000)
    if held_s and held_s + (gaps[0] if gaps else 0) * tick > MAX_GOP_S:
        return "its audio starts long before its video"
    if max(gaps, default=0) * tick > MAX_GOP_S:
        return f"its keyframes are more than {MAX_GOP_S} s apart"
    return None


def indexed_keyframes(stream: VideoStream) -> list[int]:
    """Return the keyframe times in the container's index, in the stream's ticks; often empty."""
    entries = stream.index_entries
    times: list[int] = []
    if not len(entries):
        return times
    # Search from keyframe to keyframe: iterating over all entries of a long film takes half a second.
    entry = entries.search_timestamp(entries[0].timestamp, backward=False)
    while 0 <= entry < len(entries) and len(times) < _MAX_INDEXED_KEYFRAMES:
        times.append(entries[entry].timestamp)
        entry = entries.search_timestamp(times[-1] + 1, backward=False)
    return times


def longest_copied_segment_s(stream: VideoStream, *, fully_indexed: bool, held_s: Fraction) -> int:
    """Return the maximum length of a copied segment in whole seconds, for EXT-X-TARGETDURATION.

    It is exact if the container's index lists every keyframe; otherwise it is the limit that copying enforces.
    """
    limit = int(MIN_SEGMENT_S + MAX_GOP_S)
    keyframes = indexed_keyframes(stream) if fully_indexed else []
    tick = stream.time_base or Fraction(1, 1000)
    if not keyframes or stream.duration is None:
        return limit
    longest, start = Fraction(0), Fraction(keyframes[0]) - held_s / tick
    for keyframe in [*keyframes[1:], keyframes[0] + stream.duration]:
        longest = max(longest, (keyframe - start) * tick)
        if (keyframe - start) * tick >= MIN_SEGMENT_S:
            start = Fraction(keyframe)
    return max(4, int(longest + Fraction(1, 2)))


def audio_copyable(kind: str, stream: AudioStream, origin_s: Fraction | None) -> bool:
    """Return whether an audio track is AAC-LC that every browser plays, from the start of the video on."""
    context = stream.codec_context
    is_supported = context.name == "aac" and stream.profile == "LC" and bool(context.extradata)
    is_common = context.channels in {1, 2} and context.sample_rate in _AUDIO_RATES_HZ
    return kind in _AUDIO_CONTAINERS and is_supported and is_common and _starts_in_time(stream, origin_s)


def _starts_in_time(stream: Stream, origin_s: Fraction | None) -> bool:
    if origin_s is None or stream.start_time is None or stream.time_base is None:
        return True
    return stream.start_time * stream.time_base - origin_s <= _LATE_AUDIO_S
