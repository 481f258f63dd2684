"""Tracks all connections: limits in total and per client network, timeouts, eviction, and metrics."""

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
from streamtime.http.server import rejections
from streamtime.http.server.rejections import ConnectionRejection
from streamtime.logging import get_logger
from streamtime.periodic import every

LINGER_S = 10.0
"""Seconds that a client may take to read a rejection and close."""

MIN_BYTES_PER_S = 500
"""Minimum average rate of a request body, in addition to the allowed pause."""

LOG_INTERVAL_S = 60.0
"""Seconds between log entries about ended connections."""

_EVICTION_FRACTION = 64
"""1/64 of a full group is evicted at once, so that not every new connection causes a search."""

_SWEEP_INTERVAL_S = 1.0

_log = get_logger("http")


class Phase(IntEnum):
    """What a connection is waiting for."""

    HEAD = 0
    BODY = 1
    ANSWER = 2
    IDLE = 3
    """The next request on a keep-alive connection."""
    REST = 4
    """The rest of a body whose request has been answered."""
    LEAVING = 5
    """The client's close: the response is complete, and further input is discarded."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Numbers of connections in total and per client network, and timeouts in seconds."""

    total: int
    per_address: int
    head_s: float
    body_s: float
    keep_alive_s: float
    send_s: float


class TrackedConnection(Protocol):
    """What the tracker uses of a connection."""

    phase: Phase

    @property
    def address(self) -> str:
        """The client's IP address."""
        ...

    def enforce_timeouts(self, now: float, limits: ConnectionLimits) -> None:
        """End the connection if it has exceeded a time limit."""
        ...

    def eviction_rank(self, now: float) -> tuple[int, float] | None:
        """Return the eviction rank, lowest first. None if the connection is in active use."""
        ...

    def evict(self) -> None:
        """Close immediately to make room for another connection."""
        ...

    def reject(self, rejection: ConnectionRejection) -> None:
        """Send the rejection instead of the application's response, and close."""
        ...


class ConnectionMetrics:
    """Prometheus metrics of connections."""

    def __init__(self) -> None:
        self.open = Gauge("streamtime_connections", "Open connections by phase.", ("phase",), registry=None)
        self.ended = prometheus_client.Counter(
            "streamtime_connections_ended", "Connections ended by the server, by reason.", ("reason",), registry=None
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Add them to a registry."""
        registry.register(self.open)
        registry.register(self.ended)


class ExemptAddresses:
    """Addresses without a per-address limit, since many clients may be behind them: loopback and trusted proxies."""

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(proxy) for proxy in ("127.0.0.1", "::1", *proxies)]

    def __contains__(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


class ConnectionTracker:
    """Registry of all connections. At a limit, the least active ones are evicted for new ones."""

    def __init__(self, limits: ConnectionLimits, exempt: ExemptAddresses, metrics: ConnectionMetrics) -> None:
        self.limits = limits
        self.exempt_addresses = exempt
        self._metrics = metrics
        self._groups: dict[str, dict[TrackedConnection, str]] = {}
        self._of: dict[TrackedConnection, str] = {}
        self._unlogged: Counter[str] = Counter()
        self._logged_at = -LOG_INTERVAL_S

    def add(self, connection: TrackedConnection) -> None:
        """Register a new connection. At a limit, evict others for it or reject it."""
        address = client_network(connection.address)
        group = self._groups.setdefault(address, {})
        group[connection] = address
        self._of[connection] = address
        now = asyncio.get_running_loop().time()
        over = len(group) - self.limits.per_address
        capped = over > 0 and connection.address not in self.exempt_addresses
        if capped and not self._evict([group], over, connection, now):
            connection.reject(rejections.FULL_FOR_ADDRESS)
            return
        over = len(self._of) - self.limits.total
        if over > 0:
            fullest_first = sorted(self._groups.values(), key=len, reverse=True)
            if not self._evict(fullest_first, over, connection, now):
                connection.reject(rejections.FULL)

    def discard(self, connection: TrackedConnection) -> None:
        """Remove a connection that has ended."""
        address = self._of.pop(connection, None)
        if address is not None:
            del self._groups[address][connection]
            if not self._groups[address]:
                del self._groups[address]

    def count(self, reason: str) -> None:
        """Count a connection that the server ends."""
        self._metrics.ended.labels(reason).inc()
        self._unlogged[reason] += 1

    @asynccontextmanager
    async def monitored(self) -> AsyncIterator[None]:
        """Sweep the connections periodically while the context is open."""
        sweeping = asyncio.create_task(self._sweep_forever())
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.wait([sweeping])

    def sweep(self, now: float) -> None:
        """Enforce the timeouts of all connections once, and update the metrics.

        Raises:
            Exception: a connection raised it; the others were checked nevertheless.
        """
        phases: Counter[Phase] = Counter()
        failed: Exception | None = None
        for connection in tuple(self._of):
            try:
                connection.enforce_timeouts(now, self.limits)
            except Exception as error:  # noqa: BLE001  # the other connections are checked first
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
            count = max(needed, len(group) // _EVICTION_FRACTION)
            ranked = (
                (rank, each) for each in group if each is not new and (rank := each.eviction_rank(now)) is not None
            )
            for _, connection in heapq.nsmallest(count, ranked, key=lambda pair: pair[0]):
                self.discard(connection)
                self.count(rejections.EVICTED)
                connection.evict()
                needed -= 1
            if needed <= 0:
                return True
        return False

    def _log_ended(self, now: float) -> None:
        counts = {reason: count for reason, count in self._unlogged.items() if reason != rejections.IDLE}
        self._unlogged.clear()
        if counts:
            self._logged_at = now
            _log.warning("connections_ended", **counts)


class ForwardedRequestLimiter:
    """Limits the concurrent requests of each client behind a trusted proxy, which shares the proxy's connections."""

    def __init__(self, app: Callable[..., Awaitable[None]], connections: ConnectionTracker) -> None:
        self._app = app
        self._connections = connections
        self._in_flight: Counter[str] = Counter()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401  # plain ASGI
        """Handle a request, or answer with 429."""
        client = scope.get("client")
        if client is None or client[0] in self._connections.exempt_addresses:
            await self._app(scope, receive, send)
            return
        address = client_network(client[0])
        if self._in_flight[address] >= self._connections.limits.per_address:
            rejection = rejections.FULL_FOR_ADDRESS
            self._connections.count(rejection.code)
            problem = Problem(
                title=rejection.title, status=rejection.status, detail=rejection.detail, code=rejection.code
            )
            await send_problem(scope, send, problem, {"retry-after": f"{rejection.retry_after_s}"})
            return
        self._in_flight[address] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight[address] -= 1
            if not self._in_flight[address]:
                del self._in_flight[address]
