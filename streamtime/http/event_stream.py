"""Server-sent events: a snapshot on connect, news as it comes, a comment when there is none, an end when told.

Whatever can refuse a stream does so before its 200: rights, places, and the first snapshot. A stream whose listener was
signed out ends within a second, whether there is news or not.
"""

import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from litestar.response import Stream

from streamtime.access.caller import Caller
from streamtime.accounts.limits import network_of
from streamtime.errors import StreamtimeError
from streamtime.events.bus import Subscription, VideoChanged
from streamtime.http.places import Place
from streamtime.http.requests import ApiRequest, address_of, caller_now, rights_epoch
from streamtime.http.services import Services
from streamtime.logging import get_logger

QUIET_S = 15.0
"""A comment so often keeps proxies from cutting a stream that has nothing to say."""

LOOKS_EVERY_S = 1.0
"""How often a quiet stream looks whether rights have changed."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Wanted = Callable[[VideoChanged], bool]
Told = Callable[[VideoChanged], Awaitable[str]]
Snapshot = Callable[[], Awaitable[str]]

_log = get_logger("http")


def event_text(event: str, data: str) -> str:
    """One event as it goes over the wire."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\n{lines}\n"


def session_key(request: ApiRequest, caller: Caller) -> tuple[str, int, object]:
    """What tells sessions apart whose pages carry tokens of their own in forms."""
    return caller.proof.value, caller.proof_id, request.scope.get("session_cookie", "")


async def event_stream(
    request: ApiRequest, caller: Caller, services: Services, wanted: Wanted, told: Told, snapshot: Snapshot
) -> Stream:
    """An answer that goes on until the client leaves, loses its right, or the server stops.

    Raises:
        TooMany: too many streams are open.
        StreamtimeError: whatever `snapshot` raises.
    """
    session = f"{caller.proof.value} {caller.proof_id}" if caller.signed_in else ""
    place = services.places.take(network_of(address_of(request)), session)
    epoch = rights_epoch(request)
    subscription = services.bus.listen(wanted)
    weakref.finalize(place, services.bus.leave, subscription)
    first = await snapshot()
    events = _events(request, caller, epoch, subscription, place, told, first)
    return Stream(events, media_type="text/event-stream", headers=HEADERS)


async def _events(
    request: ApiRequest, caller: Caller, epoch: int, subscription: Subscription, place: Place, told: Told, first: str
) -> AsyncGenerator[str, None]:
    try:
        yield ": hello\n\n" + first
        quiet_s = 0.0
        async with aclosing(_news(subscription)) as heard:
            async for news in heard:
                quiet_s = quiet_s + LOOKS_EVERY_S if news is None else 0.0
                if rights_epoch(request) != epoch:
                    epoch = rights_epoch(request)
                    if await caller_now(request) != caller:
                        return  # signed out, revoked or disabled since: what it may hear is asked by a new request
                if news is not None:
                    yield await told(news)
                elif quiet_s >= QUIET_S:
                    quiet_s = 0.0
                    yield ": quiet\n\n"
    except StreamtimeError as error:
        # The 200 is long out. The client connects again, and is told then.
        _log.warning("stream_broken_off", error=error.message)
    finally:
        place.leave()


async def _news(subscription: Subscription) -> AsyncGenerator[VideoChanged | None, Any]:
    while True:
        try:
            news = await subscription.next(timeout_s=LOOKS_EVERY_S)
        except StopAsyncIteration:
            return
        yield news
