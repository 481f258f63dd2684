"""Finds out how long a source is: the end of each track by its packets, and whether the file is truncated.

Truncation is read from the lengths in container headers, because demuxers do not always report it. MPEG-TS and MPEG-PS
never store their length, and FLV and MXF not in their header.
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from streamtime.media.source import DECODER_WHITELIST, AnyPacket, container_name
from streamtime.media.timestamps import MAX_STILL_S, ORDER_ONLY_CONTAINERS, PacketDurations

_MAX_AUDIO_PACKET_S = 10
_TIMES_DECODED = 4
"""Opus drops up to 80 ms before the audio, mostly in packets of 20 ms (RFC 7845 section 4.2)."""


@dataclass(frozen=True)
class _Claim:
    """An audio packet that may last less long than it claims; 0 if it claims nothing.

    `fallback_s` is its duration if it cannot be decoded.
    """

    data: bytes
    starts_s: float
    claimed_s: float
    fallback_s: float

    @property
    def max_s(self) -> float:
        """Its maximum duration."""
        return self.claimed_s or _MAX_AUDIO_PACKET_S


class TrackEnds:
    """Takes all packets of the video and audio tracks; after `resolve` it has the end of each track."""

    def __init__(self, video_stream: int) -> None:
        self._video_stream = video_stream
        self._ends_s: dict[int, float] = {}
        self._claimed_s = 0.0
        self._durations = PacketDurations()
        self._tick = Fraction(1)
        self._shortest_s: dict[int, float] = {}
        self._claims: dict[int, _Claim] = {}

    @property
    def video_s(self) -> float | None:
        """End of the last frame; None if no frame has a time."""
        return self._ends_s.get(self._video_stream)

    @property
    def longest_s(self) -> float | None:
        """End of the longest track; None if no packet has a time."""
        return max(self._ends_s.values(), default=None)

    @property
    def claimed_s(self) -> float:
        """End of the longest track by the durations that packets claim."""
        return max(self._claimed_s, self.longest_s or 0.0)

    @property
    def longest_step_s(self) -> float:
        """The longest interval between two frames."""
        return float(self._durations.longest * self._tick)

    @property
    def has_several(self) -> bool:
        """Whether the video and at least one more track have times."""
        return self._video_stream in self._ends_s and len(self._ends_s) > 1

    def take(self, packet: AnyPacket, kind: str) -> None:
        """Take one packet. Its time is removed as broken if it is far beyond everything read of any track."""
        is_video = packet.stream_index == self._video_stream
        if kind in ORDER_ONLY_CONTAINERS and is_video:
            # FFmpeg guesses presentation times here, possibly one frame too late.
            packet.pts = packet.dts
        if packet.pts is None or not packet.time_base:
            return
        starts_s = packet.pts * packet.time_base
        if starts_s - max(self._ends_s.values(), default=starts_s) > MAX_STILL_S:
            packet.pts = None
        elif is_video:
            self._tick = packet.time_base
            self._durations.take(packet)
            self._reaches(packet.stream_index, float(starts_s))
        else:
            self._take_audio(packet, float(starts_s))

    def _take_audio(self, packet: AnyPacket, starts_s: float) -> None:
        index = packet.stream_index
        if (before := self._claims.pop(index, None)) is not None:
            self._reaches(index, before.starts_s + before.claimed_s)
        claimed_s = float((packet.duration or 0) * packet.time_base)
        duration_s = min(claimed_s, _MAX_AUDIO_PACKET_S)
        shortest_s = self._shortest_s.get(index, 0.0)
        self._claimed_s = max(self._claimed_s, starts_s + claimed_s)
        if duration_s > shortest_s or duration_s <= 0:
            self._claims[index] = _Claim(bytes(packet), starts_s, duration_s, shortest_s)
            duration_s = 0.0
        self._reaches(index, starts_s + duration_s)
        if claimed_s > 0:
            self._shortest_s[index] = min(claimed_s, shortest_s or claimed_s)

    def _reaches(self, index: int, end_s: float) -> None:
        self._ends_s[index] = max(end_s, self._ends_s.get(index, end_s))

    def resolve(self, container: InputContainer, reopened: Callable[[], InputContainer]) -> None:
        """Add the durations of the last packets. For audio, that is what can be decoded of them.

        Muxers may extend a sample to a later time of its track, or write a wrong duration: FFmpeg does both, for
        one-packet audio in MP4 and for the last page of Vorbis in Ogg.
        """
        if self._video_stream in self._ends_s:
            last = container.streams[self._video_stream]
            self._ends_s[self._video_stream] += float(
                self._last_frame_ticks(last, container_name(container)) * self._tick
            )
        if not self._claims:
            return
        with reopened() as other:
            for index, claim in self._claims.items():
                decoded_s = _decoded_s(other.streams[index], claim.data)
                real_s = claim.fallback_s if decoded_s is None else decoded_s
                self._reaches(index, claim.starts_s + min(claim.max_s, real_s))

    def _last_frame_ticks(self, stream: Stream, kind: str) -> int:
        """Return the last frame's duration from the MP4 track if packets have none and it is plausible.

        FFmpeg gives packets with uneven intervals durations of 0 or 1 if the track starts late.
        """
        own, last = self._durations.last_duration, self._durations.last
        if own > 1 or kind != "mp4" or last is None or stream.duration is None:
            return own
        over = (stream.start_time or 0) + stream.duration - last
        return over if own < over <= self._durations.longest else own


def _decoded_s(stream: Stream, data: bytes) -> float | None:
    """Decode one packet by itself and return the duration of the audio; None if there is none.

    It is decoded several times: decoders drop the start of the first packet, or need a preceding one.
    """
    if not isinstance(stream, AudioStream):
        return None
    context = stream.codec_context
    context.thread_count = 1
    context.options = {"codec_whitelist": DECODER_WHITELIST}
    longest_s = 0.0
    for _ in range(_TIMES_DECODED):
        with suppress(av.error.FFmpegError, ValueError):
            frames = context.decode(Packet(data))
            longest_s = max(longest_s, sum(frame.samples / frame.sample_rate for frame in frames if frame.sample_rate))
    return longest_s or None


CONTAINERS_WITH_LENGTH = {"mp4", "matroska", "avi", "asf", "ogg"}
"""Container types in which a missing end is detected."""

_AFTER_CLUSTERS = tuple(map(bytes.fromhex, ("1c53bb6b", "1254c367", "1941a469", "1043a770", "114d9b74")))
"""Cues, Tags, Attachments, Chapters, SeekHead (RFC 9559 section 5.1)."""

_REST_OF_BLOCK_BYTES = 64
_MAY_COUNT_FROM_ZERO = {"mp4", "matroska", "asf", "flv"}
"""Container types whose header duration counts from time 0 or from the first timestamp, depending on the writer.

