"""A client's connection: uvicorn's, except that an answer which cannot be finished is cut off without a traceback.

ASGI has no message for that. An application raises `AbortResponse` after it has said why in the log.
"""

import asyncio
from functools import partial
from typing import Any

from litestar.exceptions import LitestarException
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from streamtime.errors import StreamtimeError
from streamtime.http.secret_paths import masked
from streamtime.logging import get_logger

_log = get_logger("http")


class AbortResponse(Exception):  # no error: it asks for the connection to be closed
    """The answer has begun and cannot be finished: close the connection, so that the client knows."""


class HttpConnection(HttpToolsProtocol):
    """One connection of a client."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401  # as uvicorn types it
        super()._start_asgi_task(cycle, partial(_answer, cycle, app))


async def _answer(cycle: RequestResponseCycle, app: Any, *asgi: Any) -> None:  # noqa: ANN401  # as uvicorn types them
    """Run the application for one request. A request that is cancelled, since the server stops, is cut off too."""
    try:
        await app(*asgi)
    except AbortResponse:
        _abort(cycle)
    except LitestarException as error:
        # The framework's word for an error in the middle of an answer. What nobody expected stays an error of the log.
        if not (cycle.response_started and isinstance(error.__cause__, StreamtimeError)):
            raise
        _log.warning("answer_broken_off", path=masked(cycle.scope["path"]), error=error.__cause__.message)
        _abort(cycle)
    except asyncio.CancelledError:
        if not cycle.response_complete:
            _log.warning("request_cancelled", method=cycle.scope["method"], path=masked(cycle.scope["path"]))
            _abort(cycle)


def _abort(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True  # to uvicorn the client has left: it expects nothing more of this request
    cycle.message_event.set()
    cycle.transport.abort()
