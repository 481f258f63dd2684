"""A clock that stands still until a test turns it."""

from streamtime.clock import EpochMs


class FakeClock:
    """`now` is its time in milliseconds since the epoch; both of its faces show it."""

    now = 1_700_000_000_000

    def now_ms(self) -> EpochMs:
        return EpochMs(self.now)

    def monotonic(self) -> float:
        return self.now / 1000