For MP4, these are fragmented files, whose decode times (`tfdt`) may start anywhere.
"""

_MIN_BYTES_PER_SECOND = 1000
"""Bit rate of the smallest films, video and audio: 8 kbit/s."""

_SLACK_S = 3600
"""Slides and silence need almost no bytes: up to an hour is accepted without a declared length."""

_RIFF = struct.Struct("<4sI4s")
_RIFF_HEAD_BYTES = 8
_EBML, _SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"moof"}
_BOX = struct.Struct(">I4sQ")
_MIN_BOX_BYTES = 8
_MAX_BOXES = 100_000
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_LENGTH = struct.Struct("<Q")
_ASF_LENGTH_AT = 16 + 8 + 16
_FLV, _FLV_TAGS = b"FLV", {8, 9, 18}
_FLV_TAG_BYTES, _FLV_SIZE_BYTES = 11, 4
_FLV_FILE_SIZE = b"\x00\x08filesize\x00"
_OGG_PAGE = b"OggS"
_OGG_FLAGS_AT, _OGG_LAST = 5, 4
_LARGEST_OGG_PAGE_BYTES = 66 << 10
_HEAD_BYTES = 64 << 10


def claimed_duration_us(descriptor: int, container: InputContainer, kind: str, origin_us: int) -> int | None:
    """Return the declared duration from the origin on, in microseconds; None if there is none.

    If it is ambiguous what the header duration counts from, the reading that matches the end of the file counts, or
    else the shorter one: a complete file must never look truncated.
    """
    if not container.duration or container.duration <= 0:
        return None
    start_us = container.start_time or 0
    ends_us = [start_us + container.duration]
    if kind in _MAY_COUNT_FROM_ZERO and container.duration > max(0, origin_us):
        ends_us.append(container.duration)
    last_us = (_flv_last_ms(descriptor) or 0) * 1000 if kind == "flv" else 0
    ends_us.sort(key=lambda end_us: abs(end_us - last_us))
    return max(1, ends_us[0] - origin_us)


def latest_s(descriptor: int, container: InputContainer, claimed_s: float = 0.0) -> float:
    """Return the time from which on timestamps are certainly broken, in seconds from the origin.

    It is far beyond the declared end, and beyond the end that the file's size allows, since a declared length may be
    too short. Without it, a small file could demand days of silence or of one frame to be encoded.
    """
    max_by_size_s = os.fstat(descriptor).st_size / _MIN_BYTES_PER_SECOND
    return 2 * max(claimed_s, (container.duration or 0) / 1_000_000, max_by_size_s) + _SLACK_S


def is_truncated(descriptor: int) -> bool:
    """Return whether the end of the file is missing; False if that is unknown."""
    length = os.fstat(descriptor).st_size
    head = os.pread(descriptor, _HEAD_BYTES, 0)
    if head.startswith(b"RIFF") and len(head) >= _RIFF.size:
        return length < _riff_length(descriptor)
    if head.startswith(_ASF_HEADER):
        return length < _asf_length(head)
    if head.startswith(_EBML):
        return length < _matroska_length(head)
    if head.startswith(_FLV):
        return _flv_last_ms(descriptor) is None or length < _flv_length(head)
    if head[4:8] in _MP4_BOXES:
        return length < _mp4_length(descriptor, length)
    tail = os.pread(descriptor, _LARGEST_OGG_PAGE_BYTES, max(0, length - _LARGEST_OGG_PAGE_BYTES))
    return head.startswith(_OGG_PAGE) and not _ogg_ends(tail)


class ReadExtent:
    """Tracks how far the packets read so far extend, in bytes of the file and in decode times of each stream."""

    def __init__(self) -> None:
        self._ends_at = 0
        self._decoded: dict[int, int] = {}

    def take(self, packet: AnyPacket) -> None:
        """Take one packet as it is in the file."""
        self._ends_at = max(self._ends_at, (packet.pos or 0) + packet.size)
        if packet.size and packet.dts is not None:
            end = packet.dts + max(1, packet.duration or 0)
            self._decoded[packet.stream_index] = max(end, self._decoded.get(packet.stream_index, end))

    def is_complete(self, descriptor: int, container: InputContainer, kind: str, video_stream: int) -> bool:
        """Return whether nothing of the file is missing after the last packet.

        Then the packets determine the length, whatever the header declares. False if that is unknown, also if the rest
        of the file was overwritten. `video_stream` is the index of the video stream.
        """
        if kind == "flv":
            return _flv_last_ms(descriptor) is not None
        if kind == "avi":
            # For audio, the header also counts empty chunks that delay it, which are no packets.
            frames = container.streams[video_stream].duration if video_stream >= 0 else None
            return bool(frames) and self._decoded.get(video_stream, 0) >= (frames or 0)
        if kind == "mp4":
            return _has_all_samples(descriptor, container)
        if kind != "matroska":
            return False
        # With header stripping, bytes common to all packets are not stored: the last one ends slightly earlier.
        rest = os.pread(descriptor, 3 * _REST_OF_BLOCK_BYTES, max(0, self._ends_at - _REST_OF_BLOCK_BYTES))
        return len(rest) <= 2 * _REST_OF_BLOCK_BYTES or any(element in rest for element in _AFTER_CLUSTERS)


def _has_all_samples(descriptor: int, container: InputContainer) -> bool:
    """Return whether every sample in the index of an MP4 file is in the file; False for fragmented files."""
    length = os.fstat(descriptor).st_size
    if any(kind == b"moof" for kind, _ in _boxes(descriptor)):
        return False
    return all(entry.pos + entry.size <= length for stream in container.streams for entry in stream.index_entries)


def _riff_length(descriptor: int) -> int:
    """Return the end of the file's last RIFF chunk: a long AVI file has several (OpenDML AVI 1.02)."""
    ends = 0
    for _ in range(_MAX_BOXES):
        head = os.pread(descriptor, _RIFF.size, ends)
        if len(head) < _RIFF.size or not head.startswith(b"RIFF"):
            break
        size: int = _RIFF.unpack(head)[1]
        ends += _RIFF_HEAD_BYTES + size + size % 2
    return ends - _RIFF_HEAD_BYTES


