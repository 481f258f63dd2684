"""Between a connection and the request cycle that answers over it: what is read, and what is written."""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl


class PausableFlowControl(FlowControl):
    """Reading can be held, whatever uvicorn's request cycle asks for."""

    held = False

    def hold(self) -> None:
        """Read nothing until `release`."""
        self.held = True
        self.pause_reading()

    def release(self) -> None:
        """Read again."""
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Read on, unless reading is held."""
        if not self.held:
            super().resume_reading()


class ResponseTransport:
    """What a request cycle knows of the transport. Its `close` leaves a client that still sends time to read."""

    __slots__ = ("abort", "close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write: Callable[[bytes], None] = transport.write
        self.is_closing: Callable[[], bool] = transport.is_closing
        self.abort: Callable[[], None] = transport.abort
        self.close = close

    def disable(self) -> None:
        """Let nothing more through."""
        self.write = _dropped
        self.is_closing = _closed


def _dropped(_data: bytes) -> None:
    pass


def _closed() -> bool:
    return True
