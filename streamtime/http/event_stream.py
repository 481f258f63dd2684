"""Server-sent events: a snapshot on connect, news as it comes, a comment when there is none, an end when told.

A stream whose listener was signed out ends within a second, whether there is news or not.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from litestar.response import Stream

from streamtime.events.bus import EventBus, Subscription, VideoChanged
from streamtime.http.requests import ApiRequest, caller_now, rights_epoch

QUIET_S = 15.0
"""A comment so often keeps proxies from cutting a stream that has nothing to say."""

LOOKS_EVERY_S = 1.0
"""How often a quiet stream looks whether rights have changed."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Wanted = Callable[[VideoChanged], bool]
Told = Callable[[VideoChanged], AsyncGenerator[str, None]]
Snapshot = Callable[[], AsyncGenerator[str, None]]


def event_text(event: str, data: str) -> str:
    """One event as it goes over the wire."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\n{lines}\n"


def event_stream(request: ApiRequest, bus: EventBus, wanted: Wanted, told: Told, snapshot: Snapshot) -> Stream:
    """An answer that goes on until the client leaves, loses its right, or the server stops."""
    return Stream(_events(request, bus, wanted, told, snapshot), media_type="text/event-stream", headers=HEADERS)


async def _events(
    request: ApiRequest, bus: EventBus, wanted: Wanted, told: Told, snapshot: Snapshot
) -> AsyncGenerator[str, None]:
    epoch, caller = rights_epoch(request), await caller_now(request)
    with bus.subscribe(wanted) as subscription:
        yield ": hello\n\n"
        async for text in snapshot():
            yield text
        quiet_s = 0.0
        async for news in _news(subscription):
            quiet_s = quiet_s + LOOKS_EVERY_S if news is None else 0.0
            if news is None and quiet_s < QUIET_S and rights_epoch(request) == epoch:
                continue
            epoch = rights_epoch(request)
            if await caller_now(request) != caller:
                return  # signed out, revoked or disabled since: what it may hear is asked anew, by a new request
            if news is not None:
                async for text in told(news):
                    yield text
            elif quiet_s >= QUIET_S:
                quiet_s = 0.0
                yield ": quiet\n\n"


async def _news(subscription: Subscription) -> AsyncGenerator[VideoChanged | None, Any]:
    while True:
        try:
            news = await subscription.next(timeout_s=LOOKS_EVERY_S)
        except StopAsyncIteration:
            return
        yield news
