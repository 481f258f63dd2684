"""Timestamps of frames and packets: presentation times, durations of last frames, and repair of jumps.

`FrameTimestamps` gives frames of containers without presentation times (AVI, raw streams) their times. `TailBuffer`
corrects the decode times of a rendition's last packets and measures its frame rate. `TimestampRepair` makes times
continuous across jumps, which only MPEG-TS and MPEG-PS may have; the video decides where, so that every reader of the
file sees the same jumps.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamtime.media.source import AnyPacket

ORDER_ONLY_CONTAINERS = {"avi"}
"""Containers that store an order, but no presentation times."""

RAW_STREAMS = {"h264", "hevc"}
"""Streams without a container: frames follow at a constant rate."""

CONTAINERS_WITHOUT_TIMESTAMPS = ORDER_ONLY_CONTAINERS | RAW_STREAMS


MAX_STILL_S = 600
"""Maximum declared duration of one frame. Slides last minutes; a longer duration is a broken timestamp."""

_MIN_FPS, _MAX_FPS, _DEFAULT_FPS = Fraction(1), Fraction(240), Fraction(25)


class PacketDurations:
    """Finds the duration of the last frame from a container, if it is plausible.

    MP4 stores intervals between decode times. With reordering these are not presentation durations, so the shortest of
    all is used, which is right for a constant frame rate.
    """

    def __init__(self) -> None:
        self._shortest: int | None = None
        self._reordered = False
        self._last: int | None = None
        self._last_duration = 0
        self.longest = 0
        """The longest interval between frames, in the packets' ticks."""

    @property
    def last(self) -> int | None:
        """Start of the last shown frame, in the packets' ticks."""
        return self._last

    @property
    def last_duration(self) -> int:
        """Duration of the last shown frame, in the packets' ticks; 0 if unknown."""
        return min(self._last_duration, self._shortest or 0) if self._reordered else self._last_duration

    def take(self, packet: AnyPacket) -> None:
        """Take one packet, in file order."""
        duration = packet.duration or 0
        if packet.time_base and duration * packet.time_base > MAX_STILL_S:
            duration = self._shortest or max(1, round(1 / (_DEFAULT_FPS * packet.time_base)))
        if duration > 0:
            self._shortest = duration if self._shortest is None else min(self._shortest, duration)
        if packet.pts is None:
            return
        self._reordered = self._reordered or (packet.dts is not None and packet.pts != packet.dts)
        if self._last is None or packet.pts >= self._last:
            self.longest = max(self.longest, 0 if self._last is None else packet.pts - self._last)
            self._last, self._last_duration = packet.pts, duration


def raw_rate(stream: VideoStream) -> Fraction:
    """Return the declared rate of a stream without a container (VUI timing), else 25 frames per second.

    If the stream starts inside a GOP, the rate is known only after the first frame was decoded.
    """
    rate = stream.codec_context.framerate
    return Fraction(rate) if rate and _MIN_FPS <= rate <= _MAX_FPS else _DEFAULT_FPS


class FrameTimestamps:
    """Sets the time of every frame of one stream. The first shown frame starts the stream."""

    def __init__(self, kind: str, stream: VideoStream) -> None:
        self._by_order = kind in ORDER_ONLY_CONTAINERS
        self._stream = stream
        self._counts_frames = kind in RAW_STREAMS
        self._rate: Fraction | None = None
        self._count = 0
        self._tick = stream.time_base or Fraction(1, 90_000)
        self._start = stream.start_time or 0
        self._delay: int | None = None

    def put(self, frame: VideoFrame) -> VideoFrame:
        """Set the frame's time, in the stream's ticks; None if it only follows the one before it."""
        if self._counts_frames:
            self._rate = self._rate or raw_rate(self._stream)
            frame.pts, frame.time_base = round(self._count / (self._rate * self._tick)), self._tick
            self._count += 1
        if self._by_order:
            frame.pts = self._from_decode_time(frame.dts)
        return frame

    def _from_decode_time(self, decoded: int | None) -> int | None:
        """Use decode times as presentation times, minus the delay of the decoder."""
        if decoded is None:
            return None
        if self._delay is None:
            self._delay = decoded - self._start
        return decoded - self._delay


_MAX_HELD = 32
"""Packets whose decode times may still be changed: twice the maximum reordering of H.264."""

_LONG_STEP_S = Fraction(1, 4)
"""Longer than the frame interval of most films."""

_SHORT_STEP_S = Fraction(1, 100)
"""Maximum interval of decode times that are moved to the end of a gap."""

_EVEN_WITHIN_S = Fraction(1, 1000)
_RATE_WITHIN = Fraction(1, 400)


