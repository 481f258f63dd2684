"""A part of the day, every day: pure arithmetic on times of day. It knows no clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Self


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` to just before `end`, over midnight where the end comes first."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read "23:00-07:00"; None for nothing, which means that all hours are alike.

        Raises:
            ValueError: it is something else.
        """
        if not text:
            return None
        begin, _, end = text.partition("-")
        return cls(time.fromisoformat(begin), time.fromisoformat(end))

    def contains(self, moment: time) -> bool:
        """Whether a time of day lies within."""
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def local_time(now_ms: int) -> time:
    """The time of day at this place."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone().time()
