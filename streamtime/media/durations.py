"""Tells whether a file says of itself that it was longer: an upload or a recording that broke off.

It reads the heads of containers; reading on to the end does not always notice. A broadcast (MPEG-TS, MPEG-PS) never
says how long it is, and FLV and MXF do not say it at their head.

How far each track of a source reaches, by its packets, in the order of the file.

It knows one picture and any number of sounds; of the last packet of each it finds out how long it really lasts.
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

from streamtime.media.source import WHITELIST, AnyPacket, container_name
from streamtime.media.timestamps import BY_ORDER, MAX_STILL_S, PacketDurations

_LONGEST_SOUND_PACKET_S = 10
_TIMES_DECODED = 4
"""Opus drops up to 80 ms before the sound, in packets of 20 ms mostly (RFC 7845 section 4.2)."""


@dataclass(frozen=True)
class _Claim:
    """A packet of sound that may not last as long as it says, 0 where it says nothing.

    `else_s` is how long it lasts if it cannot be decoded.
    """

    data: bytes
    starts_s: float
    lasts_s: float
    else_s: float

    @property
    def most_s(self) -> float:
        """How long it lasts at most."""
        return self.lasts_s or _LONGEST_SOUND_PACKET_S


class TrackEnds:
    """Takes all packets of the picture and of the sounds; after `settle` it tells where each track ends."""

    def __init__(self, picture: int) -> None:
        self._picture = picture
        self._ends_s: dict[int, float] = {}
        self._claimed_s = 0.0
        self._durations = PacketDurations()
        self._tick = Fraction(1)
        self._shortest_s: dict[int, float] = {}
        self._claims: dict[int, _Claim] = {}

    @property
    def picture_s(self) -> float | None:
        """When the last picture ends; None where no picture carries a time."""
        return self._ends_s.get(self._picture)

    @property
    def longest_s(self) -> float | None:
        """When the last of all tracks ends; None where no packet carries a time."""
        return max(self._ends_s.values(), default=None)

    @property
    def claimed_s(self) -> float:
        """When the last of all tracks ends by the durations that packets claim."""
        return max(self._claimed_s, self.longest_s or 0.0)

    @property
    def longest_step_s(self) -> float:
        """The longest time from one picture to the next."""
        return float(self._durations.longest * self._tick)

    @property
    def has_several(self) -> bool:
        """Whether the picture and one more track carry times."""
        return self._picture in self._ends_s and len(self._ends_s) > 1

    def take(self, packet: AnyPacket, kind: str) -> None:
        """Note one packet. A time is broken, and taken away, that lies far beyond all that was read of any track."""
        is_picture = packet.stream_index == self._picture
        if kind in BY_ORDER and is_picture:
            # FFmpeg guesses the times of showing here, and they may lie a picture too late.
            packet.pts = packet.dts
        if packet.pts is None or not packet.time_base:
            return
        starts_s = packet.pts * packet.time_base
        if starts_s - max(self._ends_s.values(), default=starts_s) > MAX_STILL_S:
            packet.pts = None
        elif is_picture:
            self._tick = packet.time_base
            self._durations.take(packet)
            self._reaches(packet.stream_index, float(starts_s))
        else:
            self._take_sound(packet, float(starts_s))

    def _take_sound(self, packet: AnyPacket, starts_s: float) -> None:
        index = packet.stream_index
        if (before := self._claims.pop(index, None)) is not None:
            self._reaches(index, before.starts_s + before.lasts_s)
        claimed_s = float((packet.duration or 0) * packet.time_base)
        lasts_s = min(claimed_s, _LONGEST_SOUND_PACKET_S)
        shortest_s = self._shortest_s.get(index, 0.0)
        self._claimed_s = max(self._claimed_s, starts_s + claimed_s)
        if lasts_s > shortest_s or lasts_s <= 0:
            self._claims[index] = _Claim(bytes(packet), starts_s, lasts_s, shortest_s)
            lasts_s = 0.0
        self._reaches(index, starts_s + lasts_s)
        if claimed_s > 0:
            self._shortest_s[index] = min(claimed_s, shortest_s or claimed_s)

    def _reaches(self, index: int, end_s: float) -> None:
        self._ends_s[index] = max(end_s, self._ends_s.get(index, end_s))

    def settle(self, container: InputContainer, reopened: Callable[[], InputContainer]) -> None:
        """Add how long the last packets last. Sound lasts as long as what is decoded of it, not longer.

        A muxer may let a sample last until a later time of its track, or write a duration that is none: FFmpeg does
        both with a sound of one packet in MP4, and with the last page of Vorbis in Ogg.
        """
        if self._picture in self._ends_s:
            last = container.streams[self._picture]
            self._ends_s[self._picture] += float(self._last_picture_ticks(last, container_name(container)) * self._tick)
        if not self._claims:
            return
        with reopened() as other:
            for index, claim in self._claims.items():
                decoded_s = _decoded_s(other.streams[index], claim.data)
                real_s = claim.else_s if decoded_s is None else decoded_s
                self._reaches(index, claim.starts_s + min(claim.most_s, real_s))

    def _last_picture_ticks(self, stream: Stream, kind: str) -> int:
        """Where packets do not tell it, an MP4 track does, if it can be true.

        FFmpeg gives packets of an uneven pace durations of 0 or 1 where the track begins late.
        """
        own, last = self._durations.last_duration, self._durations.last
        if own > 1 or kind != "mp4" or last is None or stream.duration is None:
            return own
        over = (stream.start_time or 0) + stream.duration - last
        return over if own < over <= self._durations.longest else own


def _decoded_s(stream: Stream, data: bytes) -> float | None:
    """Decode one packet by itself and tell how long the sound lasts that comes out; None where none does.

    It is decoded several times: of the first a decoder drops what lies before the sound, or needs one before it.
    """
    if not isinstance(stream, AudioStream):
        return None
    context = stream.codec_context
    context.thread_count = 1
    context.options = {"codec_whitelist": WHITELIST}
    longest_s = 0.0
    for _ in range(_TIMES_DECODED):
        with suppress(av.error.FFmpegError, ValueError):
            frames = context.decode(Packet(data))
            longest_s = max(longest_s, sum(frame.samples / frame.sample_rate for frame in frames if frame.sample_rate))
    return longest_s or None


CONTAINERS_WITH_LENGTH = {"mp4", "matroska", "avi", "asf", "ogg"}
"""Kinds of containers that are found out when their end is missing."""

_AFTER_CLUSTERS = tuple(map(bytes.fromhex, ("1c53bb6b", "1254c367", "1941a469", "1043a770", "114d9b74")))
"""Cues, Tags, Attachments, Chapters, SeekHead (RFC 9559 section 5.1)."""

_REST_OF_BLOCK_BYTES = 64
_MAY_COUNT_FROM_ZERO = {"mp4", "matroska", "asf", "flv"}
"""Containers whose header tells a duration that some writers count from time 0, others from the first time inside.

