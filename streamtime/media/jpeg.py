"""Encodes one frame as JPEG, which is full range BT.601."""

import hashlib
import os
from fractions import Fraction

from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from streamtime.media.colours import colours_of, is_full_range

PIXEL_FORMAT = "yuvj420p"
_QUALITY = 4
"""From 2, the best, to 31."""


def convert_for_jpeg(frame: VideoFrame, width: int, height: int, *, is_bt709: bool | None = None) -> VideoFrame:
    """Scale a frame and convert it to full range BT.601, as JPEG requires.

    `is_bt709` overrides the frame's tags.
    """
    if is_bt709 is None:
        is_bt709 = colours_of(frame).matrix == "bt709"
    return VideoReformatter().reformat(
        frame,
        width,
        height,
        PIXEL_FORMAT,
        src_colorspace=Colorspace.ITU709 if is_bt709 else Colorspace.ITU601,
        dst_colorspace=Colorspace.ITU601,
        src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BILINEAR if (frame.width, frame.height) == (width, height) else Interpolation.AREA,
        threads=1,
    )


def encode_jpeg(frame: VideoFrame) -> bytes:
    """Encode a frame returned by `convert_for_jpeg`."""
    encoder = CodecContext.create("mjpeg", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError("there is no JPEG encoder")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, PIXEL_FORMAT
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = _QUALITY
    encoder.thread_count = 1
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def write_all(descriptor: int, data: bytes) -> bytes:
    """Write all data and return its SHA-256."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return hashlib.sha256(data).digest()
