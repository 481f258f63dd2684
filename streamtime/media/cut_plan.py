"""Plans a cut without encoding: which packets of a video stream make each part, and when they are shown.

A part begins with a keyframe, the one nearest to the wanted start. It ends where no later packet is shown before an
earlier one, as near as possible to the wanted end: in most files after each third or fourth frame. Frames that are
shown before the keyframe that they follow (open GOPs, ITU-T H.265, 8.3.3) refer to what was cut off, and are left out.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

Span = tuple[int, int]
"""Start and end of a part, in the ticks of the stream."""


@dataclass
class PacketTable:
    """Times and keyframes of all packets of a video stream, in file order. `end` is the end of the last frame."""

    times: list[int] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    """Numbers of the packets that begin with a keyframe."""
    end: int = 0

    def add(self, pts: int, duration: int, *, is_keyframe: bool) -> None:
        """Add a packet."""
        if is_keyframe:
            self.keyframes.append(len(self.times))
        self.times.append(pts)
        self.end = max(self.end, pts + max(1, duration))


@dataclass(frozen=True)
class PlannedPart:
    """The packets from number `first` to before `last`, without those shown before `start`.

    `start` is the time of its keyframe, `end` the time of the first frame that is not shown any more.
    """

    first: int
    last: int
    start: int
    end: int

    def has(self, number: int, pts: int) -> bool:
        """Return whether a packet belongs to the part."""
        return self.first <= number < self.last and pts >= self.start

    @property
    def length(self) -> int:
        """The duration, in ticks."""
        return self.end - self.start


def plan_parts(table: PacketTable, wanted: Sequence[Span]) -> list[PlannedPart]:
    """Plan the parts, in order. Parts that would be empty are left out."""
    later = _earliest_after(table)
    parts: list[PlannedPart] = []
    for start, end in wanted:
        after = parts[-1].last if parts else 0
        if (part := _plan_part(table, later, start, end, after)) is not None:
            parts.append(part)
    return parts


def decode_times(shown: Sequence[int], step: int) -> list[int]:
    """Return decode times for packets that are shown at these times: ascending, none after its packet is shown.

    `step` is the time between frames before the first one, where there are none to take times from.
    """
    ordered = sorted(shown)
    delay = max((number - bisect_left(ordered, pts) for number, pts in enumerate(shown)), default=0)
    delay = max(0, delay)
    lead = [ordered[0] - (delay - number) * step for number in range(delay)] if ordered else []
    return [*lead, *ordered][: len(ordered)]


def _earliest_after(table: PacketTable) -> list[int]:
    """For each packet number, the earliest time of this and all later packets; last, the end of the video."""
    later = [table.end]
    for pts in reversed(table.times):
        later.append(min(later[-1], pts))
    later.reverse()
    return later


def _plan_part(table: PacketTable, later: list[int], start: int, end: int, after: int) -> PlannedPart | None:
    keyframes = [number for number in table.keyframes if number >= after and table.times[number] < end]
    if not keyframes or start >= table.end:
        return None
    first = min(keyframes, key=lambda number: (abs(table.times[number] - start), number))
    begin = table.times[first]
    best: tuple[int, int] | None = None
    shown = begin
    for last in range(first + 1, len(table.times) + 1):
        shown = max(shown, table.times[last - 1])
        if shown < later[last] and (best is None or abs(later[last] - end) < abs(later[best[0]] - end)):
            best = (last, later[last])
        if later[last] > end and best is not None:
            break
    return None if best is None or best[1] <= begin else PlannedPart(first, best[0], begin, best[1])
