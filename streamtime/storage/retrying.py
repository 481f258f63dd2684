"""Asks a store again that is away for a moment. It knows what may be asked twice, nothing of why a store fails.

A body that comes as a stream is gone once it was read, and a stream that was handed on cannot be taken back: neither
is repeated. Where a store takes parts, each part of a body is. What the store has
refused (`StoreRefused`) is not. Longer absences are for jobs to wait out.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from streamtime.errors import Unavailable
from streamtime.storage.in_parts import put_in_parts
from streamtime.storage.object_store import Body, ObjectStore, StoredObject, StoreRefused, SupportsPartSize
from streamtime.storage.wrapped import StoreWrapper

R = TypeVar("R")

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
