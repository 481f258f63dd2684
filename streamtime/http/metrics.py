"""Prometheus metrics and the `/metrics` endpoint."""

import hmac
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import NotFound
from streamtime.http.server.connection_limits import ConnectionMetrics
from streamtime.http.services import HttpSettings, JobServices, MaintenanceServices, StorageServices, StreamServices
from streamtime.maintenance.overview import StorageSummary
from streamtime.periodic import FAILURES as LOOP_FAILURES
from streamtime.storage.wrappers import StoreMetrics

_GROUPS = ("/media/", "/t/", "/assets/", "/api/v1/uploads", "/api/", "/watch/", "/healthz", "/readyz", "/metrics")
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Metrics:
    """The metrics of one server."""

    def __init__(self, stores: StoreMetrics | None = None, connections: ConnectionMetrics | None = None) -> None:
        self.registry = CollectorRegistry()
        (stores or StoreMetrics()).register(self.registry)
        (connections or ConnectionMetrics()).register(self.registry)
        self.registry.register(LOOP_FAILURES)
        self._requests = Counter(
            "streamtime_requests_total", "Requests answered.", ("group", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "streamtime_request_start_seconds", "From request to first byte.", ("group",), registry=self.registry
        )
        self.jobs = Gauge("streamtime_jobs", "Jobs, waiting or running.", ("kind", "state"), registry=self.registry)
        self.oldest = Gauge(
            "streamtime_job_oldest_seconds", "Age of the oldest job.", ("kind", "state"), registry=self.registry
        )
        self.running = Gauge("streamtime_attempts_running", "Job attempts running.", registry=self.registry)
        self.free = Gauge("streamtime_free_bytes", "Free space on the disk of the spool.", registry=self.registry)
        self.listeners = Gauge("streamtime_event_listeners", "Event streams open.", registry=self.registry)
        self.database_ok = Gauge(
            "streamtime_database_ok", "1 if no database corruption was detected.", registry=self.registry
        )
        self.copy_age = Gauge(
            "streamtime_database_copy_age_seconds",
            "Age of the newest automatic database backup.",
            registry=self.registry,
        )
        self.copy_ok = Gauge(
            "streamtime_database_copy_ok", "1 if the last automatic database backup succeeded.", registry=self.registry
        )
        self.maintenance_age = Gauge(
            "streamtime_upkeep_age_seconds",
            "Seconds since a storage maintenance task last ended.",
            ("task",),
            registry=self.registry,
        )
        self.maintenance_ok = Gauge(
            "streamtime_upkeep_ok", "1 if the last run of the task succeeded.", ("task",), registry=self.registry
        )
        self.maintenance_objects = Gauge(
            "streamtime_upkeep_objects",
            "Objects by outcome in the last run of the task.",
            ("task", "what"),
            registry=self.registry,
        )
        self.stored = Gauge(
            "streamtime_stored_bytes", "Bytes in a store according to the database.", ("store",), registry=self.registry
        )
        self.store_ok = Gauge(
            "streamtime_store_ok",
            "1 if the store responded with this server's store id.",
            ("store",),
            registry=self.registry,
        )
        self.orphans = Gauge(
            "streamtime_strays", "Orphaned objects in a store.", ("store", "state"), registry=self.registry
        )
        self.pending_deletion_bytes = Gauge(
            "streamtime_doomed_bytes", "Bytes pending deletion.", registry=self.registry
        )
        self.damaged = Gauge("streamtime_damaged_objects", "Objects known to be damaged.", registry=self.registry)
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}

    def observe_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request. Paths are grouped, so that clients cannot create new label values."""
        group = next((group for group in _GROUPS if path.startswith(group)), "pages").strip("/")
        counters = self._children.get((group, status))
        if counters is None:
            counters = (self._requests.labels(group, str(status)), self._seconds.labels(group))
            self._children[group, status] = counters
        counters[0].inc()
        counters[1].observe(seconds)

    async def read(
        self,
        jobs: JobServices,
        storage: StorageServices,
        maintenance: MaintenanceServices,
        streams: StreamServices,
        clock: Clock,
        database: Database,
    ) -> bytes:
        """Return all metrics in the Prometheus text format."""
        now_ms = clock.now_ms()
        self._set_database(maintenance, database, now_ms)
        self.jobs.clear()
        self.oldest.clear()
        for depth in await jobs.queue.depths():
            self.jobs.labels(depth.kind, depth.state).set(depth.count)
            self.oldest.labels(depth.kind, depth.state).set((now_ms - depth.oldest_created_at_ms) / 1000)
        self.running.set(jobs.pool.running)
        self.listeners.set(streams.bus.subscriber_count)
        self.free.set(await storage.stores.spool.free_bytes())
        self._set_storage(await maintenance.overview.summary(), now_ms)
        return generate_latest(self.registry)

    def _set_database(self, maintenance: MaintenanceServices, database: Database, now_ms: int) -> None:
        state = maintenance.database_backups.status
        self.database_ok.set(not database.damage)
        self.copy_ok.set(not state.error)
        if state.newest is not None:
            self.copy_age.set((now_ms - state.newest.created_at_ms) / 1000)

    def _set_storage(self, summary: StorageSummary, now_ms: int) -> None:
        self.pending_deletion_bytes.set(summary.pending_deletion_bytes)
        self.damaged.set(len(summary.damaged))
        for store in summary.stores:
            self.stored.labels(store.name).set(store.length_bytes)
            self.store_ok.labels(store.name).set(not store.error)
            self.orphans.labels(store.name, "watched").set(store.observed)
            self.orphans.labels(store.name, "aside").set(store.quarantined)
        for task, run in summary.tasks.items():
            if run.finished_at_ms is None:
                continue
            self.maintenance_age.labels(task.value).set((now_ms - run.finished_at_ms) / 1000)
            self.maintenance_ok.labels(task.value).set(not run.error)
            for outcome, count in run.counts.items():
                self.maintenance_objects.labels(task.value, outcome).set(count)


@get("/metrics", include_in_schema=False)
async def metrics(
    request: Request[Any, Any, State],
    jobs: NamedDependency[JobServices],
    storage: NamedDependency[StorageServices],
    maintenance: NamedDependency[MaintenanceServices],
    streams: NamedDependency[StreamServices],
    clock: NamedDependency[Clock],
    database: NamedDependency[Database],
    settings: NamedDependency[HttpSettings],
    metrics_registry: NamedDependency[Metrics],
) -> Response[bytes]:
    """Return the metrics to clients on this machine, or, if a token is configured, to clients that send it."""
    if not _may_read(request, settings.metrics_token):
        raise NotFound
    content = await metrics_registry.read(jobs, storage, maintenance, streams, clock, database)
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


def _may_read(request: Request[Any, Any, State], token: str) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token:
        return hmac.compare_digest(given.encode(), token.encode())
    # Behind a local proxy every request comes from loopback, so a forwarded request is refused.
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return request.client is not None and request.client.host in _LOOPBACK and not forwarded
