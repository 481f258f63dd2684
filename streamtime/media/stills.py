"""Makes still images and previews: storyboard sheets and previews of a `MakeStills` order, and posters.

A storyboard sheet has thumbnails in rows. A preview is a short silent MP4 with its index at the start, so that browsers
play it while it loads. The poster is a representative frame near the beginning: not black, not of one colour, with
sharp edges. A few keyframes are rated, and the best is taken; or the order gives the time.
"""

import io
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import BinaryIO, cast

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from streamtime.hls.storyboard import FrameLocation
from streamtime.media import order_errors
from streamtime.media.channel import Channel
from streamtime.media.fragments import FragmentReader
from streamtime.media.jpeg import PIXEL_FORMAT as JPEG_PIXEL_FORMAT
from streamtime.media.jpeg import convert_for_jpeg, encode_jpeg, write_all
from streamtime.media.normalize import PIXEL_FORMAT, FrameNormalizer
from streamtime.media.rung_encoder import tag_colours
from streamtime.media.source import container_name, open_source, packets_of
from streamtime.media.timestamps import RAW_STREAMS
from streamtime.media.video_stream import (
    AUDIO_ONLY,
    Orientation,
    first_frame,
    is_interlaced,
    orientation_of,
    prepare_decoder,
    shown_size,
    still_image,
)
from streamtime.workers.protocol import (
    MakePoster,
    MakePreview,
    MakeSheet,
    MakeStills,
    OrderDone,
    OrderProgress,
    Package,
    PosterAt,
    PosterWritten,
    StillWritten,
)

_POSITIONS = (0.08, 0.03, 0.15, 0.25, 0.0)
"""Where to look, as shares of the duration: near the beginning, but after titles and fades."""

_LATEST_S = 180.0
_BUDGET_S = 0.6
_MAX_PACKETS_PER_CANDIDATE = 60
_THUMBNAIL_SIZE = (96, 54)
_DARK, _BRIGHT = 40.0, 225.0
_MIN_CONTRAST = 18.0
_MIN_SHARPNESS = 4.0
_MICRO = 1_000_000


@dataclass(frozen=True)
class PosterCandidate:
    """A frame and its score."""

    frame: VideoFrame
    score: float
    is_good: bool


def make_poster(descriptor: int, order: MakePoster, package: Package, output: int) -> PosterWritten | None:
    """Write the poster to `output`; None if the stream is no video.

    Raises:
        OrderError: if no frame can be decoded.
    """
    with open_source(descriptor) as container:
        if package.video_stream == AUDIO_ONLY:
            return write_poster(still_image(container), order.output, output)
        stream = container.streams[package.video_stream or 0]
        if not isinstance(stream, VideoStream):
            return None
        prepare_decoder(stream, threads=2)
        found = _choose_frame(container, stream, package, order.at_ms)
        frame = None if found is None else _display_frame(stream, found, order.max_width, package.rotate)
    if frame is None:
        frame = _first_decodable_frame(descriptor, package, order.max_width)
    return write_poster(frame, order.output, output)


def _first_decodable_frame(descriptor: int, package: Package, max_width: int) -> VideoFrame:
    """Return the first frame that can be decoded, for files in which seeking finds no keyframe.

    Raises:
        OrderError: if there is none.
    """
    with open_source(descriptor) as container:
        stream = container.streams[package.video_stream or 0]
        if not isinstance(stream, VideoStream):
            raise order_errors.no_video()
        prepare_decoder(stream, threads=2)
        return _display_frame(stream, first_frame(container, stream), max_width, package.rotate)


def write_poster(frame: VideoFrame, number: int, output: int) -> PosterWritten:
    """Write a scaled frame as the poster."""
    data = encode_jpeg(convert_for_jpeg(frame, frame.width, frame.height, is_bt709=True))
    return PosterWritten(number, len(data), frame.width, frame.height, write_all(output, data))


def _choose_frame(
    container: InputContainer, stream: VideoStream, package: Package, at_ms: int | None
) -> VideoFrame | None:
    if at_ms is not None:
        return _exact_frame(container, stream, package.origin_us, at_ms)
    candidate = _best_candidate(container, stream, package)
    return candidate.frame if candidate else None


def _exact_frame(container: InputContainer, stream: VideoStream, origin_us: int, at_ms: int) -> VideoFrame | None:
    """Return the frame shown at that time, decoded from the preceding keyframe; the last one if decoding fails."""
    tick = stream.time_base or Fraction(1, 90_000)
    target = (Fraction(origin_us, _MICRO) + Fraction(at_ms, 1000)) / tick
    best: VideoFrame | None = None
    try:
        container.seek(int(target), stream=stream)
        for packet in packets_of(container, [stream]):
            for frame in stream.decode(packet):
                if best is not None and frame.pts is not None and frame.pts > target:
                    return best
                best = frame
    except av.error.FFmpegError:
        return best
    return best


