"""Tells listeners that something about a video has changed. It says which, never what: listeners look it up.

A slow listener loses nothing that matters: events of one video that wait in its queue are one event.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

MAX_WAITING = 1_000
"""Videos whose news one listener may have waiting; beyond that the oldest is dropped."""


class Change(StrEnum):
    """What kind of news it is."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class VideoChanged:
    """News of one video: enough to decide who may hear of it without a look at the database."""

    video_id: int
    public_id: str
    owner_id: int
    change: Change


Wanted = Callable[[VideoChanged], bool]
Hear = Callable[[VideoChanged], None]


class Subscription:
    """One listener's waiting news."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._waiting: dict[tuple[int, bool], VideoChanged] = {}
        self._news = asyncio.Event()
        self._closed = False

    def offer(self, event: VideoChanged) -> None:
        """Add news, unless the listener does not want it."""
        if not self._wanted(event):
            return
        # News of creation stays news of creation until it is heard; the rest is only "look again".
        self._waiting.setdefault((event.video_id, event.change is Change.DELETED), event)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.pop(next(iter(self._waiting)))
        self._news.set()

    def close(self) -> None:
        """End the listener's iteration."""
        self._closed = True
        self._news.set()

    async def next(self, *, timeout_s: float) -> VideoChanged | None:
        """The next news, or None when there was none for `timeout_s` seconds.

        Raises:
            StopAsyncIteration: the bus is closed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return None
        if self._closed:
            raise StopAsyncIteration
        event = self._waiting.pop(next(iter(self._waiting)))
        if not self._waiting:
            self._news.clear()
        return event


class EventBus:
    """Carries news from whoever commits to whoever listens, within this process."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._first: list[Hear] = []
        self._closed = False

    def publish(self, event: VideoChanged) -> None:
        """Offer news to every listener; never waits."""
        for hear in self._first:
            hear(event)
        for subscription in self._subscriptions:
            subscription.offer(event)

    @contextmanager
    def subscribe(self, wanted: Wanted) -> Iterator[Subscription]:
        """Listen for as long as the context lasts."""
        subscription = self.listen(wanted)
        try:
            yield subscription
        finally:
            self.leave(subscription)

    def listen(self, wanted: Wanted) -> Subscription:
        """Listen until `leave`."""
        subscription = Subscription(wanted)
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Listen no more; a second time does nothing."""
        self._subscriptions.discard(subscription)

    def before_listeners(self, hear: Hear) -> None:
        """Call `hear` with all news, before any listener is offered it: to forget what it makes untrue."""
        self._first.append(hear)

    def close(self) -> None:
        """End every listener's iteration, now and from now on: the server is stopping."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()

    @property
    def listeners(self) -> int:
        """How many listen at the moment."""
        return len(self._subscriptions)
