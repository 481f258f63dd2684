"""What is counted for Prometheus, and who may read it."""

import hmac
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from streamtime.errors import NotFound
from streamtime.http.services import HttpSettings, Services
from streamtime.storage.metered import StoreNumbers

_GROUPS = ("/media/", "/assets/", "/api/v1/uploads", "/api/", "/watch/", "/healthz", "/readyz", "/metrics")
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Metrics:
    """The numbers of one server."""

    def __init__(self, stores: StoreNumbers | None = None) -> None:
        self.registry = CollectorRegistry()
        (stores or StoreNumbers()).register(self.registry)
        self._requests = Counter(
            "streamtime_requests_total", "Requests answered.", ("group", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "streamtime_request_start_seconds", "From request to first byte.", ("group",), registry=self.registry
        )
        self.jobs = Gauge("streamtime_jobs", "Jobs that wait or run.", ("kind", "state"), registry=self.registry)
        self.oldest = Gauge(
            "streamtime_job_oldest_seconds", "Age of the oldest job.", ("kind", "state"), registry=self.registry
        )
        self.running = Gauge("streamtime_attempts_running", "Attempts under way.", registry=self.registry)
        self.free = Gauge("streamtime_free_bytes", "Room left on the disk of the spool.", registry=self.registry)
        self.listeners = Gauge("streamtime_event_listeners", "Event streams open.", registry=self.registry)
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}

    def answered(self, path: str, status: int, seconds: float) -> None:
        """One request was answered; paths are counted in groups, so that nobody can make up new ones."""
        group = next((group for group in _GROUPS if path.startswith(group)), "pages").strip("/")
        counters = self._children.get((group, status))
        if counters is None:
            counters = (self._requests.labels(group, str(status)), self._seconds.labels(group))
            self._children[group, status] = counters
        counters[0].inc()
        counters[1].observe(seconds)

    async def read(self, services: Services) -> bytes:
        """All numbers as Prometheus reads them."""
        now_ms = services.clock.now_ms()
        self.jobs.clear()
        self.oldest.clear()
        for depth in await services.queue.depths():
            self.jobs.labels(depth.kind, depth.state).set(depth.count)
            self.oldest.labels(depth.kind, depth.state).set((now_ms - depth.oldest_created_at_ms) / 1000)
        self.running.set(services.pool.running)
        self.listeners.set(services.bus.listeners)
        self.free.set(await services.stores.spool.free_bytes())
        return generate_latest(self.registry)


@get("/metrics", include_in_schema=False)
async def metrics(
    request: Request[Any, Any, State],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    metrics_board: NamedDependency[Metrics],
) -> Response[bytes]:
    """Prometheus metrics, for this machine, or for whoever has the token of the configuration."""
    if not _may_read(request, settings.metrics_token):
        raise NotFound
    content = await metrics_board.read(services)
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


def _may_read(request: Request[Any, Any, State], token: str) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token:
        return hmac.compare_digest(given.encode(), token.encode())
    # Behind a local proxy everybody comes from this machine: then loopback means nothing.
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return request.client is not None and request.client.host in _LOOPBACK and not forwarded
