"""The picture of a file that holds only sound: its cover, else a plain one that is drawn here.

It knows pictures, nothing of how they become a video.
"""

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

import av.error
from av.container import InputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from streamtime.media import refusal
from streamtime.media.picture_facts import has_decoder, is_cover, picture_in, prepare_decoder
from streamtime.media.source import packets_of

AUDIO_ONLY = -1
"""Stands for the stream of pictures where there is none."""

_WIDTH, _HEIGHT = 1280, 720
_MIN_SIDE = 16
_MAX_PACKETS = 50
_BARS = (90, 190, 320, 240, 410, 300, 360, 220, 140)
"""Heights of the bars of the plain picture."""

_GROUND, _INK = "0x17202a", "0x5dade2"


def is_audio_only(container: InputContainer) -> bool:
    """Tell whether there is sound, and no pictures but covers."""
    heard = any(has_decoder(stream) for stream in container.streams.audio)
    return heard and all(is_cover(stream) for stream in container.streams.video)


def still_of(container: InputContainer) -> VideoFrame:
    """Give the cover, made to fit, or the plain picture where there is none that can be read."""
    for stream in container.streams.video:
        if is_cover(stream) and has_decoder(stream) and (frame := _decoded(container, stream)) is not None:
            return _fitted(frame)
    return _plain()


def repeated(still: VideoFrame, times: Iterable[int]) -> Iterator[VideoFrame]:
    """Give the picture once for each time, in its own ticks. Each is a frame of its own that may be kept."""
    rows: list[bytes] = []
    for time in times:
        shown = VideoFrame(still.width, still.height, still.format.name)
        rows = rows or [_padded(*planes) for planes in zip(still.planes, shown.planes, strict=True)]
        for plane, data in zip(shown.planes, rows, strict=True):
            plane.update(data)
        shown.time_base, shown.pts = still.time_base, time
        yield shown


def _padded(source: VideoPlane, target: VideoPlane) -> bytes:
    """The rows of one plane at the distance that another one has: decoders and new frames pad rows differently."""
    data, stride, length = bytes(source), source.line_size, min(source.line_size, target.line_size)
    starts = range(0, source.height * stride, stride)
    return b"".join(data[start : start + length].ljust(target.line_size, b"\0") for start in starts)


def _decoded(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    try:
        prepare_decoder(stream, threads=1)
        for packet in islice(packets_of(container, [stream]), _MAX_PACKETS):
            if (frame := picture_in(stream, packet)) is not None:
                return frame if min(frame.width, frame.height) >= _MIN_SIDE else None
    except (av.error.FFmpegError, refusal.OrderError):
        return None
    return None


def _fitted(frame: VideoFrame) -> VideoFrame:
    scale = min(1.0, _WIDTH / frame.width, _HEIGHT / frame.height)
    width, height = (max(_MIN_SIDE, int(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    return VideoReformatter().reformat(frame, width, height, "rgb24", threads=1)


def _plain() -> VideoFrame:
    graph = Graph()
    graph.threads = 1
    step, bar = 70, 36
    left = (_WIDTH - step * (len(_BARS) - 1) - bar) // 2
    steps = [
        graph.add("color", f"c={_GROUND}:s={_WIDTH}x{_HEIGHT}:r=1:d=1"),
        graph.add("format", "rgb24"),
        *(
            graph.add(
                "drawbox",
                f"x={left + step * place}:y={(_HEIGHT - height) // 2}:w={bar}:h={height}:color={_INK}:t=fill",
            )
            for place, height in enumerate(_BARS)
        ),
        graph.add("buffersink"),
    ]
    for earlier, later in pairwise(steps):
        earlier.link_to(later)
    graph.configure()
    return graph.vpull()
