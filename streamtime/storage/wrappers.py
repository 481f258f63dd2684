"""Asks a store again that is away for a moment. It knows what may be asked twice, nothing of why a store fails.

A body that comes as a stream is gone once it was read, and a stream that was handed on cannot be taken back: neither
is repeated. Where a store takes parts, each part of a body is. What the store has
refused (`StoreRefused`) is not. Longer absences are for jobs to wait out.

A store that stands before another one and sees all that is asked of it.

What the inner store can do beside the port, this one can too, and nothing else: who asks `isinstance(store, ReadsNow)`
gets the inner store's answer. Subclasses say what happens around each question, in two methods.

Counts what is asked of stores, how long they take and how often they fail, for the metrics.

It says in the log when a store goes away and when it is back. It knows operations, not what they are for.
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
    """An `ObjectStore` before another one."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        # Set on the instance: a method of the class would claim them for every store.
        if isinstance(inner, SupportsAdopt):
            adopt = inner.adopt
            self.adopt: Callable[[str, Path], Awaitable[StoredObject]] = lambda key, path: self._call(
                "adopt", lambda: adopt(key, path), again=True
            )
        if isinstance(inner, SupportsReadNowait):
            self.read_nowait = inner.read_nowait  # it waits for nothing: there is nothing to see
        if isinstance(inner, SupportsOpenFile):
            self.open_file = inner.open_file
        if isinstance(inner, SupportsRename):
            rename = inner.rename
            self.rename: Callable[[str, str], Awaitable[None]] = lambda key, to: self._call(
                "rename", lambda: rename(key, to), again=False
            )
        if isinstance(inner, SupportsPartSize):
            self.part_bytes = inner.part_bytes

    @abstractmethod
    async def _call(self, operation: str, ask: Callable[[], Awaitable[R]], *, again: bool) -> R:
        """Ask the inner store; `again` says that it may be asked more than once."""

    @abstractmethod
    def _iterate(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        """Ask the inner store for one thing after another; it may be begun again before the first one came."""

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`."""
        again = isinstance(body, bytes)
        return await self._call("put", lambda: self._inner.put(key, body, content_type=content_type), again=again)

    async def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        return await self._call("head", lambda: self._inner.head(key), again=True)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        return await self._call("get_range", lambda: self._inner.get_range(key, offset, length), again=True)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        return self._iterate("stream", lambda: self._inner.stream(key, offset, length))

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        return self._iterate("list", lambda: _generator(self._inner.list(prefix)))

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        await self._call("delete", lambda: self._inner.delete(key), again=True)

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """See `ObjectStore.create_multipart`. Never asked again: after a lost answer there would be two."""
        return await self._call(
            "create_multipart", lambda: self._inner.create_multipart(key, content_type=content_type), again=False
        )

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """See `ObjectStore.upload_part`."""
        again = isinstance(body, bytes)
        return await self._call(
            "upload_part", lambda: self._inner.upload_part(key, upload_id, number, body), again=again
        )

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """See `ObjectStore.complete_multipart`. Never asked again: after a lost answer it would be `NotFound`."""
        return await self._call(
            "complete_multipart", lambda: self._inner.complete_multipart(key, upload_id, parts), again=False
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        await self._call("abort_multipart", lambda: self._inner.abort_multipart(key, upload_id), again=True)

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        return self._iterate("list_multiparts", lambda: _generator(self._inner.list_multiparts(prefix)))

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """See `ObjectStore.signed_url`."""
        return self._inner.signed_url(key, expires_s)

    async def check(self) -> None:
        """See `ObjectStore.check`. Asked once: who checks wants to know how it is now."""
        await self._call("check", self._inner.check, again=False)

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await self._inner.close()


async def _generator(found: AsyncIterator[R]) -> AsyncGenerator[R, None]:
    """An iterator that can be closed."""
    async for each in found:
        yield each


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


RETRY_DELAYS_S = (0.1, 0.4, 1.2)
"""Before the second, third and fourth try, each between half of it and all: a connection that a server had closed is
made anew at once, one that restarts is back within seconds."""


class RetryingStore(StoreWrapper):
    """An `ObjectStore` that asks another one up to four times."""

    def __init__(self, inner: ObjectStore, pauses_s: tuple[float, ...] = RETRY_DELAYS_S) -> None:
        super().__init__(inner)
        self._delays_s = pauses_s
        self._unavailable = False  # at its last answer; while it is, everybody asks once: waiting would only pile up

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`."""
        if isinstance(body, bytes) or not isinstance(self, SupportsPartSize):
            return await super().put(key, body, content_type=content_type)
        return await put_in_parts(self, key, body, part_bytes=self.part_bytes, content_type=content_type)

    async def _call(self, operation: str, ask: Callable[[], Awaitable[R]], *, again: bool) -> R:
        del operation
        for pause_s in self._delays() if again else ():
            try:
                answer = await ask()
            except Unavailable as error:
                await self._wait_before_retry(error, pause_s)
            else:
                self._unavailable = False
                return answer
        return await ask()  # the one time, where there must be no other

    async def _iterate(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        del operation
        for pause_s in self._delays():
            begun = False
            try:
                async with aclosing(read()) as found:
                    async for each in found:
                        begun = True
                        yield each
            except Unavailable as error:
                if begun:
                    raise
                await self._wait_before_retry(error, pause_s)
            else:
                self._unavailable = False
                return

    def _delays(self) -> tuple[float | None, ...]:
        """What follows each try that fails; None where that was the last."""
        return (None,) if self._unavailable else (*self._delays_s, None)

    async def _wait_before_retry(self, error: Unavailable, pause_s: float | None) -> None:
        """Wait before the next try, or raise where there is to be none."""
        if isinstance(error, StoreRefused):
            raise error
        if pause_s is None:
            self._unavailable = True
            raise error
        await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311  # no secret: many must not come at once
