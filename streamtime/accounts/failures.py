"""Failed sign-ins in the audit: some of them with the name that was tried, the rest as a number.

Whoever tries passwords by the thousand must not fill the database with it: from one place a few lines a minute are
written, from all places together some more, and what came beyond that is one line with a count when the minute is over.
"""

from collections import Counter
from dataclasses import dataclass, field

from streamtime.accounts.audit import Actor, Audit, Deed
from streamtime.accounts.users import NAME
from streamtime.accounts.visit import Visit
from streamtime.clock import Clock
from streamtime.database.transaction import Database, Transaction

A_MINUTE_S = 60.0
LINES_A_PLACE = 5
LINES_IN_ALL = 60
MAX_PLACES = 1_000
"""Places that are counted apart in one minute; those beyond share a count."""

ELSEWHERE = "elsewhere"


@dataclass(slots=True)
class _Minute:
    begun: float
    written: Counter[str] = field(default_factory=Counter)
    uncounted: Counter[str] = field(default_factory=Counter)


class Failures:
    """Writes them down, within bounds."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._minute = _Minute(clock.monotonic())

    async def note(self, name: str, visit: Visit, **detail: str) -> None:
        """Somebody failed to sign in under that name.

        What no account can be called is not written: it may be a password that was typed into the wrong field.
        """
        minute = self._minute
        if minute.written[visit.network] >= LINES_A_PLACE or minute.written.total() >= LINES_IN_ALL:
            self.count(visit)
            return
        minute.written[visit.network] += 1
        tried = name if NAME.fullmatch(name) else ""
        actor = Actor(None, "", visit.address)
        await self._database.write(lambda tx: self._audit.note(tx, actor, Deed.SIGN_IN_FAILED, tried, **detail))

    def count(self, visit: Visit) -> None:
        """One more that is only counted: it was refused unseen, or others were written already."""
        self._add(visit.network, 1)

    async def flush(self, *, last: bool = False) -> None:
        """Write the counts of the minute that is over, or of this one where it is the `last`."""
        minute = self._minute
        if not last and self._clock.monotonic() - minute.begun < A_MINUTE_S:
            return
        self._minute = _Minute(self._clock.monotonic())
        if not minute.uncounted:
            return
        told = minute.uncounted.most_common(LINES_IN_ALL)
        rest = minute.uncounted.total() - sum(count for _, count in told)

        async def body(tx: Transaction) -> None:
            for place, count in [*told, *([(ELSEWHERE, rest)] if rest else [])]:
                actor = Actor(None, "", place)
                await self._audit.note(tx, actor, Deed.SIGN_IN_FAILED, "", times=str(count))

        try:
            await self._database.write(body)
        except Exception:
            for place, count in minute.uncounted.items():
                self._add(place, count)
            self._minute.begun = minute.begun  # it is over: the next flush writes it
            raise

    def _add(self, place: str, count: int) -> None:
        places = self._minute.uncounted
        places[place if place in places or len(places) < MAX_PLACES else ELSEWHERE] += count
