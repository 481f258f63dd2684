"""Carries out `MakeProfilePicture` and `MakePosterPicture`: crops an image to an upright JPEG without metadata.

Transparent parts become white.

An image of one of four formats is passed to its decoder without a demuxer, so that it cannot refer to other files. The
format, size, and EXIF orientation are parsed here: PyAV 18 cannot read the side data of frames with EXIF (CIPA DC-008,
TIFF 6.0). Only decoded pixels are encoded, so no metadata is kept.
"""

import os
import struct
from collections.abc import Iterator

from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from streamtime.media import order_errors
from streamtime.media.colours import is_full_range
from streamtime.media.jpeg import convert_for_jpeg, encode_jpeg
from streamtime.media.normalize import FilterChain, FilterStep, orientation_steps
from streamtime.media.source import IMAGE_DECODER_WHITELIST, MAX_PIXELS
from streamtime.media.video_stream import Orientation
from streamtime.workers.protocol import MakePosterPicture, MakeProfilePicture, PictureMade

_ORIENTATION = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12
_ORIENTATIONS = {
    2: Orientation(0, mirrored=True),
    3: Orientation(180),
    4: Orientation(180, mirrored=True),
    5: Orientation(270, mirrored=True),
    6: Orientation(90),
    7: Orientation(90, mirrored=True),
    8: Orientation(270),
}
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def orientation_in(exif: bytes) -> Orientation:
    """Return the orientation from EXIF data; unreadable data means upright."""
    order = _BYTE_ORDERS.get(exif[:4])
    if order is None:
        return Orientation()
    try:
        return _ORIENTATIONS.get(_orientation(exif, order), Orientation())
    except struct.error:  # it points outside the data
        return Orientation()


def _orientation(exif: bytes, order: str) -> int:
    """Return the value in the first directory; 1 (upright) if there is none."""
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for number in range(count):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + number * _ENTRY_BYTES)
        if (tag, kind) == (_ORIENTATION, _SHORT):
            return int(value)
    return 1


_SIGNATURES = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF87a": "gif", b"GIF89a": "gif"}
_WEBP_AT = 8
_MAX_CHUNKS = 10_000
"""Maximum number of segments or chunks to parse: a ten-megabyte image has about a hundred."""

_PNG_CHUNKS_AT, _RIFF_CHUNKS_AT = 8, 12
_ANMF_HEADER_BYTES = 16
_HAS_ALPHA = 0x10
"""Animated WebP files (RFC 9649, section 2.7)."""

_EXIF_SEGMENT = 0xE1
_EXIF_PREFIX = b"Exif\0\0"
_MARKER = 0xFF
_START_OF_SCAN = 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that are followed by the size (ITU-T T.81, table B.1); the three others define tables."""


def detect_image_format(data: bytes) -> str | None:
    """Return FFmpeg's decoder for an image by its first bytes; None if the format is not supported."""
    if data.startswith(b"RIFF") and data[_WEBP_AT:].startswith(b"WEBP"):
        return "webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


def claimed_size(kind: str, data: bytes) -> tuple[int, int] | None:
    """Return width and height from the header; None if it cannot be parsed. Decoders have limits of their own."""
    try:
        return _SIZES[kind](data)
    except struct.error:  # the file ends before that
        return None


def first_image(kind: str, data: bytes) -> bytes:
    """Return the file, or the first frame of an animated WebP as a file of its own, which decoders need."""
    if kind != "webp":
        return data
    start = next((start for name, start in _riff_chunks(data) if name == b"ANMF"), None)
    if start is None:
        return data
    length = int.from_bytes(data[start - 4 : start], "little")
    shape, chunks = data[start + 6 : start + 12], data[start + _ANMF_HEADER_BYTES : start + length]
    flags = _HAS_ALPHA if chunks.startswith(b"ALPH") else 0
    body = b"WEBPVP8X" + struct.pack("<II", len(shape) + 4, flags) + shape + chunks
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif_of(kind: str, data: bytes) -> bytes:
    """Return the EXIF data of the file, in TIFF format; empty if there is none."""
    match kind:
        case "mjpeg":
            found = (data[start:] for marker, start in _jpeg_segments(data) if marker == _EXIF_SEGMENT)
            return next((part[len(_EXIF_PREFIX) :] for part in found if part.startswith(_EXIF_PREFIX)), b"")
        case "png":
            return next((data[start:] for name, start in _png_chunks(data) if name == b"eXIf"), b"")
        case "webp":
            return next((data[start:] for name, start in _riff_chunks(data) if name == b"EXIF"), b"")
        case _:
            return b""


