"""HTTP/1.1 over one connection: uvicorn's protocol with limits on the size of requests.

Input is fed to the parser in pieces that end where a head or a body ends. So all input is counted before it is stored,
and a pipelined request waits as bytes until the response before it is complete.
"""

import asyncio
from typing import Any

import httptools
import uvicorn
from uvicorn.server import ServerState

from streamtime.http.server import rejections
from streamtime.http.server.connection import HttpConnection, PausableFlowControl, ResponseTransport
from streamtime.http.server.connection_limits import ConnectionTracker, Phase
from streamtime.http.server.rejections import ConnectionRejection

MAX_LINE_BYTES = 16 * 1024
_REQUEST_LINE_OVERHEAD = len("  HTTP/1.1")

MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 100
MAX_OVERHEAD_BYTES = 16 * 1024
"""Limit of chunk extensions, trailers and sizes, beyond `_OVERHEAD_PER_CHUNK` and twice the data (as Go's net/http)."""

MAX_PIPELINED = 16
"""Maximum number of requests that are parsed ahead."""

_OVERHEAD_PER_CHUNK = 16
_HEAD_PIECE = 4 * 1024
_CHUNKED_PIECE = 16 * 1024
_MAX_CHUNKS_PER_TURN = 512
"""Chunks processed before other connections get their turn: a chunk of one byte costs about a microsecond."""

MAX_DRAINED_BYTES = 256 * 1024 * 1024
"""Maximum input discarded after a rejection, so that the client can read the response instead of getting a reset."""

_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect"})
_END_OF_HEAD = b"\r\n\r\n"


class _ParsingAborted(Exception):
    """Stops the parser; handled inside this module."""


