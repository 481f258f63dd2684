"""Wrappers around object stores: metrics, logging of outages, and retries.

A wrapper offers the optional capabilities of its inner store and no others: `isinstance(store, SupportsReadNowait)`
gives the answer of the inner store.
"""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from streamtime.errors import NotFound, StreamtimeError, Unavailable
from streamtime.logging import get_logger
from streamtime.storage.object_store import (
    Body,
    MultipartInfo,
    ObjectInfo,
    ObjectStore,
    PartInfo,
    PastEnd,
    StoredObject,
    StoreRefused,
    SupportsAdopt,
    SupportsOpenFile,
    SupportsPartSize,
    SupportsReadNowait,
    SupportsRename,
    put_in_parts,
)

R = TypeVar("R")


class StoreWrapper(ABC):
    """An `ObjectStore` that forwards every call to an inner store; subclasses add behaviour around the calls."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        # Set on the instance: a method of the class would offer the capability for every inner store.
        if isinstance(inner, SupportsAdopt):
            adopt = inner.adopt
            self.adopt: Callable[[str, Path], Awaitable[StoredObject]] = lambda key, path: self._call(
                "adopt", lambda: adopt(key, path), retryable=True
            )
        if isinstance(inner, SupportsReadNowait):
            self.read_nowait = inner.read_nowait  # it never waits: nothing to measure or to retry
        if isinstance(inner, SupportsOpenFile):
            self.open_file = inner.open_file
        if isinstance(inner, SupportsRename):
            rename = inner.rename
            self.rename: Callable[[str, str], Awaitable[None]] = lambda key, to: self._call(
                "rename", lambda: rename(key, to), retryable=False
            )
        if isinstance(inner, SupportsPartSize):
            self.part_bytes = inner.part_bytes

    @abstractmethod
    async def _call(self, operation: str, call: Callable[[], Awaitable[R]], *, retryable: bool) -> R:
        """Call the inner store; with `retryable` the call may be repeated."""

    @abstractmethod
    def _iterate(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        """Iterate over results of the inner store; it may be restarted before the first result."""

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`."""
        return await self._call(
            "put",
            lambda: self._inner.put(key, body, content_type=content_type),
            retryable=isinstance(body, bytes),  # a stream is consumed by the first attempt
        )

    async def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        return await self._call("head", lambda: self._inner.head(key), retryable=True)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        return await self._call("get_range", lambda: self._inner.get_range(key, offset, length), retryable=True)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        return self._iterate("stream", lambda: self._inner.stream(key, offset, length))

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        return self._iterate("list", lambda: _generator(self._inner.list(prefix)))

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        await self._call("delete", lambda: self._inner.delete(key), retryable=True)

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """See `ObjectStore.create_multipart`. Not retried: after a lost response there would be two uploads."""
        return await self._call(
            "create_multipart", lambda: self._inner.create_multipart(key, content_type=content_type), retryable=False
        )

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """See `ObjectStore.upload_part`."""
        return await self._call(
            "upload_part",
            lambda: self._inner.upload_part(key, upload_id, number, body),
            retryable=isinstance(body, bytes),
        )

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """See `ObjectStore.complete_multipart`. Not retried: after a lost response it would raise `NotFound`."""
        return await self._call(
            "complete_multipart", lambda: self._inner.complete_multipart(key, upload_id, parts), retryable=False
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        await self._call("abort_multipart", lambda: self._inner.abort_multipart(key, upload_id), retryable=True)

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        return self._iterate("list_multiparts", lambda: _generator(self._inner.list_multiparts(prefix)))

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """See `ObjectStore.signed_url`."""
        return self._inner.signed_url(key, expires_s)

    async def check(self) -> None:
        """See `ObjectStore.check`. Not retried: a check reports the current state."""
        await self._call("check", self._inner.check, retryable=False)

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await self._inner.close()


async def _generator(items: AsyncIterator[R]) -> AsyncGenerator[R, None]:
    """Turn an iterator into a generator, which can be closed."""
    async for item in items:
        yield item


LATENCY_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""From a page cache hit to a connection that is about to time out."""

_log = get_logger("storage")


class StoreMetrics:
    """The Prometheus metrics of all stores of a process."""

    def __init__(self) -> None:
        self.seconds = Histogram(
            "streamtime_store_seconds",
            "Response times of stores; of streams, until the first chunk.",
            ("store", "operation"),
            registry=None,
            buckets=LATENCY_BUCKETS_S,
        )
        self.errors = Counter(
            "streamtime_store_errors", "Failed operations of stores.", ("store", "operation", "code"), registry=None
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Add the metrics to a registry."""
        registry.register(self.seconds)
        registry.register(self.errors)


class MeteredStore(StoreWrapper):
    """An `ObjectStore` that measures its inner store and logs when it becomes unavailable and available again.

    `name` is the name of the store in rows; it becomes the label of the metrics.
    """

    def __init__(self, inner: ObjectStore, name: str, metrics: StoreMetrics) -> None:
        super().__init__(inner)
        self._name = name
        self._metrics = metrics
        self._unavailable = False

    async def _call(self, operation: str, call: Callable[[], Awaitable[R]], *, retryable: bool) -> R:
        del retryable
        started = time.perf_counter()
        try:
            result = await call()
        except StreamtimeError as error:
            self._on_error(operation, error)
            raise
        finally:
            self._observe_latency(operation, started)
        self._on_success()
        return result

    async def _iterate(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        started = time.perf_counter()
        yielded = False
        try:
            async with aclosing(read()) as items:
                async for item in items:
                    if not yielded:
                        yielded = True
                        self._observe_latency(operation, started)
                        self._on_success()
                    yield item
        except StreamtimeError as error:
            self._on_error(operation, error)
            raise
        finally:
            if not yielded:
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


RETRY_DELAYS_S = (0.1, 0.4, 1.2)
"""Delays before the second, third and fourth attempt, each with a random factor from 0.5 to 1: a closed connection is
reopened at once, and a restarting server is back within seconds."""


class RetryingStore(StoreWrapper):
    """An `ObjectStore` that calls its inner store up to four times while that is `Unavailable`.

    Streams are not repeated once they were consumed or have yielded data, and a `StoreRefused` is final. Longer
    outages are left to the retries of jobs.
    """

    def __init__(self, inner: ObjectStore, delays_s: tuple[float, ...] = RETRY_DELAYS_S) -> None:
        super().__init__(inner)
        self._delays_s = delays_s
        self._unavailable = (
            False  # as of the last call; during an outage nothing is retried, so that calls do not pile up
        )

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`. A stream is put in parts where the store takes them, so each part can be retried."""
        if isinstance(body, bytes) or not isinstance(self, SupportsPartSize):
            return await super().put(key, body, content_type=content_type)
        return await put_in_parts(self, key, body, part_bytes=self.part_bytes, content_type=content_type)

    async def _call(self, operation: str, call: Callable[[], Awaitable[R]], *, retryable: bool) -> R:
        del operation
        for delay_s in self._delays() if retryable else ():
            try:
                result = await call()
            except Unavailable as error:
                await self._wait_before_retry(error, delay_s)
            else:
                self._unavailable = False
                return result
        return await call()

    async def _iterate(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        del operation
        for delay_s in self._delays():
            yielded = False
            try:
                async with aclosing(read()) as items:
                    async for item in items:
                        yielded = True
                        yield item
            except Unavailable as error:
                if yielded:
                    raise
                await self._wait_before_retry(error, delay_s)
            else:
                self._unavailable = False
                return

    def _delays(self) -> tuple[float | None, ...]:
        """The delay after each failed attempt; None after the last one."""
        return (None,) if self._unavailable else (*self._delays_s, None)

    async def _wait_before_retry(self, error: Unavailable, delay_s: float | None) -> None:
        """Wait before the next attempt, or raise if there is none."""
        if isinstance(error, StoreRefused):
            raise error
        if delay_s is None:
            self._unavailable = True
            raise error
        await asyncio.sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311  # no secret: jitter spreads the retries
