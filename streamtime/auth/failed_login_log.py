"""The log of failed sign-ins: audit entries, limited in number. The limit of attempts is in `rate_limits.py`.

An attacker who tries thousands of passwords must not fill the database: each network gets a few entries per minute, all
networks together some more, and the rest is written as one entry with a count at the end of the minute.
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
"""Networks that are counted separately in one window; further ones share a count."""

OTHER_NETWORKS = "elsewhere"


@dataclass(slots=True)
class _Window:
    started_at: float
    written: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)


class FailedLoginLog:
    """Writes failed sign-ins to the audit log, limited in number."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._window = _Window(clock.monotonic())

    async def record(self, name: str, client: ClientInfo, **detail: str) -> None:
        """Record a failed sign-in with that name.

        A name that no account can have is not written: it may be a password typed into the wrong field.
        """
        window = self._window
        if (
            window.written[client.network] >= MAX_ENTRIES_PER_NETWORK
            or window.written.total() >= MAX_ENTRIES_PER_WINDOW
        ):
            self.count(client)
            return
        window.written[client.network] += 1
        tried_name = name if NAME.fullmatch(name) else ""
        actor = Actor(None, "", client.address)
        await self._database.write(
            lambda tx: self._audit.record(tx, actor, AuditEvent.SIGN_IN_FAILED, tried_name, **detail)
        )

    def count(self, client: ClientInfo) -> None:
        """Count a failed sign-in without an entry: it was rate limited, or the window has enough entries."""
        self._add(client.network, 1)

    async def flush(self, *, last: bool = False) -> None:
        """Write the counts of a finished window; with `last`, of the current one as well."""
        window = self._window
        if not last and self._clock.monotonic() - window.started_at < WINDOW_S:
            return
        self._window = _Window(self._clock.monotonic())
        if not window.suppressed:
            return
        listed = window.suppressed.most_common(MAX_ENTRIES_PER_WINDOW)
        rest = window.suppressed.total() - sum(count for _, count in listed)

        async def body(tx: Transaction) -> None:
            for network, count in [*listed, *([(OTHER_NETWORKS, rest)] if rest else [])]:
                actor = Actor(None, "", network)
                await self._audit.record(tx, actor, AuditEvent.SIGN_IN_FAILED, "", times=str(count))

        try:
            await self._database.write(body)
        except Exception:
            for network, count in window.suppressed.items():
                self._add(network, count)
            self._window.started_at = window.started_at  # so that the next flush writes it
            raise

    def _add(self, network: str, count: int) -> None:
        counts = self._window.suppressed
        counts[network if network in counts or len(counts) < MAX_NETWORKS else OTHER_NETWORKS] += count
