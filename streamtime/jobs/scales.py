"""What a lane carries at the moment, and how much more may be put on it. It knows weights, nothing of jobs."""

import asyncio


class CapacityLimiter:
    """The weights of what runs in one lane. Whoever looks at `room` and then adds to it holds `turn` meanwhile."""

    def __init__(self, capacity: int | None) -> None:
        self._capacity = capacity
        self._weights: list[int] = []
        self.lock = asyncio.Lock()

    @property
    def available(self) -> int | None:
        """The heaviest that may be added now; None where any may: there is no limit, or nothing else to hinder it."""
        if self._capacity is None or not self._weights:
            return None
        return max(0, self._capacity - sum(self._weights))

    def acquire(self, weight: int) -> None:
        """Something has begun."""
        self._weights.append(weight)

    def release(self, weight: int) -> None:
        """It has ended."""
        self._weights.remove(weight)
