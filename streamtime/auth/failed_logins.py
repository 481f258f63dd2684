"""Failed sign-ins in the audit: some of them with the name that was tried, the rest as a number.

Whoever tries passwords by the thousand must not fill the database with it: from one place a few lines a minute are
written, from all places together some more, and what came beyond that is one line with a count when the minute is over.
"""

from collections import Counter
from dataclasses import dataclass, field

from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.users import NAME
from streamtime.clock import Clock
from streamtime.database.transaction import Database, Transaction

WINDOW_S = 60.0
MAX_ENTRIES_PER_NETWORK = 5
MAX_ENTRIES_PER_WINDOW = 60
MAX_NETWORKS = 1_000
"""Places that are counted apart in one minute; those beyond share a count."""

OTHER_NETWORKS = "elsewhere"


@dataclass(slots=True)
class _Window:
    started_at: float
    written: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)


class FailedLoginLog:
    """Writes them down, within bounds."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._window = _Window(clock.monotonic())

    async def record(self, name: str, client: ClientInfo, **detail: str) -> None:
        """Somebody failed to sign in under that name.

        What no account can be called is not written: it may be a password that was typed into the wrong field.
        """
        minute = self._window
        if (
            minute.written[client.network] >= MAX_ENTRIES_PER_NETWORK
            or minute.written.total() >= MAX_ENTRIES_PER_WINDOW
        ):
            self.count(client)
            return
        minute.written[client.network] += 1
        tried = name if NAME.fullmatch(name) else ""
        actor = Actor(None, "", client.address)
        await self._database.write(lambda tx: self._audit.record(tx, actor, AuditEvent.SIGN_IN_FAILED, tried, **detail))

    def count(self, client: ClientInfo) -> None:
        """One more that is only counted: it was refused unseen, or others were written already."""
        self._add(client.network, 1)

    async def flush(self, *, last: bool = False) -> None:
        """Write the counts of the minute that is over, or of this one where it is the `last`."""
        minute = self._window
        if not last and self._clock.monotonic() - minute.started_at < WINDOW_S:
            return
        self._window = _Window(self._clock.monotonic())
        if not minute.suppressed:
            return
        told = minute.suppressed.most_common(MAX_ENTRIES_PER_WINDOW)
        rest = minute.suppressed.total() - sum(count for _, count in told)

        async def body(tx: Transaction) -> None:
            for place, count in [*told, *([(OTHER_NETWORKS, rest)] if rest else [])]:
                actor = Actor(None, "", place)
                await self._audit.record(tx, actor, AuditEvent.SIGN_IN_FAILED, "", times=str(count))

        try:
            await self._database.write(body)
        except Exception:
            for place, count in minute.suppressed.items():
                self._add(place, count)
            self._window.started_at = minute.started_at  # it is over: the next flush writes it
            raise

    def _add(self, place: str, count: int) -> None:
        places = self._window.suppressed
        places[place if place in places or len(places) < MAX_NETWORKS else OTHER_NETWORKS] += count
