"""Whether anybody watches: the time of the last segment that was handed out, and nothing about whom."""

from streamtime.clock import Clock

ACTIVE_FOR_S = 15.0
"""A player that has filled its buffer asks for a segment of four seconds about every four seconds."""


class ViewerActivity:
    """Remembers when a segment was last asked for."""

    def __init__(self, clock: Clock, *, active_for_s: float = ACTIVE_FOR_S) -> None:
        self._clock = clock
        self._active_for_s = active_for_s
        self._last: float | None = None

    def record(self) -> None:
        """Somebody has asked for a segment."""
        self._last = self._clock.monotonic()

    @property
    def is_active(self) -> bool:
        """Whether somebody watches, as far as one can tell."""
        return self._last is not None and self._clock.monotonic() - self._last < self._active_for_s
