"""Reads the cues of one subtitle track: FFmpeg decodes text formats to ASS events, which `captions/ass.py` parses."""

from fractions import Fraction

import av.error
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

from streamtime.captions.ass import parse_event, parse_header
from streamtime.captions.cue import MAX_CHARACTERS, MAX_CUES, Cue, normalize_cues
from streamtime.media.channel import Reporter
from streamtime.media.source import AnyPacket
from streamtime.workers.protocol import CuesRead

_CHARACTERS_A_MESSAGE = 50_000
_MAX_HEADER_BYTES = 1 << 20
_UNTIMED_MS = 5_000
"""Duration of a cue that has none."""

_MS = 1000


class CaptionReader:
    """Collects the cues of one subtitle track and sends them at the end."""

    def __init__(self, stream: SubtitleStream, origin_us: int, reporter: Reporter) -> None:
        self._stream = stream
        self._origin_ms = Fraction(origin_us, 1000)
        self._reporter = reporter
        header = stream.codec_context.extradata if stream.codec_context.codec.canonical_name in {"ass", "ssa"} else None
        self._header = parse_header((header or b"")[:_MAX_HEADER_BYTES].decode("utf-8", "replace"))
        self._cues: list[Cue] = []
        self._remaining_characters = 2 * MAX_CHARACTERS

    def take(self, packet: AnyPacket) -> None:
        """Decode one packet; a damaged one is skipped."""
        if packet.pts is None or self._remaining_characters < 0 or len(self._cues) >= MAX_CUES:
            return
        try:
            decoded = self._stream.decode2(packet)
        except av.error.FFmpegError:
            return
        start_ms, end_ms = self._times(packet)
        for rect in decoded or ():
            if isinstance(rect, AssSubtitle):
                line = rect.ass.decode("utf-8", "replace")
                self._remaining_characters -= len(line)
                self._cues.append(parse_event(self._header, start_ms, end_ms, line))

    def finish(self) -> None:
        """Send all cues, in messages of limited size."""
        batch: list[Cue] = []
        size = 0
        for cue in normalize_cues(self._cues):
            batch.append(cue)
            size += len(cue.text) + _MS
            if size > _CHARACTERS_A_MESSAGE:
                self._reporter.send(CuesRead(self._stream.index, tuple(batch), last=False))
                batch, size = [], 0
        self._reporter.send(CuesRead(self._stream.index, tuple(batch), last=True))

    def _times(self, packet: AnyPacket) -> tuple[int, int]:
        tick = (packet.time_base or Fraction(1, _MS)) * _MS
        start_ms = (packet.pts or 0) * tick - self._origin_ms
        length_ms = packet.duration * tick if packet.duration else _UNTIMED_MS
        # A cue before the first frame is shown with that frame.
        return max(0, round(start_ms)), round(start_ms + length_ms)
