"""Whether encoding may go on at this moment, and why not: room on the disk, quiet hours, somebody who watches.

It only answers; the job pool asks before it begins something, and `supervision.py` while something is under way.

A part of the day, every day: pure arithmetic on times of day. It knows no clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Self

from streamtime.clock import Clock
from streamtime.errors import NoSpace
from streamtime.playback.segments import ViewerActivity
from streamtime.storage.spool import Spool


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


DISK_FULL_REASON = "Waits for room on the disk"
VIEWERS_REASON = "Paused while somebody watches"


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """What the person who runs the server chose. Zero free bytes and no quiet hours mean no such rule."""

    minimum_free_bytes: int
    quiet_hours: QuietHours | None
    yield_to_viewers: bool


class EncodeAdmission:
    """Answers for all encodes alike. As `jobs.job.Restraint` it holds long ones back."""

    def __init__(self, rules: AdmissionRules, viewer_activity: ViewerActivity, spool: Spool, clock: Clock) -> None:
        self._rules = rules
        self._viewer_activity = viewer_activity
        self._spool = spool
        self._clock = clock

    async def blocked_reason(self) -> str | None:
        """Why no long encode may run just now, in words for people; None where it may."""
        return await self.disk_full_reason() or self._paused_reason()

    async def disk_full_reason(self) -> str | None:
        """Why no encode at all may run just now: the disk is nearly full."""
        least = self._rules.minimum_free_bytes
        return DISK_FULL_REASON if least and await self._spool.free_bytes() < least else None

    async def require_space(self, wanted_bytes: int) -> None:
        """Let pass what will leave enough room.

        Raises:
            NoSpace: it will not, as far as one can tell beforehand.
        """
        least = self._rules.minimum_free_bytes
        free = await self._spool.free_bytes() if least else 0
        if least and free - wanted_bytes < least:
            needed, usable = _size(wanted_bytes), _size(max(0, free - least))
            raise NoSpace(f"{DISK_FULL_REASON}: about {needed} are needed, {usable} can be used.")

    def _paused_reason(self) -> str | None:
        hours = self._rules.quiet_hours
        if hours is not None and not hours.contains(local_time(self._clock.now_ms())):
            return f"Waits for quiet hours ({hours.start:%H:%M})"
        if self._rules.yield_to_viewers and self._viewer_activity.is_active:
            return VIEWERS_REASON
        return None


def _size(count: int) -> str:
    """As disks are sold: in units of a thousand."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{max(1, round(count / 1e6))} MB"
