"""The video stream of a source: choosing it, its display size, orientation and frame rate, and its first frame.

A source with audio only gets a still image: its cover, or a generated one.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise

import av.error
from av.codec.context import CodecContext
from av.container import InputContainer
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from streamtime.media import order_errors
from streamtime.media.colours import side_data
from streamtime.media.source import DECODER_WHITELIST, DECODERS, MAX_PIXELS, AnyPacket, packets_of

_MATRIX = struct.Struct("=9i")
_ONE = 1 << 16
MAX_PACKETS = 10_000
"""Over a minute without a keyframe at the highest rates."""

_MIN_FPS, _MAX_FPS = Fraction(1, 10_000), Fraction(240)
"""Rates out of this range are not believed: damaged headers declare a frame in a week, or thousands in a second."""

_DEFAULT_FPS = Fraction(25)
_PROGRESSIVE_ORDERS = (0, 1)
_COVER_DISPOSITIONS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_IMAGE_BRANDS = {"avif", "heic", "heix", "mif1", "mif2", "miaf"}
"""Photos that phones and browsers store in MP4 (ISO/IEC 23008-12)."""

_STILL_CODECS = {"mjpeg", "png"}
_BITS_IN_NAME = {"9": 9, "10": 10, "12": 12, "14": 14, "16": 16}


@dataclass(frozen=True)
class Orientation:
    """How a stored frame becomes upright: flipped horizontally if `mirrored`, then rotated clockwise."""

    rotation: int = 0
    mirrored: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether frames are stored as they are shown."""
        return self.rotation == 0 and not self.mirrored

    def rotated(self, degrees: int) -> "Orientation":
        """Return the orientation with a further rotation, clockwise."""
        return Orientation((self.rotation + degrees) % 360, self.mirrored)

    @property
    def swaps_axes(self) -> bool:
        """Whether width and height are swapped."""
        return self.rotation in {90, 270}


def is_cover(stream: VideoStream) -> bool:
    """Return whether the stream is cover art or a thumbnail."""
    return bool(stream.disposition & _COVER_DISPOSITIONS)


def choose_video(container: InputContainer) -> VideoStream:
    """Choose the main video stream: the largest that moves, then the one marked as default, then the first.

    Raises:
        OrderError: if there is none, or none that can be decoded.
    """
    if container.metadata.get("major_brand") in _IMAGE_BRANDS:
        raise order_errors.no_video()
    candidates = [stream for stream in container.streams.video if not is_cover(stream)]
    if not candidates:
        raise order_errors.no_video()
    readable = [stream for stream in candidates if has_decoder(stream)]
    if not readable:
        raise order_errors.unsupported_codec(_codec_name(candidates[0]))
    return max(readable, key=_rank)


def _rank(stream: VideoStream) -> tuple[bool, int, bool, int]:
    # Cover art is not always marked: prefer streams with a codec for moving images.
    is_moving = stream.codec_context.name not in _STILL_CODECS
    return is_moving, stream.width * stream.height, bool(stream.disposition & Disposition.default), -stream.index


def _codec_name(stream: Stream) -> str:
    context: CodecContext | None = stream.codec_context
    return context.name if context is not None else "of this video"


def has_decoder(stream: Stream) -> bool:
    """Return whether the stream has an allowed decoder; PyAV's types do not show that its context may be missing."""
    context: CodecContext | None = stream.codec_context
    return context is not None and context.codec.name in DECODERS


def prepare_decoder(stream: VideoStream, *, threads: int) -> None:
    """Set the limits of a decoder before it opens; `av.open` alone does not enforce the pixel limit."""
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise order_errors.too_large(context.width, context.height)
    context.options = {"max_pixels": str(MAX_PIXELS), "codec_whitelist": DECODER_WHITELIST}
    context.thread_count = threads
    context.thread_type = "AUTO"


def first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    """Decode until there is a frame.

    Raises:
        OrderError: if there is none.
    """
    for packet in readable_packets(container, stream):
        if frame := decode_frame(stream, packet):
            return frame
    raise order_errors.damaged()


def readable_packets(container: InputContainer, stream: VideoStream) -> Iterator[AnyPacket]:
    """Yield packets from the beginning until the file is broken, or the maximum number is reached."""
    try:
        yield from islice(packets_of(container, [stream]), MAX_PACKETS)
    except av.error.FFmpegError:
        return


def decode_frame(stream: VideoStream, packet: AnyPacket) -> VideoFrame | None:
    """Decode one packet; None if that gives no frame."""
    try:
        frames = stream.decode(packet)
    except av.error.FFmpegError:
        return None
    if frames and frames[0].time_base is None:
        # Frames drained at the end have no packet to take the time base from.
        frames[0].time_base = stream.time_base
    return frames[0] if frames else None