def _matroska_length(head: bytes) -> int:
    """Return the end of the segment; 0 if its size is unknown, as during a recording."""
    size, start = _ebml_number(head, len(_EBML))
    start += size or 0
    if head[start : start + len(_SEGMENT)] != _SEGMENT:
        return 0
    size, start = _ebml_number(head, start + len(_SEGMENT))
    return start + size if size is not None else 0


def _ebml_number(data: bytes, at: int) -> tuple[int | None, int]:
    """Read an EBML size and return it with its end; None if all bits are set, which means unknown."""
    first = data[at] if at < len(data) else 0
    width = 9 - first.bit_length()
    whole = int.from_bytes(data[at : at + width], "big") & ~(1 << (7 * width))
    return None if not first or whole == (1 << (7 * width)) - 1 else whole, at + width


def _mp4_length(descriptor: int, length: int) -> int:
    """Return the end of the first box that extends beyond the end of the file; 0 if none does."""
    return next((ends for kind, ends in _boxes(descriptor) if ends > length and kind in _MP4_BOXES), 0)


def _boxes(descriptor: int) -> Iterator[tuple[bytes, int]]:
    """Yield the type and end of each MP4 box, up to one without a size."""
    at = 0
    for _ in range(_MAX_BOXES):
        head = os.pread(descriptor, _BOX.size, at)
        if len(head) < _BOX.size:
            break
        short, kind, long = _BOX.unpack(head)
        size: int = long if short == 1 else short
        if size < _MIN_BOX_BYTES:
            break
        at += size
        yield kind, at


