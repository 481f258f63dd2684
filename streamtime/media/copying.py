"""Copies video and audio without encoding: packets of the source become packets of a rendition.

It checks what `copy_check.py` could not see in the first seconds, and fails if the rest of the file is not copyable;
the server then encodes it instead.
"""

import io
import math
import struct
from collections.abc import Callable
from fractions import Fraction

import av
import av.error
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamtime.media import order_errors
from streamtime.media.channel import Reporter
from streamtime.media.copy_check import MAX_GOP_S, MIN_SEGMENT_S, OPEN_GOP_OBSTACLE, is_idr
from streamtime.media.rendition_writer import OutputTarget, RenditionWriter
from streamtime.media.resume import exact_ticks
from streamtime.media.source import AnyPacket
from streamtime.media.timestamps import PacketDurations
from streamtime.media.video_stream import Orientation, frame_rate, prepare_decoder, shown_size
from streamtime.workers.protocol import RenditionStarted, Resume

_MICRO = 1_000_000
_MAX_HELD_PACKETS = 32
AUDIO_FRAGMENT_S = 4
_AAC_FRAME_SAMPLES = 1024
_MAX_DRIFT_S = Fraction(20, 1000)
_TOLERATED_SHORTAGE_S = 1.0
_MAX_AUDIO_GAP_S = Fraction(1, 10)
_RARE_KEYFRAMES = f"its keyframes are more than {MAX_GOP_S} s apart"
_NOT_WRITABLE = (av.error.FFmpegError, ValueError, LookupError, struct.error)
"""Errors of the muxer, or of parsing its output, for packets that do not fit into an MP4.

Not `OSError`, although an `FFmpegError` may be one: a full disk is not caused by the packets.
"""


class VideoCopy:
    """Copies one video stream from the first keyframe at or after the origin, which is shown from the origin on."""

    def __init__(self, output: int, descriptor: int, source: VideoStream, origin_us: int, reporter: Reporter) -> None:
        self._tick = source.time_base or Fraction(1, 90_000)
        # The origin was rounded down to microseconds: the first tick at or after it is exact.
        self._origin = math.ceil(Fraction(origin_us, _MICRO) / self._tick)
        self._extradata = source.codec_context.extradata
        self._held: list[AnyPacket] = []
        self._keyframe: int | None = None
        self._gop_start = 0
        self.until_s: float | None = None
        self._last_dts: int | None = None
        self._durations = PacketDurations()
        self._writer = RenditionWriter(
            OutputTarget(output, descriptor, reporter),
            lambda container: _video_stream(container, source),
            check=_check_first_segment,
            fragment_options={"min_frag_duration": str(int(MIN_SEGMENT_S * _MICRO))},
            describe=lambda codecs, init_length, timescale: _describe_video(
                output, source, codecs, init_length, timescale
            ),
        )

    @property
    def end_s(self) -> float:
        """End of the copy, in seconds."""
        return self._writer.end_s

    def take(self, packet: AnyPacket) -> None:
        """Copy one packet.

        Raises:
            OrderError: with `copy_unfit` if the file does not stay copyable.
        """
        if packet.pts is None:
            raise order_errors.copy_unfit("some of its frames have no timestamp")
        if self._keyframe is None and (not packet.is_keyframe or packet.pts < self._origin):
            return
        self._check_packet(packet, packet.pts)
        if packet.dts is None:
            self._hold(packet)
            return
        self._release(packet.dts)
        self._write(packet)

    def finish(self) -> None:
        """Write what is left.

        Raises:
            OrderError: with `copy_unfit` if the output does not play to its end.
        """
        if self._keyframe is None:
            raise order_errors.copy_unfit("it has no keyframe")
        if self._held:
            self._release((self._held[-1].pts or 0) + max(1, self._held[-1].duration or 1))
        expected_end_s = max(self.until_s or 0.0, self.end_s)
        if expected_end_s - self.end_s > _TOLERATED_SHORTAGE_S:
            raise order_errors.copy_unfit("its video ends before its audio")
        if expected_end_s - float((self._gop_start - self._origin) * self._tick) > MAX_GOP_S:
            raise order_errors.copy_unfit(_RARE_KEYFRAMES)
        try:
            self._writer.finish(self.until_s, last_duration=self._durations.last_duration)
        except _NOT_WRITABLE as error:
            raise _unwritable(error, order_errors.copy_unfit) from error
        if not self._writer.segments:
            raise order_errors.copy_unfit("nothing of it could be written")

    def _check_packet(self, packet: AnyPacket, pts: int) -> None:
        if packet.has_sidedata("new_extradata"):
            raise order_errors.copy_unfit("its format changes midway")
        if self._keyframe is not None and pts < self._keyframe:
            raise order_errors.copy_unfit("some frames are shown before the keyframe they follow")
        if self._keyframe is not None and (pts - self._gop_start) * self._tick > MAX_GOP_S:
            raise order_errors.copy_unfit(_RARE_KEYFRAMES)
        if packet.is_keyframe:
            if not is_idr(packet, self._extradata):
                raise order_errors.copy_unfit(OPEN_GOP_OBSTACLE)
            self._gop_start = self._origin if self._keyframe is None else pts
            self._keyframe = pts

    def _hold(self, packet: AnyPacket) -> None:
        """Keep a packet without a decode time: the first few of a Matroska file."""
        if self._last_dts is not None or len(self._held) >= _MAX_HELD_PACKETS:
            raise order_errors.copy_unfit("it does not store when its frames are decoded")
        self._held.append(packet)

    def _release(self, dts: int) -> None:
        """Write the kept packets before a packet that is decoded at `dts`: each is decoded before it is shown."""
        held, self._held = self._held, []
        for packet in reversed(held):
            dts = min(dts - max(1, packet.duration or 1), packet.pts or 0)
            packet.dts = dts
        for packet in held:
            self._write(packet)

    def _write(self, packet: AnyPacket) -> None:
        dts, pts = packet.dts or 0, packet.pts or 0
        if self._last_dts is not None and dts <= self._last_dts:
            raise order_errors.copy_unfit("its timestamps go backwards")
        if pts < dts:
            raise order_errors.copy_unfit("some frames are shown before they are decoded")
        if self._last_dts is None:
            # Audio starts earlier: the first frame is shown and decoded earlier, and lasts until the second one.
            pts, dts = self._origin, dts - (pts - self._origin)
        self._last_dts = dts
        self._durations.take(packet)
        packet.dts = dts - self._origin
        packet.pts = pts - self._origin
        try:
            self._writer.mux(packet)
        except _NOT_WRITABLE as error:
            raise _unwritable(error, order_errors.copy_unfit) from error


