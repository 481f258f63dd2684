"""What many listeners are told at once is made once: by the first who asks, for all who ask until it changes.

A text is forgotten with the next news of what it is about, so that who heard the news makes it anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from streamtime.clock import Clock
from streamtime.videos.events import EventBus, VideoChanged

T = TypeVar("T")

MAX_AGE_S = 1.0
"""How old it may be at most, for what changes without news, such as speeds."""

MAX_ENTRIES = 1_000
"""Texts that are remembered; the one that was made first goes first."""


@dataclass(slots=True)
class _CacheEntry:
    task: asyncio.Task[Any]
    about: str
    until: float


class RenderCache:
    """Remembers for a moment what was made."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[Hashable, _CacheEntry] = OrderedDict()
        bus.add_handler(self._forget)

    async def get(self, key: Hashable, about: str, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` gives, or what it gave a moment ago for the same key.

        `about` is the public id of the video whose news ends it, or empty: any news does. `key` has to name everything
        that `make` depends on, above all who may read it. What `make` raises, all who wait get.
        """
        made = self._entries.get(key)
        if made is None or (made.task.done() and self._clock.monotonic() >= made.until):
            task = asyncio.ensure_future(make())
            task.add_done_callback(_retrieve)
            made = self._entries[key] = _CacheEntry(task, about, self._clock.monotonic() + MAX_AGE_S)
            self._entries.move_to_end(key)
            if len(self._entries) > MAX_ENTRIES:
                self._entries.popitem(last=False)
        try:
            found: T = await asyncio.shield(made.task)
        except BaseException:
            if made.task.done() and self._entries.get(key) is made:
                del self._entries[key]  # the next one tries again
            raise
        return found

    def _forget(self, news: VideoChanged) -> None:
        for key in [key for key, made in self._entries.items() if made.about in {"", news.public_id}]:
            del self._entries[key]


def _retrieve(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # whoever waited may be gone
