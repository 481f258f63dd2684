"""Carries out a `Cut`: writes the wanted parts of a source, one after another, to a new file.

Without `exact` no track is encoded: video packets are copied from keyframe to keyframe (`cut_plan.py`). With it the
video is encoded, frame by frame. Audio packets are copied in both cases, so audio may be off by half a packet at a
joint, at most 32 ms. Times are those of the parts put end to end; no metadata of the file is copied but the languages
and titles of its audio tracks.
"""

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamtime.media import order_errors
from streamtime.media.channel import Channel, Reporter
from streamtime.media.cut_encoder import FrameCutter, Piece
from streamtime.media.cut_plan import PacketTable, PlannedPart, decode_times, plan_parts
from streamtime.media.source import AnyPacket, container_name, open_source, packets_of
from streamtime.media.timestamps import CONTAINERS_WITHOUT_TIMESTAMPS, DISCONTINUOUS_CONTAINERS, TimestampRepair
from streamtime.media.video_stream import AUDIO_ONLY, decode_frame, has_decoder, prepare_decoder
from streamtime.workers.cut_order import Cut, CutPart, CutWritten
from streamtime.workers.protocol import OrderDone

_MICRO = 1_000_000
_MP4_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""Codecs that players expect in MP4; a file with any other becomes Matroska."""

_MAX_PACKETS_TO_FRAME = 64


class OutputFile:
    """A file object on an open descriptor, for a muxer that seeks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self.length = 0

    def write(self, data: bytes) -> int:
        """Write all bytes at the position."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, self._position)
            self._position += written
            view = view[written:]
        self.length = max(self.length, self._position)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position


def lay_out(spans: Sequence[tuple[Fraction, Fraction]]) -> list[Piece]:
    """Put parts end to end."""
    pieces: list[Piece] = []
    at_s = Fraction(0)
    for start_s, end_s in spans:
        pieces.append(Piece(start_s, end_s, at_s))
        at_s += end_s - start_s
    return pieces


class Cutter:
    """Executes one order."""

    def __init__(self, descriptor: int, order: Cut, output: int, channel: Channel) -> None:
        self._descriptor = descriptor
        self._order = order
        self._output = output
        self._channel = channel
        self._origin_s = Fraction(order.origin_us, _MICRO)
        self._reporter = Reporter(channel, (order.duration_ms or 0) / 1000 or None)
        self._wanted = [
            (self._origin_s + Fraction(part.start_ms, 1000), self._origin_s + Fraction(part.end_ms, 1000))
            for part in order.parts
        ]

    def run(self) -> OrderDone:
        """Execute the order.

        Raises:
            OrderError: with `cut_unfit` if the file cannot be cut in this way.
            OSError: if the output cannot be written.
        """
        with open_source(self._descriptor) as container:
            kind = self._container_kind(container)
            file = OutputFile(self._output)
            with av.open(file, "w", format=kind) as output:
                pieces = self._write(container, output)
        self._verify(pieces)
        parts = tuple(
            CutPart(_ms(piece.start_s - self._origin_s), _ms(piece.end_s - self._origin_s)) for piece in pieces
        )
        self._reporter.send(CutWritten(file.length, parts, kind))
        return OrderDone(sum(part.end_ms - part.start_ms for part in parts))

    def _write(self, container: InputContainer, output: OutputContainer) -> list[Piece]:
        video = self._video_stream(container)
        audios = [AudioCutter(stream, output) for stream in self._audio_streams(container)]
        if video is None:
            pieces = lay_out(self._wanted)
            self._copy_audio(container, output, audios, pieces)
            return pieces
        if self._order.exact:
            return self._encode(container, video, output, audios)
        return self._copy(container, video, output, audios)

    def _copy(
        self, container: InputContainer, video: VideoStream, output: OutputContainer, audios: list["AudioCutter"]
    ) -> list[Piece]:
        tick = _tick(video)
        table = self._scan(video.index)
        wanted = [(round(start / tick), round(end / tick)) for start, end in self._wanted]
        parts = plan_parts(table, wanted)
        if not parts:
            raise order_errors.cut_unfit("it has too few keyframes there")
        pieces = lay_out([(part.start * tick, part.end * tick) for part in parts])
        target = output.add_stream_from_template(video, opaque=True)
        copier = VideoPartCopier(table, parts)
        for audio in audios:
            audio.pieces = pieces
        for packet in self._read(container, [video, *(audio.source for audio in audios)]):
            if packet.stream_index == video.index:
                if copier.take(packet):
                    packet.stream = target
                    output.mux(packet)
            else:
                _audio_of(audios, packet).take(packet, output)
        return pieces

    def _encode(
        self, container: InputContainer, video: VideoStream, output: OutputContainer, audios: list["AudioCutter"]
    ) -> list[Piece]:
        pieces = lay_out(self._wanted)
        cutter = FrameCutter(self._descriptor, video, output, pieces)
        for audio in audios:
            audio.pieces = pieces
        repair = TimestampRepair(video) if container_name(container) in DISCONTINUOUS_CONTAINERS else None
        for read in self._read(container, [video, *(audio.source for audio in audios)]):
            for packet in repair.take(read) if repair else (read,):
                self._take(packet, video, cutter, audios, output)
        for packet in repair.flush() if repair else ():
            self._take(packet, video, cutter, audios, output)
        cutter.finish()
        return pieces

    def _take(
        self,
        packet: AnyPacket,
        video: VideoStream,
        cutter: FrameCutter,
        audios: list["AudioCutter"],
        output: OutputContainer,
    ) -> None:
        if packet.stream_index == video.index:
            cutter.take(packet)
        else:
            _audio_of(audios, packet).take(packet, output)

    def _copy_audio(
        self, container: InputContainer, output: OutputContainer, audios: list["AudioCutter"], pieces: list[Piece]
    ) -> None:
        for audio in audios:
            audio.pieces = pieces
        for packet in self._read(container, [audio.source for audio in audios]):
            _audio_of(audios, packet).take(packet, output)

    def _scan(self, index: int) -> PacketTable:
        """Read the times of all video packets."""
        table = PacketTable()
        with open_source(self._descriptor) as container:
            if container_name(container) in CONTAINERS_WITHOUT_TIMESTAMPS:
                raise order_errors.cut_unfit("its container does not store when frames are shown")
            for packet in self._read(container, [container.streams[index]], report=False):
                if not packet.size:
                    continue
                if packet.pts is None:
                    raise order_errors.cut_unfit("some of its frames have no timestamp")
                table.add(packet.pts, packet.duration or 0, is_keyframe=packet.is_keyframe)
        keyframes = [table.times[number] for number in table.keyframes]
        if keyframes != sorted(keyframes):
            raise order_errors.cut_unfit("its timestamps go backwards")
        return table

    def _read(
        self, container: InputContainer, streams: Sequence[Stream], *, report: bool = True
    ) -> Iterator[AnyPacket]:
        """Read to the end, or to where the file is broken."""
        try:
            for packet in packets_of(container, streams):
                time_s = _time_s(packet)
                if time_s is not None and report:
                    self._reporter.advance(float(time_s - self._origin_s))
                yield packet
        except av.error.FFmpegError:
            return

    def _video_stream(self, container: InputContainer) -> VideoStream | None:
        if self._order.video_stream == AUDIO_ONLY:
            return None
        stream = container.streams[self._order.video_stream]
        if not isinstance(stream, VideoStream):
            raise order_errors.no_video()
        return stream

    def _audio_streams(self, container: InputContainer) -> list[AudioStream]:
        streams = [container.streams[index] for index in self._order.audio_streams]
        return [stream for stream in streams if isinstance(stream, AudioStream) and has_decoder(stream)]

    def _container_kind(self, container: InputContainer) -> str:
        video = self._video_stream(container)
        kept: list[Stream] = [*self._audio_streams(container)]
        if video is not None and not self._order.exact:
            kept.append(video)
        names = {stream.codec_context.codec.canonical_name for stream in kept}
        return "mp4" if names <= _MP4_CODECS else "matroska"

    def _verify(self, pieces: Sequence[Piece]) -> None:
        """Decode the first frame of each part of the new file, as a player that jumps there would.

        Raises:
            OrderError: with `cut_unfit` if one cannot be decoded.
        """
        if self._order.video_stream == AUDIO_ONLY:
            return
        with open_source(self._output) as container:
            stream = container.streams.video[0]
            prepare_decoder(stream, threads=1)
            for piece in pieces:
                container.seek(int(piece.at_s / _tick(stream)), stream=stream)
                frame = self._next_frame(container, stream)
                if frame is None or frame.is_corrupt:
                    raise order_errors.cut_unfit("the frames at a cut cannot be decoded")
                stream.codec_context.flush_buffers()

    def _next_frame(self, container: InputContainer, stream: VideoStream) -> VideoFrame | None:
        for packet in islice(self._read(container, [stream], report=False), _MAX_PACKETS_TO_FRAME):
            if (frame := decode_frame(stream, packet)) is not None:
                return frame
        return None


class VideoPartCopier:
    """Gives the packets of the planned parts their times in the new file."""

    def __init__(self, table: PacketTable, parts: Sequence[PlannedPart]) -> None:
        self._parts = parts
        self._number = -1
        self._times: dict[int, tuple[int, int]] = {}
        shown: list[tuple[int, int]] = []
        at = 0
        for part in parts:
            numbers = (number for number in range(part.first, part.last) if part.has(number, table.times[number]))
            shown += [(number, table.times[number] - part.start + at) for number in numbers]
            at += part.length
        step = max(1, at // max(1, len(shown)))
        decoded = decode_times([pts for _, pts in shown], step)
        self._times = {number: (pts, dts) for (number, pts), dts in zip(shown, decoded, strict=True)}

    def take(self, packet: AnyPacket) -> bool:
        """Return whether the packet belongs to a part; if so, its times are those in the new file."""
        if not packet.size:
            return False
        self._number += 1
        times = self._times.get(self._number)
        if times is None:
            return False
        packet.pts, packet.dts = times
        return True


class AudioCutter:
    """Copies the packets of one audio track that begin within the parts."""

    def __init__(self, source: AudioStream, output: OutputContainer) -> None:
        self.source = source
        self.pieces: Sequence[Piece] = ()
        self._tick = _tick(source)
        self._target = output.add_stream_from_template(source, opaque=True)
        for key in ("language", "title"):
            if text := source.metadata.get(key):
                self._target.metadata[key] = text
        self._target.disposition = source.disposition
        self._next: int | None = None

    def take(self, packet: AnyPacket, output: OutputContainer) -> None:
        """Write the packet if it belongs to a part."""
        if not packet.size or packet.pts is None:
            return
        duration = packet.duration or 0
        middle_s = (packet.pts + Fraction(duration, 2)) * self._tick
        piece = next((piece for piece in self.pieces if piece.start_s <= middle_s < piece.end_s), None)
        if piece is None:
            return
        at = max(0, round((packet.pts * self._tick - piece.start_s + piece.at_s) / self._tick))
        # Packets of two parts may overlap by half a packet: each begins after the one before it.
        at = max(at, self._next if self._next is not None else at)
        self._next = at + max(1, duration)
        packet.pts = packet.dts = at
        packet.stream = self._target
        output.mux(packet)


def _audio_of(audios: Sequence[AudioCutter], packet: AnyPacket) -> AudioCutter:
    return next(audio for audio in audios if audio.source.index == packet.stream_index)


def _tick(stream: Stream) -> Fraction:
    return stream.time_base or Fraction(1, 90_000)


def _time_s(packet: AnyPacket) -> Fraction | None:
    return None if packet.pts is None or packet.time_base is None else packet.pts * packet.time_base


def _ms(time_s: Fraction) -> int:
    return max(0, round(time_s * 1000))
