"""Events of videos: the timeline that owners read, and the in-process event bus for pages.

A bus event says which video changed, not what: subscribers read the video. Pending events of one video are merged, so
a slow subscriber misses nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from streamtime.auth.access import Visibility
from streamtime.clock import Clock
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.ids import public_id
from streamtime.videos.video import Video


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An event in the history of a video, with its reason."""

    happened_at_ms: int
    event: str
    message: str
    detail: dict[str, Any]


class Timeline:
    """Writes and reads the timelines of videos."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, tx: Transaction, video_id: int, event: str, message: str, **detail: object) -> None:
        """Add an entry."""
        await tx.execute(
            insert(video_tables.timeline).values(
                video_id=video_id,
                happened_at_ms=self._clock.now_ms(),
                event=event,
                message=message,
                detail=msgspec.json.encode(detail).decode(),
            )
        )

    async def list_for_video(self, video_id: int) -> list[TimelineEntry]:
        """Return the entries of a video, oldest first."""
        table = video_tables.timeline
        query = select(table.c.happened_at_ms, table.c.event, table.c.message, table.c.detail)
        async with self._database.read() as connection:
            rows = await connection.execute(query.where(table.c.video_id == video_id).order_by(table.c.id))
            return [TimelineEntry(*row[:3], msgspec.json.decode(row[3])) for row in rows]


class CrashCounter:
    """Counts how often workers crashed over a video. The count is never reset."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    async def increment(self, tx: Transaction, video_id: int, message: str, *, code: str, stderr_tail: str) -> int:
        """Count a crash and add it to the timeline. Returns the new count; 0 if the video was deleted."""
        statement = (
            update(videos)
            .where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None))
            .values(crashes=videos.c.crashes + 1)
            .returning(videos.c.crashes)
        )
        count: int = (await tx.execute(statement)).scalar_one_or_none() or 0
        if count:
            await self._timeline.add(tx, video_id, "crashed", message, code=code, count=count, last_words=stderr_tail)
        return count


MAX_PENDING = 1_000
"""Pending events per subscriber; beyond that, the oldest is dropped."""


MAX_RECENT = 2_000
"""Events that are kept for subscribers that connect again; beyond that, the oldest is dropped."""

MAX_DIGITS = 18
"""Digits of an event's number; the next would not fit 64 bits."""


