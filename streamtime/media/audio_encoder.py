"""Encodes one audio track to AAC-LC, stereo, 48 kHz, in sync with the video.

Samples are placed on the video's timeline: those before the origin are cut, gaps (a late start, more than 20 ms) become
silence, overlaps are dropped.

A limiter keeps the decoded result below -1 dBFS without making ordinary audio quieter: downmixing eight channels
reaches 2.4 times full scale, floating-point samples any level, and AAC adds a few hundredths to a sine and up to three
quarters to noise. It runs before the encoder at twice the sample rate, which reveals most inter-sample peaks. The
encoded packets are decoded again, and the limiter's ceiling follows the highest peak found. It starts at a level that
full-scale noise needs.
"""

from collections import deque
from fractions import Fraction
from itertools import pairwise

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.stream import Stream

from streamtime.media.channel import Reporter
from streamtime.media.copying import AUDIO_FRAGMENT_S
from streamtime.media.rendition_writer import OutputTarget, RenditionWriter
from streamtime.media.resume import check_first, exact_ticks
from streamtime.media.source import DECODER_WHITELIST, AnyPacket
from streamtime.workers.protocol import RenditionStarted, Resume

_PEAK = 0.84
"""Target level, as a share of full scale: -1.5 dBFS, half a decibel below the guaranteed level."""

_INITIAL_CEILING, _MIN_CEILING, _MAX_CEILING = 0.48, 0.2, 0.8
_MAX_RISE = 1.01
"""Maximum rise from one packet to the next: 4 dB a second."""

_CEILING_MARGIN = 0.9
"""Share of the highest ceiling that would have been sufficient so far; packets of noise differ."""

_MIN_CEILING_CHANGE = 0.004
_HISTORY_PACKETS = 500
_LOUD_SHARE = 0.6
"""Only packets that reach this share of the ceiling tell what the encoder adds to loud audio."""

_AGAIN_ERRNOS = (11, 541478725)


