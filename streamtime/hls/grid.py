"""The grid: where all renditions of one video are cut, so that a player can switch at every segment.

It knows times only. A rendition that is copied dictates its own cuts; otherwise they come every four seconds.
"""

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction

from streamtime.hls.segment_index import SegmentIndex

REGULAR_S = 4
"""Seconds between cuts where nothing is copied: a compromise of quick switching and few requests."""


@dataclass(frozen=True)
class Grid:
    """Segment starts on the video's own time line, which begins at 0, in ticks of `1 / timescale` seconds.

    `starts` are given exactly, in rising order from 0; after the last of them cuts come every `period` ticks, or
    never again where that is 0.
    """

    timescale: int
    starts: tuple[int, ...] = (0,)
    period: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no grid: it comes from a rendition's index, which may have been damaged."""
        rising = all(a < b for a, b in zip(self.starts, self.starts[1:], strict=False))
        if self.timescale <= 0 or self.period < 0 or not self.starts or self.starts[0] != 0 or not rising:
            raise ValueError("a grid starts at 0 and rises")

    @classmethod
    def regular(cls, period_s: int = REGULAR_S) -> "Grid":
        """Cuts at 0 and every `period_s` seconds after."""
        return cls(timescale=1, period=period_s)

    @classmethod
    def of_copy(cls, index: SegmentIndex) -> "Grid":
        """Cuts exactly where the whole copied rendition has them, and nowhere else."""
        starts = [0]
        for segment in index.segments[:-1]:
            starts.append(starts[-1] + segment.duration)
        return cls(index.timescale, tuple(starts), period=0)

    def next_after(self, time_s: Fraction) -> Fraction | None:
        """Tell the first cut later than `time_s`, in seconds; None where there is none."""
        ticks = time_s * self.timescale
        position = bisect_right(self.starts, ticks)
        if position < len(self.starts):
            return Fraction(self.starts[position], self.timescale)
        if not self.period:
            return None
        last = self.starts[-1]
        steps = (ticks - last) // self.period + 1
        return Fraction(last + steps * self.period, self.timescale)
