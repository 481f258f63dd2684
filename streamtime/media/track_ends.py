"""How far each track of a source reaches, by its packets, in the order of the file.

It knows one picture and any number of sounds; of the last packet of each it finds out how long it really lasts.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from streamtime.media.decoders import WHITELIST
from streamtime.media.picture_times import BY_ORDER, MAX_STILL_S, PacketDurations
from streamtime.media.source import AnyPacket, container_name

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
