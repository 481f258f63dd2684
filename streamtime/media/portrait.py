"""Carries out `MakeProfilePicture`: crops an image to a small upright square on white, without metadata.

A file of one of four kinds is handed to its decoder as a whole: no container is opened, so none can lead elsewhere.
What the file carries besides (EXIF, where it was taken, profiles, comments) is in none of the frames that are encoded.
"""

import os

from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from streamtime.media import refusal
from streamtime.media.chain import FilterChain, FilterStep
from streamtime.media.colours import is_full_range
from streamtime.media.decoders import STILL_WHITELIST
from streamtime.media.exif import orientation_in
from streamtime.media.image_file import claimed_size, detect_image_format, exif_of, first_picture
from streamtime.media.jpeg import for_jpeg, jpeg
from streamtime.media.source import MAX_PIXELS
from streamtime.media.upright import orientation_steps
from streamtime.worker_protocol import MakeProfilePicture, ProfilePictureMade

_MAX_BYTES = 64 << 20
"""Read at most: whoever gives orders has bounds of their own, far below."""

_BRIGHTEST = 255


def make_profile_picture(descriptor: int, order: MakeProfilePicture) -> ProfilePictureMade:
    """Fulfil the order.

    Raises:
        Refusal: if it is no picture, is damaged, or has more pixels than are decoded here.
    """
    data = os.pread(descriptor, _MAX_BYTES, 0)
    kind = detect_image_format(data)
    if kind is None:
        raise refusal.not_a_picture()
    width, height = claimed_size(kind, data) or (0, 0)
    if width * height > MAX_PIXELS:
        raise refusal.too_large(width, height)
    try:
        small = _center_square(_first_frame(kind, first_picture(kind, data)), order.side)
        upright = _apply_filters(small, orientation_steps(orientation_in(exif_of(kind, data))))
        return ProfilePictureMade(jpeg(for_jpeg(upright, order.side, order.side)))
    except (FFmpegError, ValueError) as error:
        raise refusal.damaged_picture() from error


def _first_frame(kind: str, data: bytes) -> VideoFrame:
    decoder = CodecContext.create(kind, "r")
    if not isinstance(decoder, VideoCodecContext):
        raise TypeError("there is no such decoder")
    # Without the last one, what is missing of a picture is made up in grey.
    decoder.options = {"max_pixels": str(MAX_PIXELS), "codec_whitelist": STILL_WHITELIST, "err_detect": "explode"}
    decoder.thread_count = 1
    frames = [*decoder.decode(Packet(data)), *decoder.decode(None)]
    if not frames:
        raise refusal.damaged_picture()
    return frames[0]


def _center_square(frame: VideoFrame, side: int) -> VideoFrame:
    """Cut the largest square out of the middle, and make it small; what can be seen through lies on white."""
    edge = min(frame.width, frame.height)
    cut = FilterStep("crop", f"{edge}:{edge}:{(frame.width - edge) // 2}:{(frame.height - edge) // 2}")
    if not _has_transparency(frame):
        return _scaled(_apply_filters(frame, (cut,)), side, "rgb24", is_full=is_full_range(frame))
    # Colours are weighed by how much of them is seen, else the edges take on what nobody was to see.
    weighed = _apply_filters(frame, (cut, FilterStep("format", "gbrap"), FilterStep("premultiply", "inplace=1")))
    return _on_white(_scaled(weighed, side, "rgba", is_full=True))


def _has_transparency(frame: VideoFrame) -> bool:
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)


def _apply_filters(frame: VideoFrame, steps: tuple[FilterStep, ...]) -> VideoFrame:
    if not steps:
        return frame
    frame.pts = 0
    chain = FilterChain()
    return [*chain.take(frame, steps), *chain.flush()][0]


def _scaled(frame: VideoFrame, side: int, pixel_format: str, *, is_full: bool) -> VideoFrame:
    return VideoReformatter().reformat(
        frame,
        side,
        side,
        pixel_format,
        # What is not RGB has the matrix of JPEG in all of these kinds, whatever its size.
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
    flat = bytearray(b"\xff") * len(rows)
    for channel in range(3):
        pairs = zip(rows[channel::4], opacity, strict=True)
        flat[channel::4] = bytes(min(_BRIGHTEST, colour + _BRIGHTEST - seen) for colour, seen in pairs)
    return VideoFrame.from_bytes(bytes(flat), frame.width, frame.height, "rgba")
