"""Server-sent events: a snapshot on connect, news as it comes, a comment when there is none, an end when told.

Whatever can refuse a stream does so before its 200: rights, places, and the first snapshot. A stream whose listener was
signed out ends within a second, whether there is news or not.
"""

import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from litestar.response import Stream

from streamtime.auth.access import Caller
from streamtime.auth.rate_limits import client_network
from streamtime.errors import StreamtimeError
from streamtime.http.event_stream_limits import StreamSlot
from streamtime.http.requests import ApiRequest, client_address, reload_caller, rights_epoch
from streamtime.http.services import Services
from streamtime.logging import get_logger
from streamtime.videos.events import Subscription, VideoChanged

KEEPALIVE_INTERVAL_S = 15.0
"""A comment so often keeps proxies from cutting a stream that has nothing to say."""

RIGHTS_CHECK_INTERVAL_S = 1.0
"""How often a quiet stream looks whether rights have changed."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

EventFilter = Callable[[VideoChanged], bool]
EventRenderer = Callable[[VideoChanged], Awaitable[str]]
SnapshotRenderer = Callable[[], Awaitable[str]]

_log = get_logger("http")


def format_event(event: str, data: str) -> str:
    """One event as it goes over the wire."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\n{lines}\n"


def session_key(request: ApiRequest, caller: Caller) -> tuple[str, int, object]:
    """What tells sessions apart whose pages carry tokens of their own in forms."""
    return caller.auth_method.value, caller.credential_id, request.scope.get("session_cookie", "")


async def event_stream(
    request: ApiRequest,
    caller: Caller,
    services: Services,
    accepts: EventFilter,
    render: EventRenderer,
    snapshot: SnapshotRenderer,
) -> Stream:
    """An answer that goes on until the client leaves, loses its right, or the server stops.

    Raises:
        TooMany: too many streams are open.
        StreamtimeError: whatever `snapshot` raises.
    """
    session = f"{caller.auth_method.value} {caller.credential_id}" if caller.signed_in else ""
    place = services.stream_slots.acquire(client_network(client_address(request)), session)
    epoch = rights_epoch(request)
    subscription = services.events.add_subscription(accepts)
    weakref.finalize(place, services.events.unsubscribe, subscription)
    first = await snapshot()
    events = _events(request, caller, epoch, subscription, place, render, first)
    return Stream(events, media_type="text/event-stream", headers=HEADERS)


async def _events(
    request: ApiRequest,
    caller: Caller,
    epoch: int,
    subscription: Subscription,
    place: StreamSlot,
    render: EventRenderer,
    first: str,
) -> AsyncGenerator[str, None]:
    try:
        yield ": hello\n\n" + first
        quiet_s = 0.0
        async with aclosing(_changes(subscription)) as heard:
            async for news in heard:
                quiet_s = quiet_s + RIGHTS_CHECK_INTERVAL_S if news is None else 0.0
                if rights_epoch(request) != epoch:
                    epoch = rights_epoch(request)
                    if await reload_caller(request) != caller:
                        return  # signed out, revoked or disabled since: what it may hear is asked by a new request
                if news is not None:
                    yield await render(news)
                elif quiet_s >= KEEPALIVE_INTERVAL_S:
                    quiet_s = 0.0
                    yield ": quiet\n\n"
    except StreamtimeError as error:
        # The 200 is long out. The client connects again, and is told then.
        _log.warning("stream_broken_off", error=error.message)
    finally:
        place.release()


async def _changes(subscription: Subscription) -> AsyncGenerator[VideoChanged | None, Any]:
    while True:
        try:
            news = await subscription.next(timeout_s=RIGHTS_CHECK_INTERVAL_S)
        except StopAsyncIteration:
            return
        yield news
