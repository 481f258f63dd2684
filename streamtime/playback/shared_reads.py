"""One read for everybody who wants the same bytes at the same time.

A read belongs to nobody who waits for it: one who leaves, or whose patience ends, does not end it for the others. It
fails for all who wait, and whoever comes next begins another. It knows nothing of stores.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from streamtime.errors import Unavailable
from streamtime.logging import get_logger
from streamtime.playback.hot_segments import ByteRange

Read = Callable[[], Awaitable[bytes]]

_log = get_logger("playback")


class SingleFlightReads:
    """The reads under way, by what they read."""

    def __init__(self) -> None:
        self._in_flight: dict[ByteRange, asyncio.Task[bytes]] = {}

    def __contains__(self, at: ByteRange) -> bool:
        return at in self._in_flight

    def start(self, at: ByteRange, read: Read) -> asyncio.Task[bytes]:
        """The read of that place: the one under way, or else `read`, begun now."""
        task = self._in_flight.get(at)
        if task is None:
            task = asyncio.ensure_future(_run(read))
            self._in_flight[at] = task
            task.add_done_callback(partial(self._ended, at))
        return task

    async def wait(self, at: ByteRange, read: Read, *, within_s: float) -> bytes:
        """What it gives.

        Raises:
            Unavailable: it takes longer than `within_s`; it goes on, for whoever asks again.
        """
        task = self.start(at, read)
        done, _ = await asyncio.wait([task], timeout=within_s)
        if not done:
            raise storage_timeout()
        if task.cancelled():
            raise Unavailable("The server is stopping.")
        return task.result()

    async def close(self) -> None:
        """End what is under way."""
        left = [*self._in_flight.values()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _ended(self, at: ByteRange, task: asyncio.Task[bytes]) -> None:
        del self._in_flight[at]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever waits is told; a read ahead, or one that nobody waits for any more, leaves a line in the log.
            _log.info("read_failed", key=at.key, offset=at.offset, length=at.length, error=repr(error))


def storage_timeout() -> Unavailable:
    """What somebody is told whose patience has ended."""
    return Unavailable("The storage takes too long to answer. Try again in a moment.", code="storage")


async def _run(read: Read) -> bytes:
    return await read()