def _asf_length(head: bytes) -> int:
    """Return the declared file size; 0 during a recording."""
    found = head.find(_ASF_FILE)
    if found < 0 or len(head) < found + _ASF_LENGTH_AT + _ASF_LENGTH.size:
        return 0
    length: int = _ASF_LENGTH.unpack_from(head, found + _ASF_LENGTH_AT)[0]
    return length


def _flv_last_ms(descriptor: int) -> int | None:
    """Return the time of the last tag, in milliseconds; None if the tag is incomplete.

    Its size is repeated after it (Adobe's FLV specification 10.1, annexes E.3 and E.4.1).
    """
    ends = os.fstat(descriptor).st_size - _FLV_SIZE_BYTES
    tag_bytes = int.from_bytes(os.pread(descriptor, _FLV_SIZE_BYTES, max(0, ends)), "big")
    if not _FLV_TAG_BYTES <= tag_bytes <= ends:
        return None
    head = os.pread(descriptor, _FLV_TAG_BYTES, ends - tag_bytes)
    if head[0] & 0x1F not in _FLV_TAGS or int.from_bytes(head[1:4], "big") != tag_bytes - _FLV_TAG_BYTES:
        return None
    return int.from_bytes(head[7:8] + head[4:7], "big")


def _flv_length(head: bytes) -> int:
    """Return the declared file size (`filesize` of `onMetaData`); 0 if there is none."""
    at = head.find(_FLV_FILE_SIZE) + len(_FLV_FILE_SIZE)
    if at < len(_FLV_FILE_SIZE) or len(head) < at + 8:
        return 0
    size: float = struct.unpack_from(">d", head, at)[0]
    return int(size) if 0 < size < 1 << 53 else 0


def _ogg_ends(tail: bytes) -> bool:
    last = tail.rfind(_OGG_PAGE)
    return last >= 0 and len(tail) > last + _OGG_FLAGS_AT and bool(tail[last + _OGG_FLAGS_AT] & _OGG_LAST)
