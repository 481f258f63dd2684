"""State that all event streams share: the number of open streams, and a cache of rendered events.

Open streams are limited in total, per client network and per session. The cache renders an event once for all streams
that send it; the next change of the video invalidates it.
"""

import asyncio
import weakref
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from streamtime.clock import Clock
from streamtime.errors import TooManyRequests
from streamtime.videos.events import EventBus, VideoChanged

RETRY_S = 30
"""`Retry-After` of a rejected stream, in seconds."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of concurrently open streams."""

    total: int
    per_address: int
    per_session: int


class StreamSlot:
    """The slot of one stream, freed by `release` or by garbage collection.

    If the client disconnects before the first byte, the stream's generator never runs, so its `finally` cannot free the
    slot.
    """

    __slots__ = ("__weakref__", "release")

    def __init__(self, counts: Counter[str], keys: Sequence[str]) -> None:
        counts.update(keys)
        self.release = weakref.finalize(self, _release, counts, keys)


class StreamSlots:
    """Allocates stream slots up to the limits."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._counts: Counter[str] = Counter()

    def acquire(self, address: str, session: str) -> StreamSlot:
        """Return a slot for a stream from that client network; `session` is empty for an anonymous client.

        Raises:
            TooManyRequests: a limit is reached.
        """
        wanted = [("", self._limits.total), (f"address {address}", self._limits.per_address)]
        if session:
            wanted.append((f"session {session}", self._limits.per_session))
        if any(self._counts[key] >= limit for key, limit in wanted):
            raise TooManyRequests(
                "Too many pages are listening for changes. Close some, or try again in a moment.",
                retry_after_s=RETRY_S,
            )
        return StreamSlot(self._counts, [key for key, _ in wanted])


def _release(counts: Counter[str], keys: Sequence[str]) -> None:
    for key in keys:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]


T = TypeVar("T")

MAX_AGE_S = 1.0
"""Maximum age of an entry, for values that change without an event, such as speeds."""

MAX_ENTRIES = 1_000
"""Maximum number of entries; the oldest is evicted first."""


@dataclass(slots=True)
class _CacheEntry:
    task: asyncio.Task[Any]
    public_id: str
    expires_at: float


class RenderCache:
    """Caches rendered events until the next change, for at most `MAX_AGE_S`."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[Hashable, _CacheEntry] = OrderedDict()
        bus.add_handler(self._invalidate)

    async def get(self, key: Hashable, public_id: str, render: Callable[[], Awaitable[T]]) -> T:
        """Return the cached result of `render` for this key, or call it.

        A change of the video `public_id` invalidates the entry; if it is empty, a change of any video does. `key` must
        contain everything that `render` depends on, including who may read the result. An exception of `render` is
        raised in all callers that wait for it.
        """
        entry = self._entries.get(key)
        if entry is None or (entry.task.done() and self._clock.monotonic() >= entry.expires_at):
            task = asyncio.ensure_future(render())
            task.add_done_callback(_retrieve_exception)
            entry = self._entries[key] = _CacheEntry(task, public_id, self._clock.monotonic() + MAX_AGE_S)
            self._entries.move_to_end(key)
            if len(self._entries) > MAX_ENTRIES:
                self._entries.popitem(last=False)
        try:
            result: T = await asyncio.shield(entry.task)
        except BaseException:
            if entry.task.done() and self._entries.get(key) is entry:
                del self._entries[key]  # the next caller tries again
            raise
        return result

    def _invalidate(self, change: VideoChanged) -> None:
        for key in [key for key, entry in self._entries.items() if entry.public_id in {"", change.public_id}]:
            del self._entries[key]


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # all waiting callers may be gone; asyncio would log an exception that nobody retrieved
