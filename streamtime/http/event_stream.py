"""Server-sent events: a snapshot on connect, then an event per change, and keep-alive comments.

Permissions, stream limits and the snapshot are checked before the 200 is sent. A stream ends within a second after its
client is signed out.
"""

import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from litestar.response import Stream

from streamtime.auth.access import Caller
from streamtime.auth.rate_limits import client_network
from streamtime.errors import StreamtimeError
from streamtime.http.event_stream_state import StreamSlot
from streamtime.http.requests import ApiRequest, client_address, reload_caller, rights_epoch
from streamtime.http.services import StreamServices
from streamtime.logging import get_logger
from streamtime.translation import current_language
from streamtime.videos.events import BusEvent, EventBus, Subscription

KEEPALIVE_INTERVAL_S = 15.0
"""Seconds between keep-alive comments, so that proxies do not close an idle stream."""

RIGHTS_CHECK_INTERVAL_S = 1.0
"""Seconds between checks for changed permissions on an idle stream."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Feed:
    """What a stream sends: the events that it accepts, their text, and the text that it begins with."""

    accepts: Callable[[BusEvent], bool]
    render: Callable[[BusEvent], Awaitable[str]]
    snapshot: Callable[[], Awaitable[str]]
    idle: str = ": quiet\n\n"
    """What is sent to keep an idle stream open; a comment, unless the client has to notice it."""


NEWLINE = "\n"
"""Ends an event; without data, only its id is noted."""

_log = get_logger("http")


def format_event(event: str, data: str) -> str:
    """Return one event in the `text/event-stream` format."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\n{lines}\n"


def session_key(request: ApiRequest, caller: Caller) -> tuple[str, int, object]:
    """Return a cache key of the caller's session and language: pages of two sessions differ in their CSRF tokens."""
    session = request.scope.get("session_cookie", "")
    return caller.auth_method.value, caller.credential_id, (session, current_language().tag)


async def event_stream(
    request: ApiRequest,
    caller: Caller,
    streams: StreamServices,
    feed: Feed,
    *,
    after: str = "",
) -> Stream:
    """Return a stream that lasts until the client disconnects, its permissions change, or the server stops.

    A client that was connected before gets the events since the id in its `Last-Event-ID`, or `after`; if these are not
    known any more, the event `reset` tells it to read again what it shows.

    Raises:
        TooManyRequests: too many streams are open.
        StreamtimeError: the snapshot raised it.
    """
    session = f"{caller.auth_method.value} {caller.credential_id}" if caller.signed_in else ""
    slot = streams.slots.acquire(client_network(client_address(request)), session)
    epoch = rights_epoch(request)
    subscription = streams.bus.add_subscription(feed.accepts)
    weakref.finalize(slot, streams.bus.unsubscribe, subscription)
    last_id = request.headers.get("last-event-id", "") or after
    missed = bool(last_id) and not streams.bus.resume(subscription, last_id)
    first = f"id: {streams.bus.event_id(subscription)}\n{feed.idle}{await feed.snapshot()}"
    first += format_event("reset", "{}") if missed else ""
    events = _events(request, caller, epoch, _Source(streams.bus, subscription, feed, first), slot)
    return Stream(events, media_type="text/event-stream", headers=HEADERS)


@dataclass(frozen=True, slots=True)
class _Source:
    """What a stream reads: its events, their text, and the text that it begins with."""

    bus: EventBus
    subscription: Subscription
    feed: Feed
    first: str


async def _events(
    request: ApiRequest,
    caller: Caller,
    epoch: int,
    source: _Source,
    slot: StreamSlot,
) -> AsyncGenerator[str, None]:
    try:
        yield ": hello\n\n" + source.first
        idle_s = 0.0
        async with aclosing(_changes(source.subscription)) as changes:
            async for change in changes:
                idle_s = idle_s + RIGHTS_CHECK_INTERVAL_S if change is None else 0.0
                if rights_epoch(request) != epoch:
                    epoch = rights_epoch(request)
                    if await reload_caller(request) != caller:
                        return  # signed out, revoked or disabled: the client has to reconnect
                if change is not None:
                    text = await source.feed.render(change)
                    yield f"id: {source.bus.event_id(source.subscription)}\n{text or NEWLINE}"
                elif idle_s >= KEEPALIVE_INTERVAL_S:
                    idle_s = 0.0
                    yield source.feed.idle
    except StreamtimeError as error:
        # The 200 has been sent. The client reconnects and gets the error as a status then.
        _log.warning("event_stream_aborted", error=error.message)
    finally:
        slot.release()


async def _changes(subscription: Subscription) -> AsyncGenerator[BusEvent | None, Any]:
    while True:
        try:
            change = await subscription.next(timeout_s=RIGHTS_CHECK_INTERVAL_S)
        except StopAsyncIteration:
            return
        yield change
