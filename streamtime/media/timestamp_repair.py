"""Makes the times of a recording run on where they jump: a broadcast that began anew, or files that were joined.

It knows packets in the order of the file. Only what calls itself a stream (MPEG-TS, MPEG-PS) may jump; the picture
decides where, so that whoever reads the file for one track alone sees the same jumps.
"""

from fractions import Fraction

from av.stream import Stream

from streamtime.media.source import AnyPacket

DISCONTINUOUS_CONTAINERS = {"mpegts", "mpeg"}

_FURTHEST_ON_S, _FURTHEST_BACK_S = 10, Fraction(-1, 2)
"""From one packet of a track to its next; a pause in a broadcast is shorter, and times of decoding never go back."""

_MAX_WAITING = 400
_USUAL_TICK = Fraction(1, 90_000)


class TimestampRepair:
    """Packets in, the same ones out with times that run on; some wait until it is clear where they belong."""

    def __init__(self, picture: Stream) -> None:
        self._picture = picture.index
        self._offsets = [Fraction(0)]
        self._last_s: dict[int, Fraction] = {}
        self._waiting: list[AnyPacket] = []

    @property
    def repaired(self) -> bool:
        """Whether there was any jump: then the file does not know its own length."""
        return len(self._offsets) > 1

    def take(self, packet: AnyPacket) -> list[AnyPacket]:
        """Give what can go on, in order."""
        if self._waiting and packet.stream_index != self._picture:
            self._waiting.append(packet)
            return self.flush() if len(self._waiting) > _MAX_WAITING else []
        if self._fits(packet):
            return [packet]
        if packet.stream_index != self._picture:
            self._waiting.append(packet)
            return []
        self._offsets.append(self._offset_after(packet))
        self._fits(packet)
        return [packet, *self.flush()]

    def flush(self) -> list[AnyPacket]:
        """Give what waits, as well as it can be placed."""
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            if not self._fits(packet):
                self._shift(packet, self._offsets[-1])
        return waiting

    def _fits(self, packet: AnyPacket) -> bool:
        """Place the packet by the last jump, or the one before it, if it goes on from its track's last packet."""
        time_s = _time_s(packet)
        last_s = self._last_s.get(packet.stream_index)
        if time_s is None or last_s is None:
            self._shift(packet, self._offsets[-1])
            return True
        for offset in reversed(self._offsets[-2:]):
            if _FURTHEST_BACK_S <= time_s + offset - last_s <= _FURTHEST_ON_S:
                self._shift(packet, offset)
                return True
        return False

    def _offset_after(self, packet: AnyPacket) -> Fraction:
        length_s = (packet.duration or 0) * (packet.time_base or _USUAL_TICK)
        return self._last_s[packet.stream_index] + length_s - (_time_s(packet) or 0)

    def _shift(self, packet: AnyPacket, offset: Fraction) -> None:
        time_s = _time_s(packet)
        if time_s is not None:
            self._last_s[packet.stream_index] = time_s + offset
        if not offset:
            return
        ticks = round(offset / (packet.time_base or _USUAL_TICK))
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks


def _time_s(packet: AnyPacket) -> Fraction | None:
    time = packet.dts if packet.dts is not None else packet.pts
    return None if time is None else time * (packet.time_base or _USUAL_TICK)