def _best_candidate(container: InputContainer, stream: VideoStream, package: Package) -> PosterCandidate | None:
    deadline = time.monotonic() + _BUDGET_S
    duration_s = (package.duration_ms or 0) / 1000
    best: PosterCandidate | None = None
    for position in _POSITIONS if duration_s else (0.0,):
        frame = _frame_at(container, stream, package.origin_us, min(duration_s * position, _LATEST_S))
        if frame is None:
            continue
        candidate = _score(frame)
        if best is None or candidate.score > best.score:
            best = candidate
        if best.is_good or time.monotonic() > deadline:
            break
    return best


def _frame_at(container: InputContainer, stream: VideoStream, origin_us: int, at_s: float) -> VideoFrame | None:
    tick = stream.time_base or Fraction(1, 90_000)
    position = int((Fraction(origin_us, _MICRO) + Fraction(at_s).limit_denominator(1000)) / tick)
    context = stream.codec_context
    try:
        if at_s or container_name(container) not in RAW_STREAMS:
            container.seek(position, stream=stream)
        for count, packet in enumerate(packets_of(container, [stream])):
            if packet.size and packet.is_keyframe:
                frames = [*context.decode(packet), *context.decode(None)]
                context.flush_buffers()
                return frames[0] if frames else None
            if count > _MAX_PACKETS_PER_CANDIDATE:
                break
    except av.error.FFmpegError:
        context.flush_buffers()
    return None


def _score(frame: VideoFrame) -> PosterCandidate:
    width, height = _THUMBNAIL_SIZE
    small = VideoReformatter().reformat(frame, width, height, "gray", interpolation=Interpolation.AREA, threads=1)
    plane = small.planes[0]
    data, stride = bytes(plane), plane.line_size
    rows = [data[y * stride : y * stride + width] for y in range(height)]
    mean = sum(map(sum, rows)) / (width * height)
    contrast = (sum(sum((v - mean) ** 2 for v in row) for row in rows) / (width * height)) ** 0.5
    edges = sum(sum(abs(a - b) for a, b in pairwise(row)) for row in rows)
    sharpness = edges / (width * height)
    is_lit = _DARK <= mean <= _BRIGHT
    is_good = is_lit and contrast >= _MIN_CONTRAST and sharpness >= _MIN_SHARPNESS
    return PosterCandidate(frame, (1.0 if is_lit else 0.2) * contrast * (1.0 + sharpness), is_good)


def _display_frame(stream: VideoStream, frame: VideoFrame, max_width: int, rotate: int = 0) -> VideoFrame:
    orientation = orientation_of(frame).rotated(rotate)
    width, height = shown_size(stream, orientation)
    scale = min(1.0, max_width / width)
    size = (max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2))
    if frame.pts is None:
        frame.pts = 0
    normalizer = FrameNormalizer(*size, orientation, interlaced=is_interlaced(stream, frame))
    frames = [*normalizer.take(frame), *normalizer.flush()]
    return frames[0]


_BLACK = (0, 128, 128)


