"""Cuts a short silent film from pieces of a rendition: what a card shows when a pointer rests on it.

The directory of the file stands at its beginning, so that a browser plays it while it arrives.
"""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, cast

import av
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from streamtime.hls.storyboard import FrameLocation
from streamtime.media.fragments import FragmentReader
from streamtime.media.jpeg import write_out
from streamtime.media.picture_facts import Orientation
from streamtime.media.upright import PIXEL_FORMAT, FrameNormalizer
from streamtime.media.x264 import tag_colours
from streamtime.worker_protocol import MakePreview, StillWritten

_TICK = Fraction(1, 1000)
_MIN_STEP_MS = 40
"""At most 25 pictures a second: it is a glance, not a film."""

_OPTIONS = {
    "preset": "veryfast",
    "profile": "high",
    "crf": "27",
    # Six seconds of it stay below 500 kB, whatever they show.
    "maxrate": "500k",
    "bufsize": "500k",
}
_ROOM_FOR_DIRECTORY_BYTES = 8 << 10
_DECODER_THREADS = 2


def make_preview(order: MakePreview, fragments: FragmentReader, output: int) -> StillWritten | None:
    """Write the preview; None where not one picture could be decoded."""
    buffer = io.BytesIO()
    with av.open(
        cast("BinaryIO", buffer), "w", format="mp4", options={"moov_size": str(_ROOM_FOR_DIRECTORY_BYTES)}
    ) as container:
        stream = _stream(container, order)
        tag_colours(stream)
        upright = FrameNormalizer(order.width, order.height, Orientation(), interlaced=False)
        written = 0
        for at_ms, frame in _timed(order, fragments):
            for small in upright.take(frame):
                small.pts, small.time_base, small.pict_type = at_ms, _TICK, PictureType.NONE
                container.mux(stream.encode(small))
                written += 1
        if written:
            container.mux(stream.encode(None))
    if not written:
        return None
    data = buffer.getvalue()
    return StillWritten(order.output, len(data), write_out(output, data))


def _stream(container: OutputContainer, order: MakePreview) -> VideoStream:
    stream = container.add_stream("libx264", rate=1000 // _MIN_STEP_MS, options=_OPTIONS, time_base=_TICK)
    stream.width, stream.height, stream.pix_fmt = order.width, order.height, PIXEL_FORMAT
    stream.codec_context.time_base = _TICK
    stream.codec_context.thread_count = 1
    return stream


def _timed(order: MakePreview, fragments: FragmentReader) -> Iterator[tuple[int, VideoFrame]]:
    """The frames of all pieces, with times that go on from piece to piece."""
    for number, piece in enumerate(order.pieces):
        start_ms = piece[0].at_ms
        next_ms = 0
        for frame in _following(fragments, piece):
            at_ms = round((frame.time or 0.0) * 1000) - start_ms
            if at_ms >= order.piece_ms:
                break
            if at_ms >= next_ms:
                yield number * order.piece_ms + at_ms, frame
                next_ms = at_ms + _MIN_STEP_MS - _MIN_STEP_MS // 8


def _following(fragments: FragmentReader, piece: tuple[FrameLocation, ...]) -> Iterator[VideoFrame]:
    for segment in piece:
        yield from fragments.frames(segment.offset, segment.length, threads=_DECODER_THREADS)