def orientation_of(frame: VideoFrame) -> Orientation:
    """Read the display matrix: right-angle rotations and flips; anything else is ignored."""
    data = side_data(frame, Type.DISPLAYMATRIX)
    if len(data) < _MATRIX.size:
        return Orientation()
    matrix = _MATRIX.unpack_from(data)
    a, b, c, d = (round(matrix[i] / _ONE) for i in (0, 1, 3, 4))
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return Orientation({(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}.get((a, b), 0), mirrored)


def shown_size(stream: VideoStream, orientation: Orientation) -> tuple[int, int]:
    """Return the upright size in square pixels: one axis is enlarged, none is reduced."""
    width, height = stream.width, stream.height
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if aspect > 1:
        width = round(width * aspect)
    elif 0 < aspect < 1:
        height = round(height / aspect)
    return (height, width) if orientation.swaps_axes else (width, height)


def frame_rate(stream: VideoStream) -> Fraction:
    """Return the average frame rate, or the most likely one; containers often declare thousands."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and _MIN_FPS <= rate <= _MAX_FPS:
            return Fraction(rate).limit_denominator(100_000)
    return _DEFAULT_FPS


def is_interlaced(stream: VideoStream, frame: VideoFrame) -> bool:
    """Return whether frames contain two fields."""
    return frame.interlaced_frame or stream.codec_context.field_order not in _PROGRESSIVE_ORDERS


def bit_depth(pix_fmt: str | None) -> int:
    """Return the bits per sample of an FFmpeg pixel format: `yuv420p10le` has 10."""
    digits = (pix_fmt or "").removesuffix("le").removesuffix("be").rpartition("p")[2]
    return _BITS_IN_NAME.get(digits, 8)


AUDIO_ONLY = -1
"""Stands for the video stream of a source with audio only."""

_WIDTH, _HEIGHT = 1280, 720
_MIN_SIDE = 16
_MAX_PACKETS = 50
_BARS = (90, 190, 320, 240, 410, 300, 360, 220, 140)
"""Heights of the bars of the generated image."""

_BACKGROUND, _FOREGROUND = "0x17202a", "0x5dade2"


def is_audio_only(container: InputContainer) -> bool:
    """Return whether there is audio, and no video except covers."""
    has_audio = any(has_decoder(stream) for stream in container.streams.audio)
    return has_audio and all(is_cover(stream) for stream in container.streams.video)


def still_image(container: InputContainer) -> VideoFrame:
    """Return the cover, scaled down if needed, or the generated image if there is no readable cover."""
    for stream in container.streams.video:
        if is_cover(stream) and has_decoder(stream) and (frame := _decode_cover(container, stream)) is not None:
            return _scale_down(frame)
    return _generated_image()


def repeat_frame(still: VideoFrame, times: Iterable[int]) -> Iterator[VideoFrame]:
    """Yield the image once for each time, in its own time base. Each is a separate frame that may be kept."""
    rows: list[bytes] = []
    for time in times:
        shown = VideoFrame(still.width, still.height, still.format.name)
        rows = rows or [_pad_rows(*planes) for planes in zip(still.planes, shown.planes, strict=True)]
        for plane, data in zip(shown.planes, rows, strict=True):
            plane.update(data)
        shown.time_base, shown.pts = still.time_base, time
        yield shown


def _pad_rows(source: VideoPlane, target: VideoPlane) -> bytes:
    """Copy the rows of one plane with the line size of another: decoders and new frames pad rows differently."""
    data, stride, length = bytes(source), source.line_size, min(source.line_size, target.line_size)
    starts = range(0, source.height * stride, stride)
    return b"".join(data[start : start + length].ljust(target.line_size, b"\0") for start in starts)


def _decode_cover(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    try:
        prepare_decoder(stream, threads=1)
        for packet in islice(packets_of(container, [stream]), _MAX_PACKETS):
            if (frame := decode_frame(stream, packet)) is not None:
                return frame if min(frame.width, frame.height) >= _MIN_SIDE else None
    except (av.error.FFmpegError, order_errors.OrderError):
        return None
    return None


def _scale_down(frame: VideoFrame) -> VideoFrame:
    scale = min(1.0, _WIDTH / frame.width, _HEIGHT / frame.height)
    width, height = (max(_MIN_SIDE, int(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    return VideoReformatter().reformat(frame, width, height, "rgb24", threads=1)


def _generated_image() -> VideoFrame:
    graph = Graph()
    graph.threads = 1
    step, bar = 70, 36
    left = (_WIDTH - step * (len(_BARS) - 1) - bar) // 2
    steps = [
        graph.add("color", f"c={_BACKGROUND}:s={_WIDTH}x{_HEIGHT}:r=1:d=1"),
        graph.add("format", "rgb24"),
        *(
            graph.add(
                "drawbox",
                f"x={left + step * place}:y={(_HEIGHT - height) // 2}:w={bar}:h={height}:color={_FOREGROUND}:t=fill",
            )
            for place, height in enumerate(_BARS)
        ),
        graph.add("buffersink"),
    ]
    for earlier, later in pairwise(steps):
        earlier.link_to(later)
    graph.configure()
    return graph.vpull()
