"""Fulfils a `MakeStills`: the sheets of a storyboard, a preview, one picture as a poster, each as asked for.

Lays small pictures out on a sheet and writes it as a JPEG. It knows frames and planes, nothing of times.

Cuts a short silent film from pieces of a rendition: what a card shows when a pointer rests on it.

The directory of the file stands at its beginning, so that a browser plays it while it arrives.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import BinaryIO, cast

import av
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from streamtime.hls.storyboard import FrameLocation
from streamtime.media import refusal
from streamtime.media.channel import Channel
from streamtime.media.fragments import FragmentReader
from streamtime.media.jpeg import PIXEL_FORMAT as JPEG_PIXEL_FORMAT
from streamtime.media.jpeg import for_jpeg, jpeg, write_out
from streamtime.media.normalize import PIXEL_FORMAT, FrameNormalizer
from streamtime.media.picture_facts import Orientation
from streamtime.media.poster import written_poster
from streamtime.media.x264 import tag_colours
from streamtime.workers.protocol import (
    MakePreview,
    MakeSheet,
    MakeStills,
    OrderDone,
    OrderProgress,
    PosterAt,
    PosterWritten,
    StillWritten,
)

_BLACK = (0, 128, 128)


def make_sheet(order: MakeSheet, pictures: Iterable[VideoFrame | None], output: int) -> StillWritten:
    """Write one sheet. Where there is no picture, the one before it is shown again, or black."""
    rows = -(-len(order.tiles) // order.columns)
    sheet = SpriteSheet(min(len(order.tiles), order.columns) * order.tile_width, rows * order.tile_height)
    tile: VideoFrame | None = None
    for place, picture in enumerate(pictures):
        if picture is not None:
            tile = for_jpeg(picture, order.tile_width, order.tile_height)
        if tile is not None:
            row, column = divmod(place, order.columns)
            sheet.paste(tile, column * order.tile_width, row * order.tile_height)
    data = jpeg(sheet.frame())
    return StillWritten(order.output, len(data), write_out(output, data))


class SpriteSheet:
    """A large picture, black where nothing has been laid on it. Sizes and places are even."""

    def __init__(self, width: int, height: int) -> None:
        self._frame = VideoFrame(width, height, JPEG_PIXEL_FORMAT)
        self._planes = [
            bytearray([value]) * (plane.line_size * plane.height)
            for plane, value in zip(self._frame.planes, _BLACK, strict=True)
        ]

    def paste(self, tile: VideoFrame, left: int, top: int) -> None:
        """Put a smaller picture on it."""
        for number, (source, target) in enumerate(zip(tile.planes, self._frame.planes, strict=True)):
            data = memoryview(source)
            shrink = 2 if number else 1
            for row in range(source.height):
                at = (top // shrink + row) * target.line_size + left // shrink
                from_ = row * source.line_size
                self._planes[number][at : at + source.width] = data[from_ : from_ + source.width]

    def frame(self) -> VideoFrame:
        """The whole as a frame."""
        for plane, data in zip(self._frame.planes, self._planes, strict=True):
            plane.update(bytes(data))
        return self._frame


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


def make_stills(source: int, order: MakeStills, outputs: Sequence[int], channel: Channel) -> OrderDone:
    """Fulfil the order, telling of each output as it is whole.

    Raises:
        Refusal: if not one picture can be decoded.
        OSError: if an output cannot be written.
    """
    fragments = FragmentReader(source, order.init_length)
    steps = len(order.sheets) + 1
    for number, sheet in enumerate(order.sheets):
        channel.send(make_sheet(sheet, fragments.frames_at(sheet.tiles), outputs[sheet.output]))
        # Also the sign of life that the server waits for.
        channel.send(OrderProgress((number + 1) / steps, 0.0))
    if order.preview is not None:
        preview = make_preview(order.preview, fragments, outputs[order.preview.output])
        if preview is None:
            raise refusal.damaged()
        channel.send(preview)
    if order.poster is not None:
        channel.send(_poster(order.poster, fragments, outputs[order.poster.output]))
    return OrderDone(0)


def _poster(order: PosterAt, fragments: FragmentReader, output: int) -> PosterWritten:
    picture = next(fragments.frames_at([order.location]))
    if picture is None:
        raise refusal.damaged()
    scale = min(1.0, order.max_width / order.width)
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (order.width, order.height))
    return written_poster(for_jpeg(picture, width, height), order.output, output)
