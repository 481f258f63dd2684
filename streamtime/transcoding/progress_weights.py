"""Which part of all the work on a video each order is, as its progress is shown. The parts are felt, not measured."""

from dataclasses import dataclass

PROBED_FRACTION = 0.05
"""So far a video is when it is known that nothing can be copied."""

COPIED_FRACTION = 0.1
"""So far it is when everything is copied that can be."""

FIRST_RUNG_FRACTION = 0.3
"""So far it is with its first encoded rung."""


@dataclass(frozen=True, slots=True)
class ProgressRange:
    """Which part of the whole work an order is, what it is called, and whether it stands back for others.

    What makes a video playable never stands back; it waits only where the disk is full.
    """

    stage: str
    start: float
    end: float
    can_pause: bool = False

    def subrange(self, number: int, count: int, stage: str, *, can_pause: bool) -> "ProgressRange":
        """The share of one of several orders that are made one after another."""
        step = (self.end - self.start) / count
        return ProgressRange(stage, self.start + step * number, self.start + step * (number + 1), can_pause)