class PeakLimiter:
    """Limits stereo frames of `rate_hz`, with a few milliseconds of delay, by feedback from the encoded packets."""

    def __init__(self, rate_hz: int) -> None:
        self._tick = Fraction(1, rate_hz)
        self._ceiling = self._applied_ceiling = _INITIAL_CEILING
        self._gains: deque[float] = deque(maxlen=_HISTORY_PACKETS)
        self._pushed = 0
        self._decoder: AudioCodecContext | None = None
        self._graph = Graph()
        self._graph.threads = 1
        self._input = self._graph.add_abuffer(sample_rate=rate_hz, format="fltp", layout="stereo", time_base=self._tick)
        self._limiter = self._graph.add(
            "alimiter", f"limit={_INITIAL_CEILING}:level=false:latency=true:attack=5:release=50"
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
        """Limit one frame and return what is ready; its time is ignored."""
        frame.pts, frame.time_base = self._pushed, self._tick
        self._pushed += frame.samples
        self._input.push(frame)
        return self._drain()

    def flush(self) -> list[AudioFrame]:
        """Return the rest; no frames may follow."""
        self._input.push(None)
        return self._drain()

    def observe(self, encoder: AudioStream, packet: AnyPacket) -> None:
        """Decode an encoded packet and adjust the ceiling."""
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
        if peak < _LOUD_SHARE * self._ceiling:
            return
        self._gains.append(peak / self._ceiling)
        highest = _PEAK / max(self._gains)
        raised = max(self._ceiling, min(_CEILING_MARGIN * highest, _MAX_CEILING, self._ceiling * _MAX_RISE))
        self._ceiling = max(_MIN_CEILING, min(highest, raised))
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
    channels = [memoryview(plane)[: 4 * frame.samples].cast("f") for plane in frame.planes]
    return max(*map(max, channels), *(-min(height) for height in channels))


RATE_HZ = 48_000
BITRATE_BPS = 128_000
_CHANNELS = 2
_TICK = Fraction(1, RATE_HZ)
_FRAME_SAMPLES = 1024
_PREROLL_SAMPLES = 2 * _FRAME_SAMPLES
"""After this many samples, a resumed encoder writes the same packets as one that never stopped."""

_SAMPLE_BYTES = 4
_TOLERATED_SAMPLES = RATE_HZ // 50
_TOLERATED_SHORTAGE_SAMPLES = RATE_HZ // 4
_MAX_GAP_SAMPLES = RATE_HZ * 3600
"""A longer gap is a broken timestamp, not silence: it is ignored."""

_MAX_SILENCE_SAMPLES = RATE_HZ * 3600 * 12
_MICRO = 1_000_000


class AudioEncoder:
    """Takes packets of one track and writes one rendition."""

    def __init__(
        self,
        output: int,
        descriptor: int,
        source: AudioStream,
        origin_us: int,
        reporter: Reporter,
        *,
        resume: Resume | None = None,
    ) -> None:
        self._source = source
        self._origin = round(Fraction(origin_us * RATE_HZ, _MICRO))
        self._samples_per_tick = (source.time_base or Fraction(1, RATE_HZ)) * RATE_HZ
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._fifo = AudioFifo()
        self._limiter = PeakLimiter(RATE_HZ)
        self._start = exact_ticks(resume.starts_s, _TICK) if resume else 0
        self._first_start = self._encoded = self._received = max(0, self._start - _PREROLL_SAMPLES)
        self._has_position = False
        self.until_s: float | None = None
        self.latest_s: float | None = None
        """Later times are considered broken, in seconds."""
        source.codec_context.thread_count = 1
        source.codec_context.options = {"codec_whitelist": DECODER_WHITELIST}
        self._writer = RenditionWriter(
            OutputTarget(output, descriptor, reporter),
            self._make_stream,
            fragment_options={"frag_duration": str(AUDIO_FRAGMENT_S * _MICRO)},
            describe=lambda codecs, init_length, timescale: RenditionStarted(
                output, codecs, init_length, timescale, channels=_CHANNELS, sample_rate_hz=RATE_HZ
            ),
            resume=resume,
        )

    @property
    def end_s(self) -> float:
        """End of the audio, in seconds."""
        return self._writer.end_s

    def take(self, packet: AnyPacket | None) -> None:
        """Decode one packet and encode what is ready; None drains the decoder. A damaged packet becomes silence."""
        try:
            frames = self._source.decode(packet)
        except av.error.FFmpegError:
            return
        for frame in frames:
            self._place(frame)
        self._encode_ready()

    def finish(self) -> None:
        """Encode and write what is left."""
        self.take(None)
        self._limit(self._resampled(None))
        missing = round((self.until_s or 0.0) * RATE_HZ) - self._received
        if missing > _TOLERATED_SHORTAGE_SAMPLES:
            # Players need audio as long as there is video.
            self._add_silence(min(missing, _MAX_SILENCE_SAMPLES))
        self._buffer(self._limiter.flush())
        if self._fifo.samples % _FRAME_SAMPLES:
            self._buffer([_silence(_FRAME_SAMPLES - self._fifo.samples % _FRAME_SAMPLES)])
        self._encode_ready()
        if self._encoded:
            self._mux(None)
        self._writer.finish()

    def _make_stream(self, container: OutputContainer) -> Stream:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="stereo", format="fltp", bit_rate=BITRATE_BPS)
        stream.time_base = Fraction(1, RATE_HZ)
        self._encoder = stream
        return stream

    def _place(self, frame: AudioFrame) -> None:
        frames = self._resampled(frame)
        if frame.pts is not None:
            scale = self._samples_per_tick
            start = frame.pts * scale.numerator // scale.denominator - self._origin
            if self._first_start and not self._has_position:
                check_first(frame, start, self._first_start)
            self._has_position = True
            late = start - self._received
            broken = late > _MAX_GAP_SAMPLES or (self.latest_s is not None and start > self.latest_s * RATE_HZ)
            if late > _TOLERATED_SAMPLES and not broken:
                self._add_silence(late)
            elif late < -_TOLERATED_SAMPLES or (late < 0 and self._received == self._first_start):
                frames = _without_head(frames, -late)
        self._limit(frames)

    def _resampled(self, frame: AudioFrame | None) -> list[AudioFrame]:
        flushed: list[AudioFrame] = []
        shape = (frame.format.name, frame.layout.name, frame.sample_rate) if frame is not None else self._shape
        if self._resampler is not None and shape != self._shape:
            # The track's format changed. A resampler that had nothing to convert does not notice.
            flushed = self._resampler.resample(None)
            self._resampler = None
        self._shape = shape
        if self._resampler is None:
            self._resampler = AudioResampler("fltp", "stereo", RATE_HZ)
        return flushed + self._resampler.resample(frame)

    def _limit(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            if not frame.samples:
                continue
            self._received += frame.samples
            self._buffer(self._limiter.take(frame))

    def _buffer(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            frame.pts = None
            # A new resampler, created after a format change, may use another time base.
            frame.time_base = _TICK
            self._fifo.write(frame)

    def _add_silence(self, samples: int) -> None:
        while samples > 0:
            length = min(samples, RATE_HZ)
            self._limit([_silence(length)])
            self._encode_ready()
            samples -= length

    def _encode_ready(self) -> None:
        while (frame := self._fifo.read(_FRAME_SAMPLES)) is not None:
            frame.pts = self._encoded
            frame.time_base = _TICK
            self._encoded += frame.samples
            self._mux(frame)

    def _mux(self, frame: AudioFrame | None) -> None:
        for packet in self._encoder.encode(frame):
            self._limiter.observe(self._encoder, packet)
            # Packets before the start are encoder priming, or the preroll after a resume.
            if (packet.pts or 0) >= self._start and packet.duration:
                self._writer.mux(packet)


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame("fltp", "stereo", samples)
    frame.sample_rate = RATE_HZ
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame


def _without_head(frames: list[AudioFrame], samples: int) -> list[AudioFrame]:
    fifo = AudioFifo()
    for frame in frames:
        frame.pts = None
        fifo.write(frame)
    if not frames or fifo.samples <= samples:
        return []
    if samples:
        fifo.read(samples)
    rest = fifo.read()
    return [rest] if rest else []
