"""Keeps encoded sound below -1 dBFS as a player decodes it, without making ordinary sound quieter.

Two channels mixed from eight reach 2.4 times full scale, samples of floating point any height, and AAC adds its own:
to a sine some hundredths, to noise up to three quarters. So a limiter stands before the encoder, at twice the sample
rate, where most of what lies between samples shows. What was encoded is decoded again, and the limiter's ceiling
follows the highest peak found there. The ceiling begins where full-scale noise still passes.
"""

from collections import deque
from fractions import Fraction
from itertools import pairwise

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.filter import Graph

from streamtime.media.source import AnyPacket

_PEAK = 0.84
"""What is aimed at, of full scale: -1.5 dBFS, half a decibel under what is promised."""

_FIRST_CEILING, _LOWEST_CEILING, _HIGHEST_CEILING = 0.48, 0.2, 0.8
_RISE = 1.01
"""From one packet to the next at most: 4 dB a second."""

_DISTANCE = 0.9
"""How near it rises to the highest ceiling that would have done so far: no two packets of noise are alike."""

_MIN_CEILING_CHANGE = 0.004
_REMEMBERED_PACKETS = 500
_LOUD = 0.6
"""Only packets that reach this share of the ceiling tell what the encoder adds to loud sound."""

_AGAIN_ERRNOS = (11, 541478725)


class PeakLimiter:
    """Stereo frames of `rate_hz` in, as many samples out, a few milliseconds behind; it hears what was made of them."""

    def __init__(self, rate_hz: int) -> None:
        self._tick = Fraction(1, rate_hz)
        self._ceiling = self._applied_ceiling = _FIRST_CEILING
        self._added: deque[float] = deque(maxlen=_REMEMBERED_PACKETS)
        self._pushed = 0
        self._decoder: AudioCodecContext | None = None
        self._graph = Graph()
        self._graph.threads = 1
        self._input = self._graph.add_abuffer(sample_rate=rate_hz, format="fltp", layout="stereo", time_base=self._tick)
        self._limiter = self._graph.add(
            "alimiter", f"limit={_FIRST_CEILING}:level=false:latency=true:attack=5:release=50"
        )
        steps = (
            self._input,
            self._graph.add("aresample", str(2 * rate_hz)),
            self._limiter,
            self._graph.add("aresample", str(rate_hz)),
            self._graph.add("aformat", f"sample_fmts=fltp:channel_layouts=stereo:sample_rates={rate_hz}"),
            self._graph.add("abuffersink"),
        )
        for earlier, later in pairwise(steps):
            earlier.link_to(later)
        self._graph.configure()

    def take(self, frame: AudioFrame) -> list[AudioFrame]:
        """Limit one frame and give what is ready; its time does not matter."""
        frame.pts, frame.time_base = self._pushed, self._tick
        self._pushed += frame.samples
        self._input.push(frame)
        return self._drain()

    def flush(self) -> list[AudioFrame]:
        """Give the rest; nothing follows."""
        self._input.push(None)
        return self._drain()

    def observe(self, encoder: AudioStream, packet: AnyPacket) -> None:
        """Decode what the encoder made, and set the ceiling by it."""
        if self._decoder is None:
            self._decoder = AudioCodecContext.create("aac", "r")
            self._decoder.extradata = encoder.codec_context.extradata
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError:
            return
        for frame in frames:
            self._adjust_ceiling(_peak(frame))

    def _adjust_ceiling(self, peak: float) -> None:
        if peak < _LOUD * self._ceiling:
            return
        self._added.append(peak / self._ceiling)
        highest = _PEAK / max(self._added)
        risen = max(self._ceiling, min(_DISTANCE * highest, _HIGHEST_CEILING, self._ceiling * _RISE))
        self._ceiling = max(_LOWEST_CEILING, min(highest, risen))
        if abs(self._ceiling - self._applied_ceiling) > _MIN_CEILING_CHANGE:
            self._applied_ceiling = self._ceiling
            self._limiter.process_command("limit", f"{self._ceiling:.4f}")

    def _drain(self) -> list[AudioFrame]:
        frames: list[AudioFrame] = []
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                return frames
            except av.error.FFmpegError as error:
                if error.errno in _AGAIN_ERRNOS:
                    return frames
                raise
            if isinstance(frame, AudioFrame):
                frames.append(frame)


def _peak(frame: AudioFrame) -> float:
    heights = [memoryview(plane)[: 4 * frame.samples].cast("f") for plane in frame.planes]
    return max(*map(max, heights), *(-min(height) for height in heights))
