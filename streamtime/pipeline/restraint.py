"""Whether encoding may go on at this moment, and why not: room on the disk, quiet hours, somebody who watches.

It only answers; the job pool asks before it begins something, and `supervision.py` while something is under way.
"""

from dataclasses import dataclass

from streamtime.clock import Clock
from streamtime.errors import NoSpace
from streamtime.pipeline.quiet_hours import QuietHours, local_time
from streamtime.playback.watching import Watching
from streamtime.storage.spool import Spool

NO_ROOM = "Waits for room on the disk"
WATCHED = "Paused while somebody watches"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the person who runs the server chose. Zero free bytes and no quiet hours mean no such rule."""

    minimum_free_bytes: int
    quiet_hours: QuietHours | None
    yield_to_viewers: bool


class Restraint:
    """Answers for all encodes alike. As `jobs.job.Restraint` it holds long ones back."""

    def __init__(self, rules: Rules, watching: Watching, spool: Spool, clock: Clock) -> None:
        self._rules = rules
        self._watching = watching
        self._spool = spool
        self._clock = clock

    async def why_not(self) -> str | None:
        """Why no long encode may run just now, in words for people; None where it may."""
        return await self.no_room() or self._not_now()

    async def no_room(self) -> str | None:
        """Why no encode at all may run just now: the disk is nearly full."""
        least = self._rules.minimum_free_bytes
        return NO_ROOM if least and await self._spool.free_bytes() < least else None

    async def require_room(self, wanted_bytes: int) -> None:
        """Let pass what will leave enough room.

        Raises:
            NoSpace: it will not, as far as one can tell beforehand.
        """
        least = self._rules.minimum_free_bytes
        free = await self._spool.free_bytes() if least else 0
        if least and free - wanted_bytes < least:
            words = f"{NO_ROOM}: about {_size(wanted_bytes)} are needed, {_size(max(0, free - least))} can be used."
            raise NoSpace(words)

    def _not_now(self) -> str | None:
        hours = self._rules.quiet_hours
        if hours is not None and not hours.contain(local_time(self._clock.now_ms())):
            return f"Waits for quiet hours ({hours.begin:%H:%M})"
        if self._rules.yield_to_viewers and self._watching.anybody:
            return WATCHED
        return None


def _size(count: int) -> str:
    """As disks are sold: in units of a thousand."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{max(1, round(count / 1e6))} MB"
