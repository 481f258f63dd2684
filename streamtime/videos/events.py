"""Tells the bus what a transaction has changed, once it is committed.

Tells listeners that something about a video has changed. It says which, never what: listeners look it up.

A slow listener loses nothing that matters: events of one video that wait in its queue are one event.

What was decided about a video, when and why: for its owner to read when something surprises.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import insert, select

from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction
from streamtime.videos.video import Video


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One decision or event."""

    happened_at_ms: int
    event: str
    message: str
    detail: dict[str, Any]


class Timeline:
    """The entries of all videos."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, tx: Transaction, video_id: int, event: str, message: str, **detail: object) -> None:
        """Write an entry down in a transaction that is under way."""
        await tx.execute(
            insert(tables.timeline).values(
                video_id=video_id,
                happened_at_ms=self._clock.now_ms(),
                event=event,
                message=message,
                detail=msgspec.json.encode(detail).decode(),
            )
        )

    async def list_for_video(self, video_id: int) -> list[TimelineEntry]:
        """A video's entries, the oldest first."""
        table = tables.timeline
        query = select(table.c.happened_at_ms, table.c.event, table.c.message, table.c.detail)
        async with self._database.read() as connection:
            rows = await connection.execute(query.where(table.c.video_id == video_id).order_by(table.c.id))
            return [TimelineEntry(*row[:3], msgspec.json.decode(row[3])) for row in rows]


MAX_PENDING = 1_000
"""Videos whose news one listener may have waiting; beyond that the oldest is dropped."""


class ChangeKind(StrEnum):
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
    change: ChangeKind


EventFilter = Callable[[VideoChanged], bool]
EventHandler = Callable[[VideoChanged], None]


class Subscription:
    """One listener's waiting news."""

    def __init__(self, event_filter: EventFilter) -> None:
        self._filter = event_filter
        self._pending: dict[tuple[int, bool], VideoChanged] = {}
        self._available = asyncio.Event()
        self._closed = False

    def put(self, event: VideoChanged) -> None:
        """Add news, unless the listener does not want it."""
        if not self._filter(event):
            return
        # News of creation stays news of creation until it is heard; the rest is only "look again".
        self._pending.setdefault((event.video_id, event.change is ChangeKind.DELETED), event)
        if len(self._pending) > MAX_PENDING:
            self._pending.pop(next(iter(self._pending)))
        self._available.set()

    def close(self) -> None:
        """End the listener's iteration."""
        self._closed = True
        self._available.set()

    async def next(self, *, timeout_s: float) -> VideoChanged | None:
        """The next news, or None when there was none for `timeout_s` seconds.

        Raises:
            StopAsyncIteration: the bus is closed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._available.wait()
        except TimeoutError:
            return None
        if self._closed:
            raise StopAsyncIteration
        event = self._pending.pop(next(iter(self._pending)))
        if not self._pending:
            self._available.clear()
        return event


class EventBus:
    """Carries news from whoever commits to whoever listens, within this process."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._handlers: list[EventHandler] = []
        self._closed = False

    def publish(self, event: VideoChanged) -> None:
        """Offer news to every listener; never waits."""
        for hear in self._handlers:
            hear(event)
        for subscription in self._subscriptions:
            subscription.put(event)

    @contextmanager
    def subscribe(self, event_filter: EventFilter) -> Iterator[Subscription]:
        """Listen for as long as the context lasts."""
        subscription = self.add_subscription(event_filter)
        try:
            yield subscription
        finally:
            self.unsubscribe(subscription)

    def add_subscription(self, event_filter: EventFilter) -> Subscription:
        """Listen until `leave`."""
        subscription = Subscription(event_filter)
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Listen no more; a second time does nothing."""
        self._subscriptions.discard(subscription)

    def add_handler(self, handler: EventHandler) -> None:
        """Call `hear` with all news, before any listener is offered it: to forget what it makes untrue."""
        self._handlers.append(handler)

    def close(self) -> None:
        """End every listener's iteration, now and from now on: the server is stopping."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()

    @property
    def subscriber_count(self) -> int:
        """How many listen at the moment."""
        return len(self._subscriptions)


class VideoEventPublisher:
    """What pages are told about videos."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def publish_on_commit(self, tx: Transaction, video: Video, change: ChangeKind = ChangeKind.CHANGED) -> None:
        """Tell it when `tx` is on disk."""
        tx.after_commit(lambda: self.publish(video, change))

    def publish_created_on_commit(self, tx: Transaction, video_id: int, public_id: str, owner_id: int) -> None:
        """Tell of a new video when `tx` is on disk."""
        news = VideoChanged(video_id, public_id, owner_id, ChangeKind.CREATED)
        tx.after_commit(lambda: self._bus.publish(news))

    def publish(self, video: Video, change: ChangeKind = ChangeKind.CHANGED) -> None:
        """Tell it at once: for soft facts that no transaction carries."""
        self._bus.publish(VideoChanged(video.id, video.public_id, video.owner_id, change))
