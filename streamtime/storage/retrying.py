"""Asks a store again that is away for a moment. It knows what may be asked twice, nothing of why a store fails.

A body that comes as a stream is gone once it was read, and a stream that was handed on cannot be taken back: neither
is repeated. Where a store takes parts, each part of a body is. What the store has `Refused` is not. Longer absences are
for jobs to wait out.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from streamtime.errors import Unavailable
from streamtime.storage.in_parts import put_in_parts
from streamtime.storage.object_store import Body, ObjectStore, Refused, SentInParts, StoredObject
from streamtime.storage.wrapped import Wrapped

R = TypeVar("R")

PAUSES_S = (0.1, 0.4, 1.2)
"""Before the second, third and fourth try, each between half of it and all: a connection that a server had closed is
made anew at once, one that restarts is back within seconds."""


class Retrying(Wrapped):
    """An `ObjectStore` that asks another one up to four times."""

    def __init__(self, inner: ObjectStore, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        super().__init__(inner)
        self._pauses_s = pauses_s
        self._away = False  # at its last answer; while it is, everybody asks once: waiting would only pile up

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`."""
        if isinstance(body, bytes) or not isinstance(self, SentInParts):
            return await super().put(key, body, content_type=content_type)
        return await put_in_parts(self, key, body, part_bytes=self.part_bytes, content_type=content_type)

    async def _ask(self, operation: str, ask: Callable[[], Awaitable[R]], *, again: bool) -> R:
        del operation
        for pause_s in self._pauses() if again else ():
            try:
                answer = await ask()
            except Unavailable as error:
                await self._rest(error, pause_s)
            else:
                self._away = False
                return answer
        return await ask()  # the one time, where there must be no other

    async def _read(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        del operation
        for pause_s in self._pauses():
            begun = False
            try:
                async with aclosing(read()) as found:
                    async for each in found:
                        begun = True
                        yield each
            except Unavailable as error:
                if begun:
                    raise
                await self._rest(error, pause_s)
            else:
                self._away = False
                return

    def _pauses(self) -> tuple[float | None, ...]:
        """What follows each try that fails; None where that was the last."""
        return (None,) if self._away else (*self._pauses_s, None)

    async def _rest(self, error: Unavailable, pause_s: float | None) -> None:
        """Wait before the next try, or raise where there is to be none."""
        if isinstance(error, Refused):
            raise error
        if pause_s is None:
            self._away = True
            raise error
        await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311  # no secret: many must not come at once
