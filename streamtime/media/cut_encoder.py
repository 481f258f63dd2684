"""Encodes the frames of the wanted parts of a video, for an exact cut: upright, progressive, 8 bits, BT.709.

The quality is close to what the eye can tell from the source, since the renditions for playback are made of it. Frames
outside the parts are not decoded, except those that frames of a part refer to.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import av.error
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from streamtime.media import order_errors
from streamtime.media.normalize import PIXEL_FORMAT, FrameNormalizer
from streamtime.media.rung_encoder import tag_colours, time_base
from streamtime.media.source import AnyPacket, container_name, open_source
from streamtime.media.timestamps import CONTAINERS_WITHOUT_TIMESTAMPS, RAW_STREAMS, FrameTimestamps, raw_rate
from streamtime.media.video_stream import (
    first_frame,
    frame_rate,
    is_interlaced,
    orientation_of,
    prepare_decoder,
    shown_size,
)

QUALITY = "17"
"""CRF of x264, where 18 is commonly held to be visually lossless."""

KEYFRAMES_EVERY_S = 2
_TOLERANCE_S = Fraction(1, 1000)
"""Wanted times are rounded to milliseconds, those of frames are not."""

_THREADS = 2
_MAX_HELD_BYTES = 512 << 20
"""Packets kept since the last keyframe; more are decoded at once."""


class Piece(NamedTuple):
    """A part in seconds of the source, and where it begins in the new file."""

    start_s: Fraction
    end_s: Fraction
    at_s: Fraction


class FrameCutter:
    """Takes the packets of a video, and encodes the frames of the parts."""

    def __init__(self, descriptor: int, source: VideoStream, output: OutputContainer, pieces: Sequence[Piece]) -> None:
        self._source = source
        self._pieces = pieces
        self._part = 0
        self._encoded_part = -1
        self._held: list[AnyPacket] = []
        self._held_bytes = 0
        self._decoding = False
        self._last: int | None = None
        with open_source(descriptor) as container:
            kind = container_name(container)
            stream = container.streams[source.index]
            if not isinstance(stream, VideoStream):
                raise order_errors.no_video()
            prepare_decoder(stream, threads=1)
            frame = first_frame(container, stream)
            orientation = orientation_of(frame)
            width, height = (side // 2 * 2 for side in shown_size(stream, orientation))
            rate = raw_rate(stream) if kind in RAW_STREAMS else frame_rate(stream)
            interlaced = is_interlaced(stream, frame)
        self._times = FrameTimestamps(kind, source)
        self._has_times = kind not in CONTAINERS_WITHOUT_TIMESTAMPS
        self._normalizer = FrameNormalizer(width, height, orientation, interlaced=interlaced)
        self._tick = time_base(source.time_base)
        self._output = output
        prepare_decoder(source, threads=_THREADS)
        options = {
            "preset": "veryfast",
            "profile": "high",
            "crf": QUALITY,
            "forced-idr": "1",
            "x264-params": f"keyint={max(1, round(rate * KEYFRAMES_EVERY_S))}:scenecut=0:open-gop=0",
        }
        target = output.add_stream("libx264", rate=rate, options=options, time_base=self._tick)
        target.width, target.height, target.pix_fmt = width, height, PIXEL_FORMAT
        target.codec_context.time_base = self._tick
        target.codec_context.thread_count = _THREADS
        tag_colours(target)
        self._target = target

    def take(self, packet: AnyPacket) -> None:
        """Take one packet; it is decoded if frames of a part need it."""
        if not packet.size or self._part >= len(self._pieces):
            return
        time = packet.pts if packet.pts is not None else packet.dts
        if self._decoding and packet.is_keyframe and time is not None and time * self._source_tick <= self._begins_s:
            self._pause_decoding()
        if self._decoding or not self._has_times:
            self._decode(packet)
            return
        if packet.is_keyframe and (time is None or time * self._source_tick <= self._begins_s):
            self._held, self._held_bytes = [], 0
        self._held.append(packet)
        self._held_bytes += packet.size
        if (time is not None and time * self._source_tick >= self._begins_s) or self._held_bytes > _MAX_HELD_BYTES:
            self._start_decoding()

    def finish(self) -> None:
        """Encode what is left.

        Raises:
            OrderError: with `cut_unfit` if there was no frame in any part.
        """
        if self._held and self._part < len(self._pieces):
            self._start_decoding()
        for frame in self._source.decode(None) if self._part < len(self._pieces) else ():
            self._put(frame)
        for frame in self._normalizer.flush():
            self._encode(frame)
        if self._last is None:
            raise order_errors.cut_unfit("there are no frames there")
        self._output.mux(self._target.encode(None))

    @property
    def _source_tick(self) -> Fraction:
        return self._source.time_base or self._tick

    @property
    def _begins_s(self) -> Fraction:
        return self._pieces[self._part].start_s

    def _start_decoding(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        self._decoding = True
        for packet in held:
            self._decode(packet)

    def _pause_decoding(self) -> None:
        """Leave out the frames before a keyframe that no part needs."""
        for frame in self._source.decode(None):
            self._put(frame)
        self._source.codec_context.flush_buffers()
        self._decoding = False

    def _decode(self, packet: AnyPacket) -> None:
        for frame in _decoded(self._source, packet):
            self._put(frame)

    def _put(self, frame: VideoFrame) -> None:
        """Encode a frame if it is in a part; go on to the next part after its end."""
        frame = self._times.put(frame)
        if frame.pts is None:
            return
        time_s = frame.pts * (frame.time_base or self._source_tick) + _TOLERANCE_S
        while self._part < len(self._pieces) and time_s >= self._pieces[self._part].end_s:
            self._part += 1
        if self._part >= len(self._pieces) or time_s < self._begins_s:
            return
        for normalized in self._normalizer.take(frame):
            self._encode(normalized)

    def _encode(self, frame: VideoFrame) -> None:
        """Encode a frame at its time in the new file; the first one of a part begins with the part."""
        time_s = (frame.pts or 0) * (frame.time_base or self._source_tick)
        number = max(n for n, piece in enumerate(self._pieces) if piece.start_s <= time_s + _TOLERANCE_S)
        piece, is_first = self._pieces[number], number != self._encoded_part
        self._encoded_part = number
        at_s = piece.at_s if is_first else piece.at_s + max(Fraction(0), time_s - piece.start_s)
        at = round(at_s / self._tick)
        if self._last is not None and at <= self._last:
            return
        self._last = at
        frame.pts, frame.time_base = at, self._tick
        frame.pict_type = PictureType.I if is_first else PictureType.NONE
        self._output.mux(self._target.encode(frame))


def _decoded(stream: VideoStream, packet: AnyPacket) -> list[VideoFrame]:
    try:
        return stream.decode(packet)
    except av.error.FFmpegError:
        return []
