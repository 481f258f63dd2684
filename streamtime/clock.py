"""Clocks: wall-clock and monotonic time behind a protocol, so that tests can replace them."""

import time
from typing import NewType, Protocol, runtime_checkable

EpochMs = NewType("EpochMs", int)
"""Milliseconds since 1970-01-01T00:00:00Z."""


@runtime_checkable  # Litestar checks the type of what it injects
class Clock(Protocol):
    """A source of wall-clock and monotonic time. It has no time zones."""

    def now_ms(self) -> EpochMs:
        """Return the wall-clock time, for timestamps that are stored or shown."""
        ...

    def monotonic(self) -> float:
        """Return monotonic time in seconds, for timeouts and rates."""
        ...


class ClockStability:
    """Measures how long the wall clock has advanced in step with the monotonic clock, without being set.

    A machine without a battery-backed clock boots with a wrong date and jumps when it synchronizes. An irreversible
    action should not run as soon as a deadline appears to be over, but only after the clock has been stable for a
    while.
    """

    MAX_DRIFT_S = 60.0
    """A difference between two measurements that still counts as a slow correction of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall_ms, self._monotonic = clock.now_ms(), clock.monotonic()
        self._stable_since = self._monotonic

    def stable_s(self) -> float:
        """Return the seconds since creation or the last jump that was seen. Sleep of the machine counts as a jump."""
        wall_ms, monotonic = self._clock.now_ms(), self._clock.monotonic()
        drift_s = (wall_ms - self._wall_ms) / 1000 - (monotonic - self._monotonic)
        if abs(drift_s) > self.MAX_DRIFT_S:
            self._stable_since = monotonic
        self._wall_ms, self._monotonic = wall_ms, monotonic
        return monotonic - self._stable_since


class SystemClock:
    """The operating system's clock."""

    def now_ms(self) -> EpochMs:
        """Return the wall-clock time, for timestamps that are stored or shown."""
        return EpochMs(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Return monotonic time in seconds, for timeouts and rates."""
        return time.monotonic()
