"""How fast work goes and how long it will take: from what was seen over the last half minute. Pure."""

from collections import deque

WINDOW_S = 30.0
MIN_WINDOW_S = 1.5
"""Before so much has been seen, nothing is said: the first seconds go into filling an encoder."""


class RateEstimator:
    """Shares of a piece of work that are done, and when."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def add_sample(self, fraction: float, at_s: float) -> None:
        """At that time, so much of it is done."""
        self._samples.append((at_s, fraction))
        while len(self._samples) > 2 and at_s - self._samples[0][0] > WINDOW_S:  # noqa: PLR2004  (a rate needs two)
            self._samples.popleft()

    def reset(self) -> None:
        """It stood still: what was seen before says nothing of how fast it goes."""
        self._samples.clear()

    @property
    def rate(self) -> float | None:
        """What share of the work is done in a second; None where that cannot be told."""
        if not self._samples:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        if last_s - first_s < MIN_WINDOW_S or last <= first:
            return None
        return (last - first) / (last_s - first_s)

    @property
    def remaining_s(self) -> float | None:
        """How long the rest will take at this rate."""
        rate = self.rate
        return (1.0 - self._samples[-1][1]) / rate if rate else None