class ChangeKind(StrEnum):
    """How a video changed."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class VideoChanged:
    """A change event, with the facts to filter by without a database query."""

    video_id: int
    public_id: str
    owner_id: int
    change: ChangeKind
    visibility_before: Visibility = Visibility.PRIVATE
    """Who could watch it before the change: they are told that it is gone."""

    @property
    def key(self) -> tuple[object, ...]:
        """Pending events with the same key are merged. A pending "created" is not replaced by a later "changed"."""
        return "video", self.video_id, self.change is ChangeKind.DELETED


@dataclass(frozen=True, slots=True)
class NoticesChanged:
    """The notices of an account have changed."""

    user_id: int

    @property
    def key(self) -> tuple[object, ...]:
        """Pending events with the same key are merged."""
        return "notices", self.user_id


@dataclass(frozen=True, slots=True)
class PlaylistChanged:
    """A playlist or its order has changed, or it was deleted."""

    public_id: str

    @property
    def key(self) -> tuple[object, ...]:
        """Pending events with the same key are merged."""
        return "playlist", self.public_id


BusEvent = VideoChanged | NoticesChanged | PlaylistChanged
EventFilter = Callable[[BusEvent], bool]
EventHandler = Callable[[VideoChanged], None]


class Subscription:
    """The pending events of one subscriber."""

    def __init__(self, event_filter: EventFilter) -> None:
        self._filter = event_filter
        self._pending: dict[tuple[object, ...], tuple[int, BusEvent]] = {}
        self.sequence = 0
        """The number of the last event that `next` returned; those before it were returned or not accepted."""
        self._available = asyncio.Event()
        self._closed = False

    def put(self, number: int, event: BusEvent) -> None:
        """Add an event, which has this number, if the subscriber's filter accepts it."""
        if not self._filter(event):
            return
        self._pending.setdefault(event.key, (number, event))
        if len(self._pending) > MAX_PENDING:
            self._pending.pop(next(iter(self._pending)))
        self._available.set()

    def close(self) -> None:
        """Make `next` raise from now on."""
        self._closed = True
        self._available.set()

    async def next(self, *, timeout_s: float) -> BusEvent | None:
        """Return the next event, or None after `timeout_s` seconds without one.

        Raises:
            StopAsyncIteration: the subscription is closed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._available.wait()
        except TimeoutError:
            return None
        if self._closed:
            raise StopAsyncIteration
        self.sequence, event = self._pending.pop(next(iter(self._pending)))
        if not self._pending:
            self._available.clear()
        return event


class EventBus:
    """Delivers events to the subscribers in this process."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._handlers: list[EventHandler] = []
        self._closed = False
        self._recent: deque[BusEvent] = deque(maxlen=MAX_RECENT)
        self._sequence = 0
        self._run = public_id()

    def publish(self, event: BusEvent) -> None:
        """Call the handlers of videos, and add the event to all subscriptions; never waits."""
        if isinstance(event, VideoChanged):
            for handler in self._handlers:
                handler(event)
        self._sequence += 1
        self._recent.append(event)
        for subscription in self._subscriptions:
            subscription.put(self._sequence, event)

    def event_id(self, subscription: Subscription) -> str:
        """Return the id of the last event of a subscription, from which `resume` continues."""
        return f"{self._run}-{subscription.sequence}"

    def resume(self, subscription: Subscription, event_id: str) -> bool:
        """Add the events after the one with that id to a new subscription.

        Returns False if they are not known any more, or are those of an earlier process: some may be missed.
        """
        run, _, number = event_id.rpartition("-")
        after = int(number) if number.isascii() and number.isdecimal() and len(number) < MAX_DIGITS else -1
        oldest = self._sequence - len(self._recent)
        if run != self._run or not oldest <= after <= self._sequence:
            return False
        subscription.sequence = after
        for place, event in enumerate(self._recent, oldest + 1):
            if place > after:
                subscription.put(place, event)
        return True

    @contextmanager
    def subscribe(self, event_filter: EventFilter) -> Iterator[Subscription]:
        """Subscribe for the duration of the context."""
        subscription = self.add_subscription(event_filter)
        try:
            yield subscription
        finally:
            self.unsubscribe(subscription)

    def add_subscription(self, event_filter: EventFilter) -> Subscription:
        """Subscribe until `unsubscribe`."""
        subscription = Subscription(event_filter)
        subscription.sequence = self._sequence
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription; it may have been removed before."""
        self._subscriptions.discard(subscription)

    def add_handler(self, handler: EventHandler) -> None:
        """Call `handler` with every event of a video before subscribers get it, for example to invalidate a cache."""
        self._handlers.append(handler)

    def close(self) -> None:
        """Close all subscriptions, also later ones; called when the server stops."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()

    @property
    def subscriber_count(self) -> int:
        """The number of subscriptions."""
        return len(self._subscriptions)


class VideoEventPublisher:
    """Publishes events of videos on the bus."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def publish_on_commit(self, tx: Transaction, video: Video, change: ChangeKind = ChangeKind.CHANGED) -> None:
        """Publish an event when `tx` is committed."""
        tx.after_commit(lambda: self.publish(video, change))

    def publish_created_on_commit(self, tx: Transaction, video_id: int, name: str, owner_id: int) -> None:
        """Publish the creation of a video when `tx` is committed."""
        event = VideoChanged(video_id, name, owner_id, ChangeKind.CREATED)
        tx.after_commit(lambda: self._bus.publish(event))

    def publish(self, video: Video, change: ChangeKind = ChangeKind.CHANGED) -> None:
        """Publish an event now, for changes without a transaction such as progress. Nobody sees a hidden version."""
        if video.version_of is not None:
            return
        self._bus.publish(VideoChanged(video.id, video.public_id, video.owner_id, change, video.visibility))
