"""How fast work goes and how long it will take: from what was seen over the last half minute. Pure."""

from collections import deque

WINDOW_S = 30.0
LEAST_S = 1.5
"""Before so much has been seen, nothing is said: the first seconds go into filling an encoder."""


class Pace:
    """Shares of a piece of work that are done, and when."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def note(self, fraction: float, at_s: float) -> None:
        """At that time, so much of it is done."""
        self._seen.append((at_s, fraction))
        while len(self._seen) > 2 and at_s - self._seen[0][0] > WINDOW_S:  # noqa: PLR2004  (a rate needs two)
            self._seen.popleft()

    def forget(self) -> None:
        """It stood still: what was seen before says nothing of how fast it goes."""
        self._seen.clear()

    @property
    def rate(self) -> float | None:
        """What share of the work is done in a second; None where that cannot be told."""
        if not self._seen:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        if last_s - first_s < LEAST_S or last <= first:
            return None
        return (last - first) / (last_s - first_s)

    @property
    def left_s(self) -> float | None:
        """How long the rest will take at this rate."""
        rate = self.rate
        return (1.0 - self._seen[-1][1]) / rate if rate else None
