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


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> EpochMs:
        """Wall-clock time, for what is stored and shown."""
        return EpochMs(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Seconds that never run backwards, for time-outs and speeds."""
        return time.monotonic()
