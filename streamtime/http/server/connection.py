"""uvicorn's HTTP connection, extended: aborting a response that has begun, and flow control that can be paused.

ASGI has no message to abort a response. An application logs the reason and raises `AbortResponse`.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from litestar.exceptions import LitestarException
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from streamtime.errors import StreamtimeError
from streamtime.http.secret_paths import masked
from streamtime.logging import get_logger


class PausableFlowControl(FlowControl):
    """Flow control whose reading can be paused regardless of uvicorn's request cycle."""

    paused = False

    def pause(self) -> None:
        """Stop reading until `release`."""
        self.paused = True
        self.pause_reading()

    def release(self) -> None:
        """Resume reading."""
        self.paused = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Resume reading unless it is paused by `pause`."""
        if not self.paused:
            super().resume_reading()


class ResponseTransport:
    """The transport as a request cycle uses it. `close` gives a client that is still sending time to read."""

    __slots__ = ("abort", "close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write: Callable[[bytes], None] = transport.write
        self.is_closing: Callable[[], bool] = transport.is_closing
        self.abort: Callable[[], None] = transport.abort
        self.close = close

    def disable(self) -> None:
        """Discard all further writes."""
        self.write = _discard
        self.is_closing = _always_closing


def _discard(_data: bytes) -> None:
    pass


def _always_closing() -> bool:
    return True


_log = get_logger("http")


class AbortResponse(Exception):  # no error: it requests closing the connection
    """The response has begun and cannot be completed: close the connection, so that the client notices."""


class HttpConnection(HttpToolsProtocol):
    """One connection of a client."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401  # as uvicorn types it
        super()._start_asgi_task(cycle, partial(_answer, cycle, app))


async def _answer(cycle: RequestResponseCycle, app: Any, *asgi: Any) -> None:  # noqa: ANN401  # as uvicorn types them
    """Run the application for one request. If it is cancelled because the server stops, abort the response."""
    try:
        await app(*asgi)
    except AbortResponse:
        _abort(cycle)
    except LitestarException as error:
        # The framework raises this for an error after the response has begun. Unexpected errors are logged by uvicorn.
        if not (cycle.response_started and isinstance(error.__cause__, StreamtimeError)):
            raise
        _log.warning("response_aborted", path=masked(cycle.scope["path"]), error=error.__cause__.message)
        _abort(cycle)
    except asyncio.CancelledError:
        if not cycle.response_complete:
            _log.warning("request_cancelled", method=cycle.scope["method"], path=masked(cycle.scope["path"]))
            _abort(cycle)


def _abort(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True  # uvicorn then expects nothing more from this request
    cycle.message_event.set()
    cycle.transport.abort()
