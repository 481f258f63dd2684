"""One FFmpeg filter graph at work on the frames of one stream, built anew when frames change their shape.

It knows graphs, not what they are for.
"""

import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

_AGAIN_ERRNOS = (11, 541478725)
_USUAL_TICK = Fraction(1, 90_000)
_MAX_THREADS = 4
_LONG_AGO = -(1 << 40)


@dataclass(frozen=True)
class FilterStep:
    """One filter with its settings. `table` is a second picture that it takes beside each frame, ever the same."""

    name: str
    settings: str = ""
    lookup_table: Callable[[], VideoFrame] | None = None


class FilterChain:
    """Frames in, frames out, in the same order; some filters hold one back."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: Hashable = None
        self._input: FilterContext | None = None

    def take(self, frame: VideoFrame, steps: Sequence[FilterStep]) -> list[VideoFrame]:
        """Put one frame through `steps`; what another list of them holds back comes first."""
        shape = (
            frame.width,
            frame.height,
            frame.format.name,
            frame.time_base,
            tuple((s.name, s.settings) for s in steps),
        )
        ready = self.flush() if shape != self._shape else []
        if self._input is None:
            self._input = self._build(frame, steps)
            self._shape = shape
        self._input.push(frame)
        return ready + self._drain()

    def flush(self) -> list[VideoFrame]:
        """Give what is still inside; more frames may follow."""
        if self._input is None:
            return []
        self._input.push(None)
        rest = self._drain()
        self._graph = self._input = None
        return rest

    def _build(self, frame: VideoFrame, steps: Sequence[FilterStep]) -> FilterContext:
        self._graph = graph = Graph()
        heavy = any(step.lookup_table for step in steps)
        graph.threads = min(_MAX_THREADS, os.cpu_count() or 1) if heavy else 1
        source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format,
                                  time_base=frame.time_base or _USUAL_TICK)  # fmt: skip
        filters = [graph.add(step.name, step.settings or None) for step in steps]
        nodes = [source, *filters, graph.add("buffersink")]
        for earlier, later in pairwise(nodes):
            earlier.link_to(later)
        tables = [(step.lookup_table(), taker) for step, taker in zip(steps, filters, strict=True) if step.lookup_table]
        inputs = [(picture, _table_input(graph, picture, taker)) for picture, taker in tables]
        graph.configure()
        for picture, entry in inputs:
            # A filter that takes a second picture wants it before the first frame.
            picture.pts = _LONG_AGO
            entry.push(picture)
            entry.push(None)
        return source

    def _drain(self) -> list[VideoFrame]:
        frames: list[VideoFrame] = []
        while self._graph is not None:
            try:
                frames.append(self._graph.vpull())
            except (BlockingIOError, EOFError):
                return frames
            except FFmpegError as error:
                if error.errno in _AGAIN_ERRNOS:
                    return frames
                raise
        return frames


def _table_input(graph: Graph, picture: VideoFrame, taker: FilterContext) -> FilterContext:
    entry = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=_USUAL_TICK)
    entry.link_to(taker, 0, 1)
    return entry