def _check_first_segment(data: bytes) -> None:
    """Decode the first frame of the output, as a player would.

    Raises:
        OrderError: with `copy_unfit` if that gives no frame.
    """
    frame: VideoFrame | None = None
    try:
        with av.open(io.BytesIO(data), "r", format="mp4") as container:
            stream = container.streams.video[0]
            prepare_decoder(stream, threads=1)
            frame = next(container.decode(stream), None)
    except (av.error.FFmpegError, IndexError):
        frame = None
    if frame is None or frame.is_corrupt:
        raise order_errors.copy_unfit("its first frame cannot be decoded by itself")


def _unwritable(error: Exception, make_error: Callable[[str], order_errors.OrderError]) -> Exception:
    """Convert an error of the muxer to a failed copy; a disk error stays one."""
    if isinstance(error, OSError) and error.errno in order_errors.DISK_ERRNOS:
        return error
    return make_error("it cannot be written as it is")


def _video_stream(container: OutputContainer, source: VideoStream) -> Stream:
    return container.add_stream_from_template(source, opaque=True)


def _describe_video(
    output: int, source: VideoStream, codecs: str, init_length: int, timescale: int
) -> RenditionStarted:
    width, height = shown_size(source, Orientation())
    rate = frame_rate(source)
    return RenditionStarted(output, codecs, init_length, timescale, width, height, rate.numerator, rate.denominator)


class AudioCopy:
    """Copies one AAC track from the first packet at or after the origin, with times counted in samples.

    Containers round times (Matroska to milliseconds); counting samples keeps fragments free of tiny gaps.
    """

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
        self._rate = source.codec_context.sample_rate
        self._tick = source.time_base or Fraction(1, self._rate)
        self._origin_s = Fraction(origin_us, _MICRO)
        self._next: int | None = None
        self.until_s: float | None = None
        self._start = exact_ticks(resume.starts_s, Fraction(1, self._rate)) if resume else 0
        channels = source.codec_context.channels
        self._writer = RenditionWriter(
            OutputTarget(output, descriptor, reporter),
            lambda container: container.add_stream_from_template(source, opaque=True),
            fragment_options={"frag_duration": str(AUDIO_FRAGMENT_S * _MICRO)},
            describe=lambda codecs, init_length, timescale: RenditionStarted(
                output, codecs, init_length, timescale, channels=channels, sample_rate_hz=self._rate
            ),
            resume=resume,
        )

    @property
    def end_s(self) -> float:
        """End of the copy, in seconds."""
        return self._writer.end_s

    def take(self, packet: AnyPacket) -> None:
        """Copy one packet.

        Raises:
            OrderError: with `audio_copy_unfit` if there is a gap that only encoding can fill.
        """
        time = packet.pts if packet.pts is not None else packet.dts
        position = None if time is None else round((time * self._tick - self._origin_s) * self._rate)
        if self._next is None:
            # Rounded times may place the very first packet slightly early.
            early = _AAC_FRAME_SAMPLES // 2 if self._start else self._rate // 1000
            if position is None or position < self._start - early:
                return
            self._next = self._start or max(0, position)
        if position is not None and not self._is_contiguous(position):
            return
        self._write(packet)

    def finish(self) -> None:
        """Write what is left.

        Raises:
            OrderError: with `audio_copy_unfit` if the track is too short: players wait for audio.
        """
        if (self.until_s or 0.0) - self.end_s > _TOLERATED_SHORTAGE_S:
            raise order_errors.audio_copy_unfit("it ends before the video")
        try:
            self._writer.finish()
        except _NOT_WRITABLE as error:
            raise _unwritable(error, order_errors.audio_copy_unfit) from error

    def _is_contiguous(self, position: int) -> bool:
        """Return whether the packet continues the last one, after closing a small gap."""
        late_s = Fraction(position - (self._next or 0), self._rate)
        if late_s > _MAX_AUDIO_GAP_S:
            raise order_errors.audio_copy_unfit("it has gaps")
        if late_s > _MAX_DRIFT_S:
            self._next = position
        return late_s > -_MAX_DRIFT_S

    def _write(self, packet: AnyPacket) -> None:
        packet.time_base = Fraction(1, self._rate)
        packet.pts = packet.dts = self._next
        packet.duration = _AAC_FRAME_SAMPLES
        self._next = (self._next or 0) + _AAC_FRAME_SAMPLES
        try:
            self._writer.mux(packet)
        except _NOT_WRITABLE as error:
            raise _unwritable(error, order_errors.audio_copy_unfit) from error