class BoundedConnection(HttpConnection):
    """A connection with limits on its input.

    `phase_started_at` and `last_received_at` (the last bytes of a body) are times of the event loop's clock.
    """

    def __init__(
        self,
        connections: ConnectionTracker,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections = connections
        self.phase = Phase.HEAD
        self.phase_started_at = self.last_received_at = self.loop.time()
        self.received = 0
        self.head_bytes = 0
        self._tail = b""
        self._in_head = True
        self._chunked = False
        self._left = self._codings = 0
        self._raw_body = False
        self._complete = True
        self._last = False
        self._overhead = self._chunks = self._trailers = self._drained = 0
        self._rejection: ConnectionRejection | None = None
        self._unsent, self._unsent_at = 0, 0.0
        self._buffered, self._buffered_at, self._resume_scheduled = b"", 0, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Replace uvicorn's flow control and transport with our own."""
        super().connection_made(transport)
        self.flow: PausableFlowControl = PausableFlowControl(transport)
        self._response_transport = ResponseTransport(transport, self._end_response)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop all buffered data."""
        self._response_transport.disable()
        self._buffered = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process received data, or buffer it while an earlier request is being answered."""
        if self.phase is Phase.LEAVING:
            self._discard(len(data))
        elif self._buffered:
            self._buffered, self._buffered_at = self._buffered[self._buffered_at :] + data, 0
        else:
            if self.phase is Phase.IDLE:
                self.phase, self.phase_started_at = Phase.HEAD, self.loop.time()
            elif self.phase is not Phase.HEAD:
                self.last_received_at = self.loop.time()
            self._process(data, 0)

    # Parser callbacks

    def on_message_begin(self) -> None:
        """Handle the first byte of a request line."""
        super().on_message_begin()
        self._in_head = True
        self._complete = self._chunked = self._raw_body = False
        self._left = self._codings = self._overhead = self._trailers = self.received = 0

    def on_url(self, url: bytes) -> None:
        """Handle a part of the request target."""
        self.url += url
        if len(self.url) > MAX_LINE_BYTES - _REQUEST_LINE_OVERHEAD - len(self.parser.get_method()):
            self._abort_parsing(rejections.LINE_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Handle a header field; trailers are discarded (RFC 9110, section 6.5.1)."""
        if not self._in_head:
            self._trailers += 1
            if self._trailers > MAX_FIELDS:
                self._abort_parsing(rejections.TOO_MANY_FIELDS)
            return
        name = name.lower()
        self.headers.append((name, value))
        if len(self.headers) > MAX_FIELDS:
            self._abort_parsing(rejections.TOO_MANY_FIELDS)
        if name in _FRAMING:
            self._record_framing(name, value)

    def on_headers_complete(self) -> None:
        """Check the framing of the body, and start handling the request."""
        self._in_head = False
        version = self.parser.get_http_version()
        if self.head_bytes > MAX_HEAD_BYTES:
            self._abort_parsing(rejections.HEAD_TOO_LARGE)
        self.head_bytes, self._tail = 0, b""
        if version not in {"1.1", "1.0"}:
            self._abort_parsing(rejections.UNKNOWN_VERSION)
        if len(self.pipeline) >= MAX_PIPELINED:
            self._abort_parsing(rejections.PIPELINED)
        if self._codings and (self._codings > 1 or version == "1.0"):
            self._abort_parsing(rejections.BAD_FRAMING)
        self._chunked = self._codings > 0
        if not self.url.startswith(b"/"):
            self._to_origin_form(version)
        upgrade = self.parser.should_upgrade()
        if upgrade and self._chunked:
            self._abort_parsing(rejections.BAD_FRAMING)
        super().on_headers_complete()
        self.cycle.transport = self._response_transport  # type: ignore[assignment]  # it has the methods that the cycle uses
        if upgrade:
            # Upgrades are not supported (RFC 9110, section 7.8), and the parser reads no body after such a head.
            self.cycle.keep_alive, self._raw_body = False, self._left > 0
        self._last = not self.cycle.keep_alive
        self.phase = Phase.BODY
        self.phase_started_at = self.last_received_at = self.loop.time()

    def on_body(self, body: bytes) -> None:
        """Handle bytes of a body."""
        self.received += len(body)
        if self.phase is Phase.REST:
            self._discard(len(body))
        self._overhead -= 2 * len(body)
        super().on_body(body)

    def on_chunk_header(self) -> None:
        """Handle the header of a chunk."""
        self._chunks += 1
        self._overhead -= _OVERHEAD_PER_CHUNK

    def on_message_complete(self) -> None:
        """Handle the end of a request."""
        if self._raw_body:
            return
        self._complete = True
        self.head_bytes, self._tail = 0, b""
        super().on_message_complete()
        if self.phase is Phase.REST:
            self.phase, self.phase_started_at = Phase.IDLE, self.loop.time()
        else:
            self.phase = Phase.ANSWER

    # Callbacks of the request cycle

    def on_response_complete(self) -> None:
        """Handle the end of a response: start the next request."""
        self.server_state.total_requests += 1
        if self.phase is Phase.LEAVING or self.transport.is_closing():
            return
        self.phase_started_at = self.loop.time()
        self._unsent = 0
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._complete:
            self.phase = Phase.IDLE
            if self._buffered:
                self._schedule_resume()
        elif self.expect_100_continue and not self.received:
            self.linger()  # the client may or may not send the body, and we could not tell it from the next request
        else:
            self.phase = Phase.REST

    def resume_writing(self) -> None:
        """Handle that the client reads again."""
        self._unsent = 0
        super().resume_writing()

    # Ending the connection

    def reject(self, rejection: ConnectionRejection) -> None:
        """Send the rejection if no response has begun, and close."""
        cycle, answered = self.cycle, False
        if not self._is_answered():
            answered = cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
            self.flow.resume_writing()
        elif self.phase is Phase.REST:
            answered = True
        self.pipeline.clear()
        self._connections.count(rejection.code)
        if not answered and not self.transport.is_closing():
            self.transport.write(rejection.to_bytes(self.server_state.default_headers))
        self.linger()

    def linger(self) -> None:
        """Close the write side and wait for the client to close, so that it can read the response."""
        self.phase, self.phase_started_at = Phase.LEAVING, self.loop.time()
        self._buffered = b""
        self._response_transport.disable()
        if not self.transport.is_closing():
            self.flow.release()
            self.transport.write_eof()

    # Internal

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def _process(self, data: bytes, at: int) -> None:
        """Feed data to the parser until a request has to wait for the response before it."""
        end = len(data)
        try:
            while at < end and self.phase is not Phase.LEAVING:
                if self._complete and self._last:
                    self._discard(end - at)
                    return
                if self._complete and not self._is_answered():
                    self._buffer(data, at)
                    return
                at = self._feed(data, at, end)
                if self._chunks > _MAX_CHUNKS_PER_TURN:
                    self._buffer(data, at)
                    self._schedule_resume()
                    return
        except (httptools.HttpParserError, _ParsingAborted):
            self.reject(self._rejection or rejections.MALFORMED)

    def _feed(self, data: bytes, at: int, end: int) -> int:
        """Feed one piece that ends no later than a head or a body; return where the next piece begins."""
        if self._raw_body:
            return self._feed_raw(data, at, end)
        in_body = not self._complete and not self._in_head
        if not in_body:
            cut = self._end_of_head(data, at, end)
            self.head_bytes += cut - at
        elif self._chunked:
            cut = min(end, at + _CHUNKED_PIECE)
        else:
            cut = min(end, at + self._left)
            self._left -= cut - at
        piece = data if cut - at == end else data[at:cut]
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            return at + int(upgrade.args[0])
        if in_body and self._chunked:
            self._overhead = max(0, self._overhead + cut - at)
            if self._overhead > MAX_OVERHEAD_BYTES:
                self._abort_parsing(rejections.OVERHEAD)
        elif not in_body and self.head_bytes:
            if self.head_bytes > MAX_HEAD_BYTES:
                self._abort_parsing(rejections.HEAD_TOO_LARGE)
            self._tail = (self._tail + piece)[-3:]
        return cut

    def _feed_raw(self, data: bytes, at: int, end: int) -> int:
        cut = min(end, at + self._left)
        self._left -= cut - at
        self.on_body(data[at:cut])
        if not self._left:
            self._raw_body = False
            self.on_message_complete()
        return cut

    def _end_of_head(self, data: bytes, at: int, end: int) -> int:
        """Return where the head or the next piece ends; the empty line may have begun in the previous piece."""
        if self._tail:
            found = (self._tail + data[at : at + 3]).find(_END_OF_HEAD)
            if found >= 0:
                return at + found + len(_END_OF_HEAD) - len(self._tail)
        found = data.find(_END_OF_HEAD, at, at + _HEAD_PIECE)
        return found + len(_END_OF_HEAD) if found >= 0 else min(end, at + _HEAD_PIECE)

    def _record_framing(self, name: bytes, value: bytes) -> None:
        """Record the body framing (RFC 9112, section 6). The parser rejects two lengths, and a length with chunks."""
        if name == b"content-length":
            self._left = int(value)
        elif name == b"transfer-encoding":
            self._codings += 1
            if value.strip().lower() != b"chunked":
                self._abort_parsing(rejections.UNKNOWN_CODING)
        elif value.lower() == b"100-continue":
            self.expect_100_continue = True

    def _to_origin_form(self, version: str) -> None:
        """Turn a target in absolute form into a path, and its host into Host (RFC 9112, section 3.2.2)."""
        scheme, mark, rest = self.url.partition(b"://")
        if not mark or scheme.lower() not in {b"http", b"https"}:
            self._abort_parsing(rejections.BAD_TARGET)
        end = min(at for at in (rest.find(b"/"), rest.find(b"?"), rest.find(b"#"), len(rest)) if at >= 0)
        self.url = rest[end:] if rest[end:].startswith(b"/") else b"/" + rest[end:]
        given = sum(name == b"host" for name, _ in self.headers)
        if given == 1 or (not given and version == "1.0"):  # otherwise RequestMiddleware rejects it
            self.headers[:] = [field for field in self.headers if field[0] != b"host"] + [(b"host", rest[:end])]

    def _abort_parsing(self, rejection: ConnectionRejection) -> None:
        """Stop the parser. It wraps the exception in its own error, so the rejection is stored."""
        self._rejection = rejection
        raise _ParsingAborted

    def _buffer(self, data: bytes, at: int) -> None:
        self._buffered, self._buffered_at = (data, at) if at < len(data) else (b"", 0)
        self.flow.pause()

    def _schedule_resume(self) -> None:
        if not self._resume_scheduled:
            self._resume_scheduled = True
            self.loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._resume_scheduled, self._chunks = False, 0
        if self.phase is Phase.LEAVING or self.transport.is_closing():
            return
        data, at = self._buffered, self._buffered_at
        self._buffered, self._buffered_at = b"", 0
        self.flow.release()
        if data:
            if self.phase is Phase.IDLE:
                self.phase, self.phase_started_at = Phase.HEAD, self.loop.time()
            self._process(data, at)

    def _discard(self, count: int) -> None:
        self._drained += count
        if self._drained > MAX_DRAINED_BYTES:
            self._connections.count(rejections.DRAINED)
            self.transport.abort()

    def _end_response(self) -> None:
        """Close after a response that is complete or aborted."""
        if self._complete:
            self.transport.close()
        else:
            self.linger()
