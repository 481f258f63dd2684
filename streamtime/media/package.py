"""Carries out a `Package`: reads the source once and distributes its packets to all tracks.

It also decides how long the tracks last, and whether the source ended early.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from streamtime.media import order_errors, resume
from streamtime.media.audio_encoder import AudioEncoder
from streamtime.media.captions import CaptionReader
from streamtime.media.channel import Channel, Reporter
from streamtime.media.copying import AudioCopy, VideoCopy
from streamtime.media.durations import CONTAINERS_WITH_LENGTH, ReadExtent, TrackEnds, is_truncated, latest_s
from streamtime.media.ladder import FrameFormat, LadderEncoder, LadderTiming, VideoDecoder
from streamtime.media.pipeline_threads import PipelineStage, Stopped, ThreadPipeline
from streamtime.media.source import AnyPacket, container_name, open_source, packets_of
from streamtime.media.stills import make_poster
from streamtime.media.timestamps import (
    CONTAINERS_WITHOUT_TIMESTAMPS,
    DISCONTINUOUS_CONTAINERS,
    RAW_STREAMS,
    FrameTimestamps,
    TimestampRepair,
    raw_rate,
)
from streamtime.media.video_stream import (
    AUDIO_ONLY,
    Orientation,
    first_frame,
    frame_rate,
    has_decoder,
    is_interlaced,
    orientation_of,
    prepare_decoder,
    repeat_frame,
    still_image,
)
from streamtime.workers.protocol import OrderDone, Package, PackageAudio, ReadCaptions

READ_FROM_START = DISCONTINUOUS_CONTAINERS | CONTAINERS_WITHOUT_TIMESTAMPS
"""Container types that are always read from the beginning."""

_LONG_HELD_S = 1
_SLOW_FPS = 5
"""Below this frame rate frames are not reordered: decode times would be too early (see `rung_encoder.x264_options`)."""

_AUDIO_QUEUE_PACKETS = 256
_DECODER_THREADS = 2
_SMALL_BYTES = 4 << 20
"""Smaller files are decoded by one thread: if the last frame is truncated, several threads lose good frames before
it."""

_TIMED = {"video", "audio"}
_MICRO = 1_000_000
_SHORT_S = 1.5
_SHORT_SHARE = 0.02


class Track(Protocol):
    """An output that takes packets of one stream."""

    until_s: float | None
    """End of the longest track in seconds; set, if known, before `finish`."""

    @property
    def end_s(self) -> float:
        """End of the output, in seconds."""
        ...

    def take(self, packet: AnyPacket) -> None:
        """Take one packet."""
        ...

    def finish(self) -> None:
        """Write what is left."""
        ...


@dataclass(frozen=True)
class PacketSink:
    """The consumer of the packets of stream `index`."""

    index: int
    put: Callable[[AnyPacket], None]
    close: Callable[[], None]


class Packager:
    """Executes one order."""

    def __init__(self, descriptor: int, order: Package, outputs: Sequence[int], channel: Channel) -> None:
        self._descriptor = descriptor
        self._order = order
        self._outputs = outputs
        self._duration_s = order.duration_ms / 1000 if order.duration_ms else None
        self._latest_s: float | None = None
        """Later times are broken; None if unknown, and if times may jump."""
        self._reporter = Reporter(channel, self._duration_s)
        self._pipeline = ThreadPipeline()
        self._tracks: list[Track | LadderEncoder] = []
        self._broken = False
        self._kind = ""
        self._timestamp_repair: TimestampRepair | None = None
        self._ends = TrackEnds(order.video_stream or 0)
        self._read_extent = ReadExtent()

    def run(self) -> OrderDone:
        """Execute the order.

        Raises:
            OrderError: if it cannot be carried out.
            OSError: if an output cannot be written.
        """
        with open_source(self._descriptor) as container:
            if self._duration_s and container_name(container) not in DISCONTINUOUS_CONTAINERS:
                self._latest_s = latest_s(self._descriptor, container, self._duration_s)
            sinks = self._make_sinks(container)
            from_beginning = self._order.video_stream == AUDIO_ONLY or container_name(container) in READ_FROM_START
            if sinks and not from_beginning:
                resume.seek(container, container.streams[sinks[-1].index], self._order)
            if self._order.poster is not None:
                self._pipeline.run(self._poster, "poster")
            try:
                self._read_packets(container, sinks)
                self._set_track_ends(container)
                for sink in sinks:
                    sink.close()
            except BaseException as failure:  # noqa: BLE001  (raised again by `join`, or the first of several)
                self._pipeline.abort(failure)
            self._pipeline.join()
            return self._done(container)

    def _read_packets(self, container: InputContainer, sinks: list[PacketSink]) -> None:
        sinks_by_index = {sink.index: sink for sink in sinks}
        if not sinks_by_index:
            return
        # A truncated packet is the end of a broken file, but only a glitch in a broadcast.
        skips_corrupt = container_name(container) != "mpegts"
        indexes = {index for index in sinks_by_index if index != AUDIO_ONLY}
        if self._tracks:
            # The total length depends on the video and all audio tracks, including those of other orders.
            if self._order.video_stream != AUDIO_ONLY:
                indexes.add(self._order.video_stream or 0)
            indexes |= {stream.index for stream in container.streams.audio if has_decoder(stream)}
        if container_name(container) in DISCONTINUOUS_CONTAINERS and self._order.video_stream != AUDIO_ONLY:
            self._timestamp_repair = TimestampRepair(container.streams[self._order.video_stream or 0])
            indexes.add(self._order.video_stream or 0)  # also if only captions are read
        self._kind = container_name(container)
        self._broken = is_truncated(self._descriptor)
        for packet in self._read(container, [container.streams[index] for index in indexes]):
            if self._pipeline.stopped:
                raise Stopped
            self._read_extent.take(packet)
            if packet.size and not (packet.is_corrupt and skips_corrupt):
                self._dispatch(
                    sinks_by_index, self._timestamp_repair.take(packet) if self._timestamp_repair else (packet,)
                )
        self._dispatch(sinks_by_index, self._timestamp_repair.flush() if self._timestamp_repair else ())

    def _read(self, container: InputContainer, streams: Sequence[Stream]) -> Iterator[AnyPacket]:
        """Read to the end, or to where the file is broken: what precedes that plays.

        Errors of the consumers are not raised in here: they say nothing about the file.
        """
        try:
            yield from packets_of(container, streams)
        except av.error.FFmpegError:
            self._broken = True

    def _dispatch(self, sinks_by_index: dict[int, PacketSink], packets: Sequence[AnyPacket]) -> None:
        for packet in packets:
            if packet.stream.type in _TIMED:
                self._ends.take(packet, self._kind)
            if sink := sinks_by_index.get(packet.stream_index):
                sink.put(packet)

    def _set_track_ends(self, container: InputContainer) -> None:
        """Tell all tracks the end of the longest one, so that none ends long before the others."""
        self._ends.resolve(container, lambda: open_source(self._descriptor))
        origin_s, video_s, longest_s = self._order.origin_us / _MICRO, self._ends.video_s, self._ends.longest_s
        for track in self._tracks:
            if isinstance(track, LadderEncoder) and video_s is not None:
                track.container_end_s = video_s - origin_s
        if self._order.video_stream == AUDIO_ONLY and longest_s is not None:
            self._set_still_end(longest_s - origin_s)
            return
        read_all = self._ends.has_several
        if self._broken and not read_all:
            return
        until_s = self._duration_s if self._order.measured or self._is_claim_plausible() else None
        if longest_s is not None and (read_all or (until_s is None and video_s is not None)):
            until_s = longest_s - origin_s
        if until_s and self._latest_s and until_s > self._latest_s:
            until_s = None  # a track has broken times: there is nothing to wait for
        for track in self._tracks:
            track.until_s = until_s

    def _set_still_end(self, end_s: float) -> None:
        """Show the still image as long as there is audio, also in a damaged file."""
        until_s = min(end_s, self._latest_s or end_s)
        for track in self._tracks:
            track.until_s = until_s
            if isinstance(track, LadderEncoder):
                track.container_end_s = until_s

    def _is_claim_plausible(self) -> bool:
        """Return whether the last frame may last until the declared end: no longer than any frame before it.

        This requires a container type in which truncation is detected.
        """
        if self._kind not in CONTAINERS_WITH_LENGTH or self._duration_s is None:
            return False
        if self._ends.video_s is None:
            return True  # packets have no times: nothing else gives the length
        over_s = self._duration_s + self._order.origin_us / _MICRO - self._ends.video_s
        return over_s <= self._ends.longest_step_s

    def _done(self, container: InputContainer) -> OrderDone:
        end_s = max((track.end_s for track in self._tracks), default=self._duration_s or 0.0)
        end_ms = round(end_s * 1000)
        if any(isinstance(track, VideoCopy | LadderEncoder) and not track.end_s for track in self._tracks):
            raise order_errors.damaged()
        return OrderDone(end_ms, end_ms if self._tracks and self._ended_early(container, end_s) else None)

    def _ended_early(self, container: InputContainer, end_s: float) -> bool:
        if self._broken:
            return True
        if self._timestamp_repair is not None and self._timestamp_repair.repaired:
            return False
        expected_s, video_stream = self._duration_s or 0.0, self._order.video_stream or 0
        longest_s, origin_s = self._ends.longest_s, self._order.origin_us / _MICRO
        if longest_s is not None and expected_s - end_s > _SHORT_S:
            # A file whose packets claim the declared length is complete, but shorter than that.
            is_claimed = self._ends.claimed_s - origin_s > expected_s - _SHORT_S
            if is_claimed or self._read_extent.is_complete(self._descriptor, container, self._kind, video_stream):
                expected_s = min(expected_s, longest_s - origin_s)
        return expected_s - end_s > max(_SHORT_S, expected_s * _SHORT_SHARE)

    def _make_sinks(self, container: InputContainer) -> list[PacketSink]:
        order = self._order
        sinks = [self._audio_sink(container, audio) for audio in order.audios]
        sinks += [self._caption_sink(container, captions) for captions in order.captions]
        if order.copy is None and not order.encodes:
            return sinks
        if order.video_stream == AUDIO_ONLY:
            return [*sinks, self._still_image_sink()]
        stream = container.streams[order.video_stream or 0]
        if not isinstance(stream, VideoStream):
            raise order_errors.no_video()
        puts: list[Callable[[AnyPacket], None]] = []
        closes: list[Callable[[], None]] = []
        if order.encodes:
            decoding = self._video_decoder(stream, container_name(container))
            puts.append(decoding.take)
            closes.append(decoding.finish)
        if order.copy is not None:
            copy = VideoCopy(
                order.copy.output, self._outputs[order.copy.output], stream, order.origin_us, self._reporter
            )
            self._tracks.append(copy)
            puts.append(copy.take)
            closes.append(copy.finish)
        return [*sinks, PacketSink(stream.index, _each(puts), _all(closes))]

    def _audio_sink(self, container: InputContainer, audio: PackageAudio) -> PacketSink:
        stream = container.streams[audio.stream]
        if not isinstance(stream, AudioStream):
            raise order_errors.OrderError("no_audio", "There is no such audio track in this file.")
        track_type = AudioCopy if audio.copy else AudioEncoder
        descriptor, origin_us = self._outputs[audio.output], self._order.origin_us
        track = track_type(audio.output, descriptor, stream, origin_us, self._reporter, resume=audio.resume)
        self._tracks.append(track)
        if not isinstance(track, AudioEncoder):
            return PacketSink(stream.index, track.take, track.finish)
        track.latest_s = self._latest_s
        name = f"audio {audio.output}"
        stage: PipelineStage[AnyPacket] = PipelineStage(
            self._pipeline, name, track.take, track.finish, depth=_AUDIO_QUEUE_PACKETS
        )
        return PacketSink(stream.index, stage.put, stage.close)

    def _caption_sink(self, container: InputContainer, captions: ReadCaptions) -> PacketSink:
        stream = container.streams[captions.stream]
        if not isinstance(stream, SubtitleStream):
            raise order_errors.OrderError("no_captions", "There is no such subtitle track in this file.")
        reader = CaptionReader(stream, self._order.origin_us, self._reporter)
        return PacketSink(stream.index, reader.take, reader.finish)

    def _still_image_sink(self) -> PacketSink:
        """Return the sink for a still image, repeated each second for the length of the audio.

        With one frame per segment, Chromium waits for more frames than a short file has, and does not start.
        """
        with open_source(self._descriptor) as other:
            still = still_image(other)
        still.time_base, still.pts = Fraction(1, _MICRO), self._order.origin_us
        frame_format = FrameFormat(still.time_base, Fraction(1), Orientation(), interlaced=False, held=True)
        ladder = self._ladder(frame_format)

        def close() -> None:
            end_s = self._ends.longest_s or 0.0
            start_us = self._order.origin_us
            seconds = range(max(1, round(end_s - start_us / _MICRO)))
            for shown in repeat_frame(still, (start_us + number * _MICRO for number in seconds)):
                ladder.put(shown)
            ladder.close()

        return PacketSink(AUDIO_ONLY, lambda _packet: None, close)

    def _video_decoder(self, stream: VideoStream, kind: str) -> VideoDecoder:
        frame_format = self._frame_format(stream.index)
        is_small = os.fstat(self._descriptor).st_size < _SMALL_BYTES
        prepare_decoder(stream, threads=1 if is_small else _DECODER_THREADS)
        return VideoDecoder(stream, self._ladder(frame_format), FrameTimestamps(kind, stream))

    def _ladder(self, frame_format: FrameFormat) -> LadderEncoder:
        ladder = LadderEncoder(
            self._pipeline,
            self._order.encodes,
            self._outputs,
            frame_format,
            self._reporter,
            LadderTiming(self._order.origin_us, self._order.grid, resume.lead_in_s(self._order), self._latest_s),
        )
        self._tracks.append(ladder)
        return ladder

    def _frame_format(self, index: int) -> FrameFormat:
        with open_source(self._descriptor) as container:
            stream = container.streams[index]
            if not isinstance(stream, VideoStream):
                raise order_errors.no_video()
            prepare_decoder(stream, threads=1)
            frame = first_frame(container, stream)
            interlaced = is_interlaced(stream, frame)
            raw = container_name(container) in RAW_STREAMS
            rate = raw_rate(stream) if raw else frame_rate(stream)
            begins_s = (frame.pts or 0) * (frame.time_base or stream.time_base or 0) - self._order.origin_us / _MICRO
            held = begins_s > _LONG_HELD_S or rate < _SLOW_FPS
            orientation = orientation_of(frame).rotated(self._order.rotate)
            return FrameFormat(stream.time_base, rate, orientation, interlaced, held=held)

    def _poster(self) -> None:
        poster = self._order.poster
        if poster is None:
            return
        try:
            written = make_poster(self._descriptor, poster, self._order, self._outputs[poster.output])
        except (order_errors.OrderError, av.error.FFmpegError):
            # A video is playable without a poster.
            return
        if written is not None:
            self._reporter.send(written)


def _each(puts: list[Callable[[AnyPacket], None]]) -> Callable[[AnyPacket], None]:
    # The decoder comes first: copying changes a packet's times.
    def put(packet: AnyPacket) -> None:
        for one in puts:
            one(packet)

    return put


def _all(closes: list[Callable[[], None]]) -> Callable[[], None]:
    def close() -> None:
        for one in closes:
            one()

    return close
