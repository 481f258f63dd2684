"""All connections of the server: how many there may be, from where, and for how long each may keep it waiting."""

import asyncio
import heapq
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge

from streamtime.auth.rate_limits import client_network
from streamtime.http.problems import Problem, send_problem
from streamtime.http.server import refusals
from streamtime.http.server.refusals import ConnectionRejection
from streamtime.logging import get_logger
from streamtime.periodic import every

LINGER_S = 10.0
"""How long a client may take to read a refusal and close."""

MIN_BYTES_PER_S = 500
"""What a body has to come at on average, beyond the time that it may pause: less than any line carries."""

LOG_INTERVAL_S = 60.0

_EVICTION_FRACTION = 64
"""This part of a full group goes at once, so that the search for the oldest is not made for each newcomer."""

_SWEEP_INTERVAL_S = 1.0

_log = get_logger("connections")


class Phase(IntEnum):
    """What a connection is waiting for."""

    HEAD = 0
    BODY = 1
    ANSWER = 2
    IDLE = 3
    """The next request of a kept connection."""
    REST = 4
    """The rest of a body whose request is answered already."""
    LEAVING = 5
    """The client's end: everything is said, and what still comes is dropped."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Numbers of connections, in all and from one address; and times in seconds."""

    total: int
    per_address: int
    head_s: float
    body_s: float
    keep_alive_s: float
    send_s: float


class TrackedConnection(Protocol):
    """What is asked of a connection here."""

    phase: Phase

    @property
    def address(self) -> str:
        """Where it comes from."""
        ...

    def enforce_timeouts(self, now: float, limits: ConnectionLimits) -> None:
        """End it, if it has taken too long."""
        ...

    def eviction_rank(self, now: float) -> tuple[int, float] | None:
        """Which goes first where there are too many: the least. None where it is in good use."""
        ...

    def evict(self) -> None:
        """Close it at once, for another."""
        ...

    def reject(self, refusal: ConnectionRejection) -> None:
        """Answer instead of the application, and close."""
        ...


class ConnectionMetrics:
    """What is counted, as Prometheus takes it."""

    def __init__(self) -> None:
        self.open = Gauge("streamtime_connections", "Connections by what they wait for.", ("phase",), registry=None)
        self.ended = prometheus_client.Counter(
            "streamtime_connections_ended", "Connections that the server ended, by reason.", ("reason",), registry=None
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Show them with the other numbers of a server."""
        registry.register(self.open)
        registry.register(self.ended)


class ExemptAddresses:
    """Addresses behind which there may be a whole house: this machine's own, and proxies that are believed."""

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(proxy) for proxy in ("127.0.0.1", "::1", *proxies)]

    def __contains__(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


class ConnectionTracker:
    """Knows every connection. Where there are too many, those that do least for longest are closed for new ones."""

    def __init__(self, limits: ConnectionLimits, neighbours: ExemptAddresses, metrics: ConnectionMetrics) -> None:
        self.limits = limits
        self.exempt_addresses = neighbours
        self._metrics = metrics
        self._groups: dict[str, dict[TrackedConnection, str]] = {}
        self._of: dict[TrackedConnection, str] = {}
        self._unlogged: Counter[str] = Counter()
        self._logged_at = -LOG_INTERVAL_S

    def add(self, connection: TrackedConnection) -> None:
        """A new one, for which others may be closed, or which is refused."""
        address = client_network(connection.address)
        group = self._groups.setdefault(address, {})
        group[connection] = address
        self._of[connection] = address
        now = asyncio.get_running_loop().time()
        over = len(group) - self.limits.per_address
        capped = over > 0 and connection.address not in self.exempt_addresses
        if capped and not self._evict([group], over, connection, now):
            connection.reject(refusals.FULL_FOR_ADDRESS)
            return
        over = len(self._of) - self.limits.total
        if over > 0:
            fullest_first = sorted(self._groups.values(), key=len, reverse=True)
            if not self._evict(fullest_first, over, connection, now):
                connection.reject(refusals.FULL)

    def discard(self, connection: TrackedConnection) -> None:
        """One has ended."""
        address = self._of.pop(connection, None)
        if address is not None:
            del self._groups[address][connection]
            if not self._groups[address]:
                del self._groups[address]

    def count(self, reason: str) -> None:
        """The server ends a connection."""
        self._metrics.ended.labels(reason).inc()
        self._unlogged[reason] += 1

    @asynccontextmanager
    async def monitored(self) -> AsyncIterator[None]:
        """Look at all connections again and again, for as long as the context lasts."""
        watching = asyncio.create_task(self._sweep_forever())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    def sweep(self, now: float) -> None:
        """Look at all connections once: end what has taken too long, and count."""
        phases: Counter[Phase] = Counter()
        failed: Exception | None = None
        for connection in tuple(self._of):
            try:
                connection.enforce_timeouts(now, self.limits)
            except Exception as error:  # noqa: BLE001  # the others are looked at all the same
                failed = error
            phases[connection.phase] += 1
        for phase in Phase:
            self._metrics.open.labels(phase.name.lower()).set(phases[phase])
        if now - self._logged_at >= LOG_INTERVAL_S:
            self._log_ended(now)
        if failed is not None:
            raise failed

    async def _sweep_forever(self) -> None:
        shortest = min(self.limits.head_s, self.limits.body_s, self.limits.keep_alive_s, self.limits.send_s)
        loop = asyncio.get_running_loop()
        interval_s = min(_SWEEP_INTERVAL_S, shortest / 4)

        async def sweep() -> None:
            self.sweep(loop.time())

        await every(interval_s, sweep, "connections", delay_s=interval_s, max_backoff_s=interval_s)

    def _evict(
        self, groups: list[dict[TrackedConnection, str]], needed: int, new: TrackedConnection, now: float
    ) -> bool:
        for group in groups:
            most = max(needed, len(group) // _EVICTION_FRACTION)
            ranked = (
                (rank, each) for each in group if each is not new and (rank := each.eviction_rank(now)) is not None
            )
            for _, connection in heapq.nsmallest(most, ranked, key=lambda pair: pair[0]):
                self.discard(connection)
                self.count(refusals.EVICTED)
                connection.evict()
                needed -= 1
            if needed <= 0:
                return True
        return False

    def _log_ended(self, now: float) -> None:
        told = {reason: count for reason, count in self._unlogged.items() if reason != refusals.IDLE}
        self._unlogged.clear()
        if told:
            self._logged_at = now
            _log.warning("connections_ended", **told)


class ForwardedRequestLimiter:
    """Bounds the requests under way of each client behind proxies, whose connections are the proxies' own."""

    def __init__(self, app: Callable[..., Awaitable[None]], connections: ConnectionTracker) -> None:
        self._app = app
        self._connections = connections
        self._in_flight: Counter[str] = Counter()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401  # plain ASGI
        """Let a request in, or answer 429."""
        client = scope.get("client")
        if client is None or client[0] in self._connections.exempt_addresses:
            await self._app(scope, receive, send)
            return
        address = client_network(client[0])
        if self._in_flight[address] >= self._connections.limits.per_address:
            refusal = refusals.FULL_FOR_ADDRESS
            self._connections.count(refusal.code)
            problem = Problem(title=refusal.title, status=refusal.status, detail=refusal.detail, code=refusal.code)
            await send_problem(scope, send, problem, {"retry-after": f"{refusal.retry_after_s}"})
            return
        self._in_flight[address] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight[address] -= 1
            if not self._in_flight[address]:
                del self._in_flight[address]
