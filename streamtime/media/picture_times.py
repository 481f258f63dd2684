"""When pictures are shown: each one's time where the container tells only an order (AVI), and how long the last stays.

It knows one stream's frames in the order they are shown, or its packets in the order of the file.
"""

from fractions import Fraction

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamtime.media.source import AnyPacket

BY_ORDER = {"avi"}
"""Containers that tell an order, and no times of showing."""

RAW_STREAMS = {"h264", "hevc"}
"""Streams without a container: pictures follow each other evenly."""

CONTAINERS_WITHOUT_TIMESTAMPS = BY_ORDER | RAW_STREAMS


MAX_STILL_S = 600
"""How long one picture may last on its own word. Slides last minutes; what claims more carries a broken time."""

_SLOWEST_FPS, _FASTEST_FPS, _USUAL_FPS = Fraction(1), Fraction(240), Fraction(25)


class PacketDurations:
    """Tells how long the last picture lasts by itself: what a container says of it, where that can be true.

    MP4 gives a time from one decoding to the next. Where pictures are reordered that is not how long one is shown, so
    the shortest of all counts, which is right for steady pictures.
    """

    def __init__(self) -> None:
        self._shortest: int | None = None
        self._reordered = False
        self._last: int | None = None
        self._lasts = 0
        self.longest = 0
        """The longest step from one picture to the next, in the packets' ticks."""

    @property
    def last(self) -> int | None:
        """When the picture begins that is shown last, in the packets' ticks."""
        return self._last

    @property
    def last_duration(self) -> int:
        """How long the picture lasts that is shown last, in the packets' ticks; 0 where nobody knows."""
        return min(self._lasts, self._shortest or 0) if self._reordered else self._lasts

    def take(self, packet: AnyPacket) -> None:
        """Note one packet, in the order of the file."""
        duration = packet.duration or 0
        if packet.time_base and duration * packet.time_base > MAX_STILL_S:
            duration = self._shortest or max(1, round(1 / (_USUAL_FPS * packet.time_base)))
        if duration > 0:
            self._shortest = duration if self._shortest is None else min(self._shortest, duration)
        if packet.pts is None:
            return
        self._reordered = self._reordered or (packet.dts is not None and packet.pts != packet.dts)
        if self._last is None or packet.pts >= self._last:
            self.longest = max(self.longest, 0 if self._last is None else packet.pts - self._last)
            self._last, self._lasts = packet.pts, duration


def raw_rate(stream: VideoStream) -> Fraction:
    """Tell the rate that a stream without a container says of itself (VUI timing), else 25 pictures a second.

    Where the stream begins in the middle of a group, that is known only when the first picture was decoded.
    """
    rate = stream.codec_context.framerate
    return Fraction(rate) if rate and _SLOWEST_FPS <= rate <= _FASTEST_FPS else _USUAL_FPS


class FrameTimestamps:
    """Gives every frame of one stream its time. The first one shown begins the stream, as its sound does."""

    def __init__(self, kind: str, stream: VideoStream) -> None:
        self._by_order = kind in BY_ORDER
        self._stream = stream
        self._counts = kind in RAW_STREAMS
        self._rate: Fraction | None = None
        self._count = 0
        self._tick = stream.time_base or Fraction(1, 90_000)
        self._start = stream.start_time or 0
        self._delay: int | None = None

    def put(self, frame: VideoFrame) -> VideoFrame:
        """Set the frame's time, in the stream's ticks; None where it only follows the one before it."""
        if self._counts:
            self._rate = self._rate or raw_rate(self._stream)
            frame.pts, frame.time_base = round(self._count / (self._rate * self._tick)), self._tick
            self._count += 1
        if self._by_order:
            frame.pts = self._in_order(frame.dts)
        return frame

    def _in_order(self, decoded: int | None) -> int | None:
        """Read decode times as times of showing, less the time by which a decoder holds pictures back."""
        if decoded is None:
            return None
        if self._delay is None:
            self._delay = decoded - self._start
        return decoded - self._delay
