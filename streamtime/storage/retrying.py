"""Asks a store again that is away for a moment. It knows what may be asked twice, nothing of why a store fails.

A body that comes as a stream is gone once it was read, and a stream that was handed on cannot be taken back: neither
is repeated. Nor is what the store has `Refused`. Longer absences are for jobs to wait out.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from streamtime.errors import Unavailable
from streamtime.storage.object_store import ObjectStore, Refused
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

    async def _ask(self, operation: str, ask: Callable[[], Awaitable[R]], *, again: bool) -> R:
        del operation
        for pause_s in self._pauses_s if again else ():
            try:
                return await ask()
            except Refused:
                raise
            except Unavailable:
                await _rest(pause_s)
        return await ask()

    async def _read(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        del operation
        begun = False
        for pause_s in (*self._pauses_s, None):
            try:
                async with aclosing(read()) as found:
                    async for each in found:
                        begun = True
                        yield each
            except Unavailable as error:
                if begun or pause_s is None or isinstance(error, Refused):
                    raise
                await _rest(pause_s)
            else:
                return


async def _rest(pause_s: float) -> None:
    await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311  # no secret: many callers must not come at once
