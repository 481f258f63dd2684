"""Makes frames stand upright, progressive and in the colours that every browser shows: 8-bit 4:2:0, limited range.

It knows one stream's frames, nothing of rungs beyond the size it is asked for. Where nothing is to be done it costs
nothing: the same frame comes out.
"""

from fractions import Fraction
from itertools import pairwise

from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from streamtime.media.picture_facts import Turn

PIXEL_FORMAT = "yuv420p"
_TURNS = {90: ("clock",), 180: ("clock", "clock"), 270: ("cclock",)}
_AGAIN_ERRNOS = (11, 541478725)


class Shrink:
    """Scales to one size. One for each rung: a scaler keeps tables for the sizes it saw last."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Give the frame in the wanted size; the very same one where it already is."""
        full_range = frame.color_range == ColorRange.JPEG
        return self._reformatter.reformat(
            frame,
            self._width,
            self._height,
            PIXEL_FORMAT,
            dst_colorspace=Colorspace.ITU709 if frame.format.is_rgb else None,
            interpolation=Interpolation.BILINEAR,
            src_color_range=ColorRange.JPEG if full_range else None,
            dst_color_range=ColorRange.MPEG if full_range else None,
            threads=1,
        )


class Upright:
    """Frames as stored in, frames as shown in `width` x `height` out, in the same order."""

    def __init__(self, width: int, height: int, turn: Turn, *, interlaced: bool) -> None:
        self._turn = turn
        self._interlaced = interlaced
        stored = (height, width) if turn.swaps_sides else (width, height)
        self._shrink = Shrink(*stored)
        self._graph: Graph | None = None
        self._shape: tuple[object, ...] = ()

    def take(self, frame: VideoFrame) -> list[VideoFrame]:
        """Turn one frame; a de-interlacer gives it back one frame late."""
        if not self._interlaced:
            frame = self._shrink(frame)
        if not self._interlaced and self._turn.is_none:
            return [frame]
        shape = (frame.width, frame.height, frame.format.name, frame.time_base)
        ready = self.flush() if shape != self._shape else []
        if self._graph is None:
            self._graph, self._shape = self._built(frame), shape
        self._graph.push(frame)
        return ready + self._pulled()

    def flush(self) -> list[VideoFrame]:
        """Give what is still inside; more frames may follow."""
        if self._graph is None:
            return []
        self._graph.push(None)
        rest = self._pulled()
        self._graph = None
        return rest

    def _built(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format,
                                  time_base=frame.time_base or Fraction(1, 90_000))]  # fmt: skip
        if self._interlaced:
            nodes.append(graph.add("bwdif", "mode=send_frame:deint=all"))
        if self._turn.mirrored:
            nodes.append(graph.add("hflip"))
        nodes += [graph.add("transpose", f"dir={way}") for way in _TURNS.get(self._turn.rotation, ())]
        nodes.append(graph.add("buffersink"))
        for earlier, later in pairwise(nodes):
            earlier.link_to(later)
        graph.configure()
        return graph

    def _pulled(self) -> list[VideoFrame]:
        frames: list[VideoFrame] = []
        while self._graph is not None:
            try:
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return frames
            except FFmpegError as error:
                if error.errno in _AGAIN_ERRNOS:
                    return frames
                raise
            frames.append(self._shrink(frame) if self._interlaced and self._turn.is_none else frame)
        return frames