def _size_of_png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _size_of_gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _size_of_webp(data: bytes) -> tuple[int, int] | None:
    """Read one of three headers: lossy (RFC 6386, section 9.1), lossless, or extended."""
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            low, middle, high = struct.unpack_from("<HHH", data, 24)
            return (low | (middle & 0xFF) << 16) + 1, (middle >> 8 | high << 8) + 1
        case _:
            return None


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    for marker, start in _jpeg_segments(data):
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, start + 1)
            return width, height
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment before the image data, and the start of its content."""
    position = 2
    for _ in range(_MAX_CHUNKS):
        if len(data) < position + 4 or data[position] != _MARKER or data[position + 1] == _START_OF_SCAN:
            return
        yield data[position + 1], position + 4
        position += 2 + int.from_bytes(data[position + 2 : position + 4])


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    position = _PNG_CHUNKS_AT
    for _ in range(_MAX_CHUNKS):
        if len(data) < position + 12:
            return
        yield data[position + 4 : position + 8], position + 8
        position += 12 + int.from_bytes(data[position : position + 4])


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    position = _RIFF_CHUNKS_AT
    for _ in range(_MAX_CHUNKS):
        if len(data) < position + 8:
            return
        yield data[position : position + 4], position + 8
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + length + length % 2


_SIZES = {"mjpeg": _size_of_jpeg, "png": _size_of_png, "gif": _size_of_gif, "webp": _size_of_webp}


_MAX_BYTES = 64 << 20
"""Maximum number of bytes read; callers have far lower limits."""

_WHITE = 255


def make_profile_picture(descriptor: int, order: MakeProfilePicture) -> PictureMade:
    """Execute the order.

    Raises:
        OrderError: if it is no image, is damaged, or has too many pixels.
    """
    return _make_picture(descriptor, order.side, order.side)


def make_poster_picture(descriptor: int, order: MakePosterPicture) -> PictureMade:
    """Execute the order.

    Raises:
        OrderError: if it is no image, is damaged, or has too many pixels.
    """
    return _make_picture(descriptor, order.width, order.height)


def _make_picture(descriptor: int, width: int, height: int) -> PictureMade:
    data = os.pread(descriptor, _MAX_BYTES, 0)
    kind = detect_image_format(data)
    if kind is None:
        raise order_errors.not_an_image()
    claimed_width, claimed_height = claimed_size(kind, data) or (0, 0)
    if claimed_width * claimed_height > MAX_PIXELS:
        raise order_errors.too_large(claimed_width, claimed_height)
    orientation = orientation_in(exif_of(kind, data))
    stored = (height, width) if orientation.swaps_axes else (width, height)
    try:
        cropped = _centre(_first_frame(kind, first_image(kind, data)), *stored)
        upright = _apply_filters(cropped, orientation_steps(orientation))
        return PictureMade(encode_jpeg(convert_for_jpeg(upright, width, height)))
    except (FFmpegError, ValueError) as error:
        raise order_errors.damaged_image() from error


def _first_frame(kind: str, data: bytes) -> VideoFrame:
    decoder = CodecContext.create(kind, "r")
    if not isinstance(decoder, VideoCodecContext):
        raise TypeError("there is no such decoder")
    # Without the last flag, missing parts of an image are filled with grey.
    decoder.options = {
        "max_pixels": str(MAX_PIXELS),
        "codec_whitelist": IMAGE_DECODER_WHITELIST,
        "err_detect": "explode",
    }
    decoder.thread_count = 1
    frames = [*decoder.decode(Packet(data)), *decoder.decode(None)]
    if not frames:
        raise order_errors.damaged_image()
    return frames[0]


def _centre(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    """Crop the largest part of this shape around the centre, and scale it to this size."""
    cut_width = min(frame.width, max(1, frame.height * width // height))
    cut_height = min(frame.height, max(1, frame.width * height // width))
    left, top = (frame.width - cut_width) // 2, (frame.height - cut_height) // 2
    crop = FilterStep("crop", f"{cut_width}:{cut_height}:{left}:{top}")
    if not _has_transparency(frame):
        return _scaled(_apply_filters(frame, (crop,)), width, height, "rgb24", is_full=is_full_range(frame))
    # Premultiply colours with alpha, so that edges do not take on colours of transparent pixels.
    premultiplied = _apply_filters(frame, (crop, FilterStep("format", "gbrap"), FilterStep("premultiply", "inplace=1")))
    return _on_white(_scaled(premultiplied, width, height, "rgba", is_full=True))


def _has_transparency(frame: VideoFrame) -> bool:
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)


def _apply_filters(frame: VideoFrame, steps: tuple[FilterStep, ...]) -> VideoFrame:
    if not steps:
        return frame
    frame.pts = 0
    chain = FilterChain()
    return [*chain.take(frame, steps), *chain.flush()][0]


def _scaled(frame: VideoFrame, width: int, height: int, pixel_format: str, *, is_full: bool) -> VideoFrame:
    return VideoReformatter().reformat(
        frame,
        width,
        height,
        pixel_format,
        # In all these formats, YUV has the matrix of JPEG at any size.
        src_colorspace=None if frame.format.is_rgb else Colorspace.ITU601,
        src_color_range=ColorRange.JPEG if is_full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
        threads=1,
    )


def _on_white(frame: VideoFrame) -> VideoFrame:
    plane = frame.planes[0]
    data, stride = bytes(plane), plane.line_size
    rows = b"".join(data[y * stride : y * stride + frame.width * 4] for y in range(frame.height))
    opacity = rows[3::4]
    blended = bytearray(b"\xff") * len(rows)
    for channel in range(3):
        pairs = zip(rows[channel::4], opacity, strict=True)
        blended[channel::4] = bytes(min(_WHITE, colour + _WHITE - alpha) for colour, alpha in pairs)
    return VideoFrame.from_bytes(bytes(blended), frame.width, frame.height, "rgba")
