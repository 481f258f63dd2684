"""The time of day and the passing of time, as arguments that a test can replace."""

import time
from typing import NewType, Protocol

EpochMs = NewType("EpochMs", int)
"""Milliseconds since 1970-01-01T00:00:00Z."""


class Clock(Protocol):
    """Tells the time; it knows nothing of time zones."""

    def now_ms(self) -> EpochMs:
        """Wall-clock time, for what is stored and shown."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for time-outs and speeds."""
        ...


class ClockStability:
    """Tells for how long the time of day has gone on like the passing of time: since then nobody has set it.

    A machine whose clock has no battery begins years away and jumps when it hears from the network. What is irrevocable
    should not be done the moment that a deadline seems to be over, but when the clock has been steady for a while.
    """

    MAX_DRIFT_S = 60.0
    """What a slow correction may amount to between two looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall_ms, self._passed = clock.now_ms(), clock.monotonic()
        self._since = self._passed

    def stable_s(self) -> float:
        """Seconds since the beginning or the last jump that was seen. A machine that slept counts as a jump."""
        wall_ms, passed = self._clock.now_ms(), self._clock.monotonic()
        drift_s = (wall_ms - self._wall_ms) / 1000 - (passed - self._passed)
        if abs(drift_s) > self.MAX_DRIFT_S:
            self._since = passed
        self._wall_ms, self._passed = wall_ms, passed
        return passed - self._since


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> EpochMs:
        """Wall-clock time, for what is stored and shown."""
        return EpochMs(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Seconds that never run backwards, for time-outs and speeds."""
        return time.monotonic()