Of MP4 those in fragments, whose decode times (`tfdt`) may begin anywhere.
"""

_LEAST_BYTES_A_SECOND = 1000
"""What the most frugal films take for picture and sound: 8 kbit/s."""

_SLACK_S = 3600
"""Slides and silence take next to no bytes: up to an hour of them needs no claim."""

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
    """Tell how long the file says it is, from the origin on, in microseconds; None where it does not say.

    Where it is not clear what the duration in the header is counted from, the reading that fits the file's end counts,
    or the shorter one: a whole file is never taken for one that breaks off.
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
    """Tell from when on a time is surely broken, in seconds from the origin on.

    That is long after the end that the file claims, and after the end that its bytes are enough for: a claim may be
    far too short. Else a small file could ask for days of silence, or of one picture, and they would be encoded.
    """
    enough_for_s = os.fstat(descriptor).st_size / _LEAST_BYTES_A_SECOND
    return 2 * max(claimed_s, (container.duration or 0) / 1_000_000, enough_for_s) + _SLACK_S


def is_truncated(descriptor: int) -> bool:
    """Tell whether the file's end is missing; False as well where nothing can be told."""
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
    """How far the packets that were read reach, in the bytes of the file and in the decode times of each stream."""

    def __init__(self) -> None:
        self._ends_at = 0
        self._decoded: dict[int, int] = {}

    def take(self, packet: AnyPacket) -> None:
        """Note one packet as the file has it."""
        self._ends_at = max(self._ends_at, (packet.pos or 0) + packet.size)
        if packet.size and packet.dts is not None:
            end = packet.dts + max(1, packet.duration or 0)
            self._decoded[packet.stream_index] = max(end, self._decoded.get(packet.stream_index, end))

    def is_whole(self, descriptor: int, container: InputContainer, kind: str, picture: int) -> bool:
        """Tell whether nothing of the file is missing after the last packet.

        Then the packets tell how long it is, whatever the header claims. False where nothing can be told, also where
        the rest of the file was overwritten. `picture` is the index of the stream of pictures.
        """
        if kind == "flv":
            return _flv_last_ms(descriptor) is not None
        if kind == "avi":
            # Of a sound the header also counts chunks that are empty, to let it begin late: they are no packets.
            pictures = container.streams[picture].duration if picture >= 0 else None
            return bool(pictures) and self._decoded.get(picture, 0) >= (pictures or 0)
        if kind == "mp4":
            return _has_all_samples(descriptor, container)
        if kind != "matroska":
            return False
        # Bytes that all packets begin with need not be stored: then the last one ends a little earlier.
        rest = os.pread(descriptor, 3 * _REST_OF_BLOCK_BYTES, max(0, self._ends_at - _REST_OF_BLOCK_BYTES))
        return len(rest) <= 2 * _REST_OF_BLOCK_BYTES or any(element in rest for element in _AFTER_CLUSTERS)


