"""A bounded set of threads for work that waits on a disk. It knows nothing of what the work is.

A thread cannot be interrupted, and it works on descriptors and files that its caller cleans up afterwards: so a
cancelled caller first waits for its own call to end, and only then goes on being cancelled.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_THREADS = 8
"""A disk answers no faster to more; other parts of the server keep their own threads free of a slow one."""


class BlockingThreads:
    """Runs blocking calls beside the event loop, a few at a time."""

    def __init__(self, count: int = DEFAULT_THREADS) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="storage")

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it in a thread and return what it returns; its errors come out as they are."""
        return await self.run_interruptible(_no_interrupt, call, *args, **kwargs)

    async def run_interruptible(
        self, break_off: Callable[[], None], call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The same for a call that `break_off` brings to an early end: it is called when the caller is cancelled."""
        call_future = self._pool.submit(call, *args, **kwargs)
        running = asyncio.wrap_future(call_future)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if not call_future.cancel():  # it runs already
                break_off()
                await _wait_uncancelled(running)
            raise
        finally:
            del call_future, running  # a traceback that lives on must not keep what the call opened

    async def run_shielded(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same for cleaning up: a cancellation does not keep it from being done, and is raised after it."""
        running = asyncio.wrap_future(self._pool.submit(call, *args, **kwargs))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await _wait_uncancelled(running)
            raise

    def close(self) -> None:
        """End the threads once they are idle; call it when nothing runs any more."""
        self._pool.shutdown(wait=False)


def _no_interrupt() -> None:
    """A call that nothing can break off is waited for."""


async def _wait_uncancelled(running: asyncio.Future[R]) -> None:
    """Wait for a call through further cancellations: the first one is raised again when it is over."""
    while not running.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([running])
    if not running.cancelled():
        running.exception()  # seen: nobody is left to hear of it
