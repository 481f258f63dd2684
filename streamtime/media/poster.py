"""Chooses a telling picture near the beginning and writes it as a JPEG. It reads the source for itself.

A telling picture is not black, not of one colour, and has sharp edges. A few keyframes are looked at; where none
will do, the best of them is taken. Or it is told which moment to show.
"""

import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from streamtime.media import refusal
from streamtime.media.jpeg import for_jpeg, jpeg, write_out
from streamtime.media.normalize import FrameNormalizer
from streamtime.media.picture_facts import first_frame, is_interlaced, orientation_of, prepare_decoder, shown_size
from streamtime.media.picture_times import RAW_STREAMS
from streamtime.media.source import container_name, open_source, packets_of
from streamtime.media.still_picture import AUDIO_ONLY, still_of
from streamtime.workers.protocol import MakePoster, Package, PosterWritten

_SHARES = (0.08, 0.03, 0.15, 0.25, 0.0)
"""Where to look, as shares of the duration: near the beginning, but behind titles and fades."""

_LATEST_S = 180.0
_BUDGET_S = 0.6
_MAX_PACKETS_PER_CANDIDATE = 60
_SMALL = (96, 54)
_DARK, _BRIGHT = 40.0, 225.0
_MIN_CONTRAST = 18.0
_MIN_SHARPNESS = 4.0
_MICRO = 1_000_000


@dataclass(frozen=True)
class PosterCandidate:
    """One picture and how telling it is."""

    frame: VideoFrame
    score: float
    good: bool


def make_poster(descriptor: int, order: MakePoster, package: Package, output: int) -> PosterWritten | None:
    """Write the poster to `output`; None where the stream is none of pictures.

    Raises:
        Refusal: if no picture can be decoded.
    """
    with open_source(descriptor) as container:
        if package.video_stream == AUDIO_ONLY:
            return written_poster(still_of(container), order.output, output)
        stream = container.streams[package.video_stream or 0]
        if not isinstance(stream, VideoStream):
            return None
        prepare_decoder(stream, threads=2)
        found = _chosen(container, stream, package, order.at_ms)
        frame = None if found is None else _shown(stream, found, order.max_width)
    if frame is None:
        frame = _first_picture(descriptor, package, order.max_width)
    return written_poster(frame, order.output, output)


def _first_picture(descriptor: int, package: Package, max_width: int) -> VideoFrame:
    """The first picture that can be decoded at all: where no keyframe is found by seeking.

    Raises:
        Refusal: if there is none.
    """
    with open_source(descriptor) as container:
        stream = container.streams[package.video_stream or 0]
        if not isinstance(stream, VideoStream):
            raise refusal.no_video()
        prepare_decoder(stream, threads=2)
        return _shown(stream, first_frame(container, stream), max_width)


def written_poster(frame: VideoFrame, number: int, output: int) -> PosterWritten:
    """Write a frame as it stands as the poster."""
    data = jpeg(for_jpeg(frame, frame.width, frame.height, is_bt709=True))
    return PosterWritten(number, len(data), frame.width, frame.height, write_out(output, data))


def _chosen(container: InputContainer, stream: VideoStream, package: Package, at_ms: int | None) -> VideoFrame | None:
    if at_ms is not None:
        return _exact_frame(container, stream, package.origin_us, at_ms)
    look = _best_candidate(container, stream, package)
    return look.frame if look else None


def _exact_frame(container: InputContainer, stream: VideoStream, origin_us: int, at_ms: int) -> VideoFrame | None:
    """The picture shown at that moment, decoded from the keyframe before it; the last one where it breaks off."""
    tick = stream.time_base or Fraction(1, 90_000)
    wanted = (Fraction(origin_us, _MICRO) + Fraction(at_ms, 1000)) / tick
    best: VideoFrame | None = None
    try:
        container.seek(int(wanted), stream=stream)
        for packet in packets_of(container, [stream]):
            for frame in stream.decode(packet):
                if best is not None and frame.pts is not None and frame.pts > wanted:
                    return best
                best = frame
    except av.error.FFmpegError:
        return best
    return best


def _best_candidate(container: InputContainer, stream: VideoStream, package: Package) -> PosterCandidate | None:
    deadline = time.monotonic() + _BUDGET_S
    duration_s = (package.duration_ms or 0) / 1000
    best: PosterCandidate | None = None
    for share in _SHARES if duration_s else (0.0,):
        frame = _frame_at(container, stream, package.origin_us, min(duration_s * share, _LATEST_S))
        if frame is None:
            continue
        look = _scored(frame)
        if best is None or look.score > best.score:
            best = look
        if best.good or time.monotonic() > deadline:
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


def _scored(frame: VideoFrame) -> PosterCandidate:
    width, height = _SMALL
    small = VideoReformatter().reformat(frame, width, height, "gray", interpolation=Interpolation.AREA, threads=1)
    plane = small.planes[0]
    data, stride = bytes(plane), plane.line_size
    rows = [data[y * stride : y * stride + width] for y in range(height)]
    mean = sum(map(sum, rows)) / (width * height)
    contrast = (sum(sum((v - mean) ** 2 for v in row) for row in rows) / (width * height)) ** 0.5
    edges = sum(sum(abs(a - b) for a, b in pairwise(row)) for row in rows)
    sharpness = edges / (width * height)
    lit = _DARK <= mean <= _BRIGHT
    good = lit and contrast >= _MIN_CONTRAST and sharpness >= _MIN_SHARPNESS
    return PosterCandidate(frame, (1.0 if lit else 0.2) * contrast * (1.0 + sharpness), good)


def _shown(stream: VideoStream, frame: VideoFrame, max_width: int) -> VideoFrame:
    turn = orientation_of(frame)
    width, height = shown_size(stream, turn)
    scale = min(1.0, max_width / width)
    size = (max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2))
    if frame.pts is None:
        frame.pts = 0
    upright = FrameNormalizer(*size, turn, interlaced=is_interlaced(stream, frame))
    frames = [*upright.take(frame), *upright.flush()]
    return frames[0]
