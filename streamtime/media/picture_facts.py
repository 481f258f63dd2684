"""What one stream of pictures is like: size as shown, turn, rate, and what its first frame tells.

It knows one decoder at work on the first packets; whether the stream may be copied is decided in `copy_check.py`.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import av.error
from av.codec.context import CodecContext
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamtime.media import refusal
from streamtime.media.colours import side_data
from streamtime.media.decoders import DECODERS, WHITELIST
from streamtime.media.source import MAX_PIXELS, AnyPacket, packets_of

_MATRIX = struct.Struct("=9i")
_ONE = 1 << 16
MAX_PACKETS = 10_000
"""A minute and more without a keyframe, at the highest rates."""

_MAX_FPS = Fraction(240)
_USUAL_FPS = Fraction(25)
_PROGRESSIVE_ORDERS = (0, 1)
_STILLS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_IMAGE_BRANDS = {"avif", "heic", "heix", "mif1", "mif2", "miaf"}
"""Photos that phones and browsers store as MP4 does (ISO/IEC 23008-12)."""

_STILL_CODECS = {"mjpeg", "png"}
_BITS_IN_NAME = {"9": 9, "10": 10, "12": 12, "14": 14, "16": 16}


@dataclass(frozen=True)
class Orientation:
    """How the stored picture becomes upright: flipped left to right if `mirrored`, then turned clockwise."""

    rotation: int = 0
    mirrored: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether the picture is stored as it is shown."""
        return self.rotation == 0 and not self.mirrored

    @property
    def swaps_axes(self) -> bool:
        """Whether width and height change places."""
        return self.rotation in {90, 270}


def is_cover(stream: VideoStream) -> bool:
    """Tell whether this is cover art or a thumbnail that only poses as video."""
    return bool(stream.disposition & _STILLS)


def choose_video(container: InputContainer) -> VideoStream:
    """Pick the main picture: the largest that moves, and of equals the one marked as default, then the first.

    Raises:
        Refusal: if there is none, or none that can be decoded.
    """
    if container.metadata.get("major_brand") in _IMAGE_BRANDS:
        raise refusal.no_video()
    candidates = [stream for stream in container.streams.video if not is_cover(stream)]
    if not candidates:
        raise refusal.no_video()
    readable = [stream for stream in candidates if has_decoder(stream)]
    if not readable:
        raise refusal.unsupported_codec(_codec_name(candidates[0]))
    return max(readable, key=_rank)


def _rank(stream: VideoStream) -> tuple[bool, int, bool, int]:
    # Cover art is not always marked as such; where pictures move elsewhere, a codec of stills is not the film.
    moves = stream.codec_context.name not in _STILL_CODECS
    return moves, stream.width * stream.height, bool(stream.disposition & Disposition.default), -stream.index


def _codec_name(stream: Stream) -> str:
    context: CodecContext | None = stream.codec_context
    return context.name if context is not None else "of this video"


def has_decoder(stream: Stream) -> bool:
    """Tell whether the stream may be decoded; the library's types do not say that its context may be missing."""
    context: CodecContext | None = stream.codec_context
    return context is not None and context.codec.name in DECODERS


def prepare_decoder(stream: VideoStream, *, threads: int) -> None:
    """Set the bounds of a decoder before it opens; in `av.open` alone the limit on pixels does not hold."""
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise refusal.too_large(context.width, context.height)
    context.options = {"max_pixels": str(MAX_PIXELS), "codec_whitelist": WHITELIST}
    context.thread_count = threads
    context.thread_type = "AUTO"


def first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    """Decode until a picture comes out.

    Raises:
        Refusal: if none does.
    """
    for packet in readable_packets(container, stream):
        if frame := picture_in(stream, packet):
            return frame
    raise refusal.damaged()


def readable_packets(container: InputContainer, stream: VideoStream) -> Iterator[AnyPacket]:
    """Give packets from the beginning until the file breaks off, or none of so many helped."""
    try:
        yield from islice(packets_of(container, [stream]), MAX_PACKETS)
    except av.error.FFmpegError:
        return


def picture_in(stream: VideoStream, packet: AnyPacket) -> VideoFrame | None:
    """Decode one packet; None where no picture comes out of it."""
    try:
        frames = stream.decode(packet)
    except av.error.FFmpegError:
        return None
    if frames and frames[0].time_base is None:
        # What is drained at the end belongs to no packet that could tell.
        frames[0].time_base = stream.time_base
    return frames[0] if frames else None


def orientation_of(frame: VideoFrame) -> Orientation:
    """Read the display matrix: turns by right angles and flips; anything else is shown as stored."""
    data = side_data(frame, Type.DISPLAYMATRIX)
    if len(data) < _MATRIX.size:
        return Orientation()
    matrix = _MATRIX.unpack_from(data)
    a, b, c, d = (round(matrix[i] / _ONE) for i in (0, 1, 3, 4))
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return Orientation({(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}.get((a, b), 0), mirrored)


def shown_size(stream: VideoStream, turn: Orientation) -> tuple[int, int]:
    """Tell width and height upright in square pixels: the longer-looking axis is stretched, none is shrunk."""
    width, height = stream.width, stream.height
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if aspect > 1:
        width = round(width * aspect)
    elif 0 < aspect < 1:
        height = round(height / aspect)
    return (height, width) if turn.swaps_axes else (width, height)


def frame_rate(stream: VideoStream) -> Fraction:
    """Tell the average rate, or the most likely one; containers without a clue often claim thousands."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _MAX_FPS:
            return Fraction(rate).limit_denominator(100_000)
    return _USUAL_FPS


def is_interlaced(stream: VideoStream, frame: VideoFrame) -> bool:
    """Tell whether two half pictures share each frame."""
    return frame.interlaced_frame or stream.codec_context.field_order not in _PROGRESSIVE_ORDERS


def bit_depth(pix_fmt: str | None) -> int:
    """Read the bits a sample from FFmpeg's name of a pixel format: `yuv420p10le` has 10."""
    digits = (pix_fmt or "").removesuffix("le").removesuffix("be").rpartition("p")[2]
    return _BITS_IN_NAME.get(digits, 8)