class TailBuffer:
    """Holds back the last packets of a video stream until its end is known. All have the same time base.

    A fragment stores no duration of presentation: a frame lasts from its own decode time to the next (ISO/IEC 14496-12,
    8.8.8). With uneven intervals and reordering, that may extend far beyond the end.
    """

    def __init__(self) -> None:
        self.held: deque[AnyPacket] = deque()
        self._count = 0
        self._first: int | None = None
        self._last = 0
        self._shortest = 0
        self._longest = 0
        self._ends = 0
        self._tick = Fraction(1, 1000)

    def take(self, packet: AnyPacket) -> AnyPacket | None:
        """Hold back a packet, and return the one that is no longer held."""
        self._tick = packet.time_base
        self._delay_decode_times(packet)
        self.held.append(packet)
        return self._release_first() if len(self.held) > _MAX_HELD else None

    def _delay_decode_times(self, packet: AnyPacket) -> None:
        """Delay the decode times of held packets as far as possible if a long gap precedes a packet.

        An encoder gives a frame the decode time of an earlier one. After a gap in the times, a frame would otherwise be
        delayed by the length of the gap, and extend as far beyond the end.
        """
        before, latest = (self.held[-1].dts or 0) if self.held else 0, packet.dts or 0
        if not self.held or (latest - before) * self._tick < _LONG_STEP_S:
            return
        for earlier in reversed(self.held):
            own = max(1, min((earlier.duration or 1), _SHORT_STEP_S // self._tick))
            latest = min(earlier.pts or 0, latest - own)
            if latest <= (earlier.dts or 0):
                return
            earlier.dts = latest

    def finish(self, last_duration: int | None, until_s: float | None) -> int:
        """Adjust the last decode times so that no frame lasts beyond the end, and return the end in ticks."""
        last = max(self.held, key=lambda packet: packet.pts or 0)
        own = max(1, (last.duration if last_duration is None else last_duration) or 1)
        end = (last.pts or 0) + own
        until = end if until_s is None else round(until_s / self._tick)
        if until - end > own:
            last.duration = until - (last.pts or 0)
            end = until
        for earlier, later in pairwise(self.held):
            latest = (earlier.dts or 0) + max(1, end - (earlier.pts or 0))
            later.dts = min(later.dts or 0, latest)
        reached = max(self._reaches(), default=0)
        final = self.held[-1]
        left = end - (final.pts or 0)
        final.duration = left if final is last or reached < end else max(1, min(final.duration or 1, left))
        for packet, after in pairwise(self.held):
            self._note(packet, after.dts)
        self._note(final, None)
        return end

    def measured_rate(self, declared: Fraction) -> Fraction:
        """Return the measured frame rate; 0 if it is not higher than `declared`.

        FRAME-RATE is the highest rate of a rendition (RFC 8216 section 4.3.4.2), which cannot be known before for
        uneven ones.
        """
        if self._count == 0 or self._first is None or declared <= 0:
            return Fraction(0)
        total = max(1, self._ends - self._first)
        measured = self._count / (total * self._tick)
        even = (self._longest - self._shortest) * self._tick <= max(2 * self._tick, _EVEN_WITHIN_S)
        off = abs(measured - declared) if even else measured - declared
        return measured.limit_denominator(100_000) if off > declared * _RATE_WITHIN else Fraction(0)

    def _reaches(self) -> Iterator[int]:
        for packet, after in pairwise(self.held):
            yield (packet.pts or 0) + (after.dts or 0) - (packet.dts or 0)

    def _release_first(self) -> AnyPacket:
        packet = self.held.popleft()
        self._note(packet, self.held[0].dts)
        return packet

    def _note(self, packet: AnyPacket, next_dts: int | None) -> None:
        duration = (packet.duration or 1) if next_dts is None else next_dts - (packet.dts or 0)
        self._first = packet.dts if self._first is None else self._first
        self._shortest = min(self._shortest, duration) if self._count else duration
        self._longest = max(self._longest, duration)
        self._ends = (packet.dts or 0) + duration
        self._count += 1


DISCONTINUOUS_CONTAINERS = {"mpegts", "mpeg"}

_MAX_STEP_S, _MIN_STEP_S = 10, Fraction(-1, 2)
"""Maximum step of a track forwards and backwards; broadcasts have shorter pauses, and decode times never decrease."""

_MAX_HELD_PACKETS = 400
_DEFAULT_TICK = Fraction(1, 90_000)


class TimestampRepair:
    """Makes the times of packets continuous; some packets are held until their place is known."""

    def __init__(self, video_stream: Stream) -> None:
        self._video_stream = video_stream.index
        self._offsets = [Fraction(0)]
        self._last_s: dict[int, Fraction] = {}
        self._held: list[AnyPacket] = []

    @property
    def repaired(self) -> bool:
        """Whether there was a jump: then the declared duration is wrong."""
        return len(self._offsets) > 1

    def take(self, packet: AnyPacket) -> list[AnyPacket]:
        """Take a packet and return those that are ready, in order."""
        if self._held and packet.stream_index != self._video_stream:
            self._held.append(packet)
            return self.flush() if len(self._held) > _MAX_HELD_PACKETS else []
        if self._fits(packet):
            return [packet]
        if packet.stream_index != self._video_stream:
            self._held.append(packet)
            return []
        self._offsets.append(self._offset_after(packet))
        self._fits(packet)
        return [packet, *self.flush()]

    def flush(self) -> list[AnyPacket]:
        """Return the held packets, placed as well as possible."""
        held, self._held = self._held, []
        for packet in held:
            if not self._fits(packet):
                self._shift(packet, self._offsets[-1])
        return held

    def _fits(self, packet: AnyPacket) -> bool:
        """Place the packet by the last or the previous jump, if it continues its track."""
        time_s = _time_s(packet)
        last_s = self._last_s.get(packet.stream_index)
        if time_s is None or last_s is None:
            self._shift(packet, self._offsets[-1])
            return True
        for offset in reversed(self._offsets[-2:]):
            if _MIN_STEP_S <= time_s + offset - last_s <= _MAX_STEP_S:
                self._shift(packet, offset)
                return True
        return False

    def _offset_after(self, packet: AnyPacket) -> Fraction:
        length_s = (packet.duration or 0) * (packet.time_base or _DEFAULT_TICK)
        return self._last_s[packet.stream_index] + length_s - (_time_s(packet) or 0)

    def _shift(self, packet: AnyPacket, offset: Fraction) -> None:
        time_s = _time_s(packet)
        if time_s is not None:
            self._last_s[packet.stream_index] = time_s + offset
        if not offset:
            return
        ticks = round(offset / (packet.time_base or _DEFAULT_TICK))
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks


def _time_s(packet: AnyPacket) -> Fraction | None:
    time = packet.dts if packet.dts is not None else packet.pts
    return None if time is None else time * (packet.time_base or _DEFAULT_TICK)