def _has_all_samples(descriptor: int, container: InputContainer) -> bool:
    """Tell whether each sample in the index of an MP4 file is in the file; False where fragments may be missing."""
    length = os.fstat(descriptor).st_size
    if any(kind == b"moof" for kind, _ in _boxes(descriptor)):
        return False
    return all(entry.pos + entry.size <= length for stream in container.streams for entry in stream.index_entries)


def _riff_length(descriptor: int) -> int:
    """Read where the last part of the file ends: a long AVI file has several (OpenDML AVI 1.02)."""
    ends = 0
    for _ in range(_MAX_BOXES):
        head = os.pread(descriptor, _RIFF.size, ends)
        if len(head) < _RIFF.size or not head.startswith(b"RIFF"):
            break
        size: int = _RIFF.unpack(head)[1]
        ends += _RIFF_HEAD_BYTES + size + size % 2
    return ends - _RIFF_HEAD_BYTES


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
    """Tell where the first box ends that reaches over the end of the file; 0 where none does."""
    return next((ends for kind, ends in _boxes(descriptor) if ends > length and kind in _MP4_BOXES), 0)


def _boxes(descriptor: int) -> Iterator[tuple[bytes, int]]:
    """Give each box of an MP4 file and where it ends, up to one that does not tell its length."""
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
    """Read how long the file says it is: 0 while it is being recorded."""
    found = head.find(_ASF_FILE)
    if found < 0 or len(head) < found + _ASF_LENGTH_AT + _ASF_LENGTH.size:
        return 0
    length: int = _ASF_LENGTH.unpack_from(head, found + _ASF_LENGTH_AT)[0]
    return length


def _flv_last_ms(descriptor: int) -> int | None:
    """Tell the time of the last tag, in milliseconds; None where it is not whole.

    Its size stands behind it too (Adobe's FLV specification 10.1, annexes E.3 and E.4.1).
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
    """Read how many bytes the file says it has (`filesize` of its `onMetaData`); 0 where it does not say."""
    at = head.find(_FLV_FILE_SIZE) + len(_FLV_FILE_SIZE)
    if at < len(_FLV_FILE_SIZE) or len(head) < at + 8:
        return 0
    size: float = struct.unpack_from(">d", head, at)[0]
    return int(size) if 0 < size < 1 << 53 else 0


def _ogg_ends(tail: bytes) -> bool:
    last = tail.rfind(_OGG_PAGE)
    return last >= 0 and len(tail) > last + _OGG_FLAGS_AT and bool(tail[last + _OGG_FLAGS_AT] & _OGG_LAST)
