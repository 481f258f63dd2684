"""Counts what is asked of stores, how long they take and how often they fail, for the metrics.

It says in the log when a store goes away and when it is back. It knows operations, not what they are for.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from streamtime.errors import NotFound, StreamtimeError, Unavailable
from streamtime.logging import get_logger
from streamtime.storage.object_store import ObjectStore, PastEnd
from streamtime.storage.wrapped import StoreWrapper

R = TypeVar("R")

LATENCY_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""From a disk's cache to a line that is about to time out."""

_log = get_logger("storage")


class StoreMetrics:
    """The numbers of all stores of a process, as Prometheus takes them."""

    def __init__(self) -> None:
        self.seconds = Histogram(
            "streamtime_store_seconds",
            "What stores take for an answer, or for the first piece of one.",
            ("store", "operation"),
            registry=None,
            buckets=LATENCY_BUCKETS_S,
        )
        self.errors = Counter(
            "streamtime_store_errors", "What stores could not do.", ("store", "operation", "code"), registry=None
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Show them with the other numbers of a server."""
        registry.register(self.seconds)
        registry.register(self.errors)


class MeteredStore(StoreWrapper):
    """An `ObjectStore` whose answers are counted under the name that rows give it."""

    def __init__(self, inner: ObjectStore, name: str, numbers: StoreMetrics) -> None:
        super().__init__(inner)
        self._name = name
        self._metrics = numbers
        self._unavailable = False

    async def _call(self, operation: str, ask: Callable[[], Awaitable[R]], *, again: bool) -> R:
        del again
        started = time.perf_counter()
        try:
            answer = await ask()
        except StreamtimeError as error:
            self._on_error(operation, error)
            raise
        finally:
            self._observe_latency(operation, started)
        self._on_success()
        return answer

    async def _iterate(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        started = time.perf_counter()
        begun = False
        try:
            async with aclosing(read()) as found:
                async for each in found:
                    if not begun:
                        begun = True
                        self._observe_latency(operation, started)
                        self._on_success()
                    yield each
        except StreamtimeError as error:
            self._on_error(operation, error)
            raise
        finally:
            if not begun:
                self._observe_latency(operation, started)

    def _observe_latency(self, operation: str, started: float) -> None:
        self._metrics.seconds.labels(self._name, operation).observe(time.perf_counter() - started)

    def _on_error(self, operation: str, error: StreamtimeError) -> None:
        if isinstance(error, NotFound):
            self._on_success()
            return
        self._metrics.errors.labels(self._name, operation, error.code).inc()
        if isinstance(error, PastEnd):
            self._on_success()
        elif isinstance(error, Unavailable) and not self._unavailable:
            self._unavailable = True
            _log.warning("store_unavailable", store=self._name, operation=operation, error=error.message)

    def _on_success(self) -> None:
        if self._unavailable:
            self._unavailable = False
            _log.info("store_available", store=self._name)