def make_sheet(order: MakeSheet, frames: Iterable[VideoFrame | None], output: int) -> StillWritten:
    """Write one sheet. A missing frame is replaced by the one before it, or black."""
    rows = -(-len(order.tiles) // order.columns)
    sheet = SpriteSheet(min(len(order.tiles), order.columns) * order.tile_width, rows * order.tile_height)
    tile: VideoFrame | None = None
    for place, frame in enumerate(frames):
        if frame is not None:
            tile = convert_for_jpeg(frame, order.tile_width, order.tile_height)
        if tile is not None:
            row, column = divmod(place, order.columns)
            sheet.paste(tile, column * order.tile_width, row * order.tile_height)
    data = encode_jpeg(sheet.frame())
    return StillWritten(order.output, len(data), write_all(output, data))


class SpriteSheet:
    """A black canvas for thumbnails. Sizes and positions are even."""

    def __init__(self, width: int, height: int) -> None:
        self._frame = VideoFrame(width, height, JPEG_PIXEL_FORMAT)
        self._planes = [
            bytearray([value]) * (plane.line_size * plane.height)
            for plane, value in zip(self._frame.planes, _BLACK, strict=True)
        ]

    def paste(self, tile: VideoFrame, left: int, top: int) -> None:
        """Copy a thumbnail onto the canvas."""
        for number, (source, target) in enumerate(zip(tile.planes, self._frame.planes, strict=True)):
            data = memoryview(source)
            shrink = 2 if number else 1
            for row in range(source.height):
                at = (top // shrink + row) * target.line_size + left // shrink
                from_ = row * source.line_size
                self._planes[number][at : at + source.width] = data[from_ : from_ + source.width]

    def frame(self) -> VideoFrame:
        """Return the canvas as a frame."""
        for plane, data in zip(self._frame.planes, self._planes, strict=True):
            plane.update(bytes(data))
        return self._frame


_PREVIEW_TICK = Fraction(1, 1000)
_MIN_STEP_MS = 40
"""At most 25 frames per second."""

_PREVIEW_OPTIONS = {
    "preset": "veryfast",
    "profile": "high",
    "crf": "27",
    # Six seconds stay below 500 kB with any content.
    "maxrate": "500k",
    "bufsize": "500k",
}
_INDEX_RESERVE_BYTES = 8 << 10
_DECODER_THREADS = 2


def make_preview(order: MakePreview, fragments: FragmentReader, output: int) -> StillWritten | None:
    """Write the preview; None if no frame could be decoded."""
    buffer = io.BytesIO()
    with av.open(
        cast("BinaryIO", buffer), "w", format="mp4", options={"moov_size": str(_INDEX_RESERVE_BYTES)}
    ) as container:
        stream = _add_stream(container, order)
        tag_colours(stream)
        normalizer = FrameNormalizer(order.width, order.height, Orientation(), interlaced=False)
        written = 0
        for at_ms, frame in _clip_frames(order, fragments):
            for small in normalizer.take(frame):
                small.pts, small.time_base, small.pict_type = at_ms, _PREVIEW_TICK, PictureType.NONE
                container.mux(stream.encode(small))
                written += 1
        if written:
            container.mux(stream.encode(None))
    if not written:
        return None
    data = buffer.getvalue()
    return StillWritten(order.output, len(data), write_all(output, data))


def _add_stream(container: OutputContainer, order: MakePreview) -> VideoStream:
    stream = container.add_stream(
        "libx264", rate=1000 // _MIN_STEP_MS, options=_PREVIEW_OPTIONS, time_base=_PREVIEW_TICK
    )
    stream.width, stream.height, stream.pix_fmt = order.width, order.height, PIXEL_FORMAT
    stream.codec_context.time_base = _PREVIEW_TICK
    stream.codec_context.thread_count = 1
    return stream


def _clip_frames(order: MakePreview, fragments: FragmentReader) -> Iterator[tuple[int, VideoFrame]]:
    """Yield the frames of all clips, with continuous times."""
    for number, clip in enumerate(order.clips):
        start_ms = clip[0].at_ms
        next_ms = 0
        for frame in _decode_segments(fragments, clip):
            at_ms = round((frame.time or 0.0) * 1000) - start_ms
            if at_ms >= order.clip_ms:
                break
            if at_ms >= next_ms:
                yield number * order.clip_ms + at_ms, frame
                next_ms = at_ms + _MIN_STEP_MS - _MIN_STEP_MS // 8


def _decode_segments(fragments: FragmentReader, clip: tuple[FrameLocation, ...]) -> Iterator[VideoFrame]:
    for segment in clip:
        yield from fragments.frames(segment.offset, segment.length, threads=_DECODER_THREADS)


def make_stills(source: int, order: MakeStills, outputs: Sequence[int], channel: Channel) -> OrderDone:
    """Execute the order, sending a message for each finished output.

    Raises:
        OrderError: if no frame can be decoded.
        OSError: if an output cannot be written.
    """
    fragments = FragmentReader(source, order.init_length)
    steps = len(order.sheets) + 1
    for number, sheet in enumerate(order.sheets):
        channel.send(make_sheet(sheet, fragments.frames_at(sheet.tiles), outputs[sheet.output]))
        # This also keeps the server's stall timeout from firing.
        channel.send(OrderProgress((number + 1) / steps, 0.0))
    if order.preview is not None:
        preview = make_preview(order.preview, fragments, outputs[order.preview.output])
        if preview is None:
            raise order_errors.damaged()
        channel.send(preview)
    if order.poster is not None:
        channel.send(_poster(order.poster, fragments, outputs[order.poster.output]))
    return OrderDone(0)


def _poster(order: PosterAt, fragments: FragmentReader, output: int) -> PosterWritten:
    frame = next(fragments.frames_at([order.location]))
    if frame is None:
        raise order_errors.damaged()
    scale = min(1.0, order.max_width / order.width)
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (order.width, order.height))
    return write_poster(convert_for_jpeg(frame, width, height), order.output, output)
