"""HTTP/1.1 over one connection: uvicorn's protocol with bounds on what is kept of a request.

Input is handed to the parser in pieces that end where a head or a body ends, so that nothing is kept before it is
counted, and a pipelined request waits as bytes until the answer before it is complete.
"""

import asyncio
from typing import Any

import httptools
import uvicorn
from uvicorn.server import ServerState

from streamtime.http.server import refusals
from streamtime.http.server.connection import HttpConnection
from streamtime.http.server.connection_limits import ConnectionTracker, Phase
from streamtime.http.server.flow_control import PausableFlowControl, ResponseTransport
from streamtime.http.server.refusals import ConnectionRejection

MAX_LINE_BYTES = 16 * 1024
_REQUEST_LINE_OVERHEAD = len("  HTTP/1.1")

MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 100
MAX_OVERHEAD_BYTES = 16 * 1024
"""Of chunk extensions, trailers and sizes, beyond `_OVERHEAD_PER_CHUNK` and twice the data: as Go's net/http counts."""

MAX_PIPELINED = 16
"""Requests parsed ahead; a client that sends each after the other in one packet has them wait as bytes."""

_OVERHEAD_PER_CHUNK = 16
_HEAD_PIECE = 4 * 1024
_CHUNKED_PIECE = 16 * 1024
_MAX_CHUNKS_PER_TURN = 512
"""After so many chunks other connections have their turn: chunks of one byte cost a microsecond each."""

MAX_DRAINED_BYTES = 256 * 1024 * 1024
"""Read and dropped after an answer that refuses a body, so that the client reads the answer and not a reset."""

_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect"})
_END_OF_HEAD = b"\r\n\r\n"


class _ParsingAborted(Exception):
    """Ends the parser's run; it is never seen outside."""


class BoundedConnection(HttpConnection):
    """What comes in over one connection.

    `since` is when its phase began, `heard` when bytes of a body last came, both by the loop's clock.
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
        """Put ours in the place of uvicorn's."""
        super().connection_made(transport)
        self.flow: PausableFlowControl = PausableFlowControl(transport)
        self._response_transport = ResponseTransport(transport, self._end_response)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all."""
        self._response_transport.disable()
        self._buffered = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, or keep it until its turn."""
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

    # What the parser calls

    def on_message_begin(self) -> None:
        """The first byte of a request line."""
        super().on_message_begin()
        self._in_head = True
        self._complete = self._chunked = self._raw_body = False
        self._left = self._codings = self._overhead = self._trailers = self.received = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self.url += url
        if len(self.url) > MAX_LINE_BYTES - _REQUEST_LINE_OVERHEAD - len(self.parser.get_method()):
            self._abort_parsing(refusals.LINE_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; trailers are dropped (RFC 9110, section 6.5.1)."""
        if not self._in_head:
            self._trailers += 1
            if self._trailers > MAX_FIELDS:
                self._abort_parsing(refusals.TOO_MANY_FIELDS)
            return
        name = name.lower()
        self.headers.append((name, value))
        if len(self.headers) > MAX_FIELDS:
            self._abort_parsing(refusals.TOO_MANY_FIELDS)
        if name in _FRAMING:
            self._note_framing(name, value)

    def on_headers_complete(self) -> None:
        """Check how the body is framed, and begin to answer."""
        self._in_head = False
        version = self.parser.get_http_version()
        if self.head_bytes > MAX_HEAD_BYTES:
            self._abort_parsing(refusals.HEAD_TOO_LARGE)
        self.head_bytes, self._tail = 0, b""
        if version not in {"1.1", "1.0"}:
            self._abort_parsing(refusals.UNKNOWN_VERSION)
        if len(self.pipeline) >= MAX_PIPELINED:
            self._abort_parsing(refusals.PIPELINED)
        if self._codings and (self._codings > 1 or version == "1.0"):
            self._abort_parsing(refusals.BAD_FRAMING)
        self._chunked = self._codings > 0
        if not self.url.startswith(b"/"):
            self._to_origin_form(version)
        upgrade = self.parser.should_upgrade()
        if upgrade and self._chunked:
            self._abort_parsing(refusals.BAD_FRAMING)
        super().on_headers_complete()
        self.cycle.transport = self._response_transport  # type: ignore[assignment]  # what it uses of a transport
        if upgrade:
            # No other protocol is spoken here (RFC 9110, section 7.8), and the parser reads no body after such a head.
            self.cycle.keep_alive, self._raw_body = False, self._left > 0
        self._last = not self.cycle.keep_alive
        self.phase = Phase.BODY
        self.phase_started_at = self.last_received_at = self.loop.time()

    def on_body(self, body: bytes) -> None:
        """Bytes of a body."""
        self.received += len(body)
        if self.phase is Phase.REST:
            self._discard(len(body))
        self._overhead -= 2 * len(body)
        super().on_body(body)

    def on_chunk_header(self) -> None:
        """The size of a chunk."""
        self._chunks += 1
        self._overhead -= _OVERHEAD_PER_CHUNK

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self._raw_body:
            return
        self._complete = True
        self.head_bytes, self._tail = 0, b""
        super().on_message_complete()
        if self.phase is Phase.REST:
            self.phase, self.phase_started_at = Phase.IDLE, self.loop.time()
        else:
            self.phase = Phase.ANSWER

    # What a request cycle calls

    def on_response_complete(self) -> None:
        """The end of an answer: the next request may begin."""
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
            self.linger()  # the client may send the body or not, and what comes next could not be told apart
        else:
            self.phase = Phase.REST

    def resume_writing(self) -> None:
        """The client reads again."""
        self._unsent = 0
        super().resume_writing()

    # What ends it

    def reject(self, refusal: ConnectionRejection) -> None:
        """Answer instead of the application, where nothing was answered yet, and close."""
        cycle, answered = self.cycle, False
        if not self._is_answered():
            answered = cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
            self.flow.resume_writing()
        elif self.phase is Phase.REST:
            answered = True
        self.pipeline.clear()
        self._connections.count(refusal.code)
        if not answered and not self.transport.is_closing():
            self.transport.write(refusal.to_bytes(self.server_state.default_headers))
        self.linger()

    def linger(self) -> None:
        """Say that nothing more will come, and wait for the client's end, so that it reads the answer."""
        self.phase, self.phase_started_at = Phase.LEAVING, self.loop.time()
        self._buffered = b""
        self._response_transport.disable()
        if not self.transport.is_closing():
            self.flow.release()
            self.transport.write_eof()

    # Ours

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def _process(self, data: bytes, at: int) -> None:
        """Hand bytes to the parser, up to where the next request has to wait."""
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
            self.reject(self._rejection or refusals.MALFORMED)

    def _feed(self, data: bytes, at: int, end: int) -> int:
        """Hand over one piece that ends no later than a head or a body does; where the next begins."""
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
                self._abort_parsing(refusals.OVERHEAD)
        elif not in_body and self.head_bytes:
            if self.head_bytes > MAX_HEAD_BYTES:
                self._abort_parsing(refusals.HEAD_TOO_LARGE)
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
        """Where the head ends in `data`, or the next piece does; its empty line may have begun in the last one."""
        if self._tail:
            found = (self._tail + data[at : at + 3]).find(_END_OF_HEAD)
            if found >= 0:
                return at + found + len(_END_OF_HEAD) - len(self._tail)
        found = data.find(_END_OF_HEAD, at, at + _HEAD_PIECE)
        return found + len(_END_OF_HEAD) if found >= 0 else min(end, at + _HEAD_PIECE)

    def _note_framing(self, name: bytes, value: bytes) -> None:
        """How the body comes (RFC 9112, section 6). Two lengths, and a length beside chunks, are for the parser."""
        if name == b"content-length":
            self._left = int(value)
        elif name == b"transfer-encoding":
            self._codings += 1
            if value.strip().lower() != b"chunked":
                self._abort_parsing(refusals.UNKNOWN_CODING)
        elif value.lower() == b"100-continue":
            self.expect_100_continue = True

    def _to_origin_form(self, version: str) -> None:
        """A target with scheme and host becomes a path, and its host the Host (RFC 9112, section 3.2.2)."""
        scheme, mark, rest = self.url.partition(b"://")
        if not mark or scheme.lower() not in {b"http", b"https"}:
            self._abort_parsing(refusals.BAD_TARGET)
        end = min(at for at in (rest.find(b"/"), rest.find(b"?"), rest.find(b"#"), len(rest)) if at >= 0)
        self.url = rest[end:] if rest[end:].startswith(b"/") else b"/" + rest[end:]
        given = sum(name == b"host" for name, _ in self.headers)
        if given == 1 or (not given and version == "1.0"):  # else the doorway refuses it
            self.headers[:] = [field for field in self.headers if field[0] != b"host"] + [(b"host", rest[:end])]

    def _abort_parsing(self, refusal: ConnectionRejection) -> None:
        """End the parser's run. What is raised through it comes out as another error."""
        self._rejection = refusal
        raise _ParsingAborted

    def _buffer(self, data: bytes, at: int) -> None:
        self._buffered, self._buffered_at = (data, at) if at < len(data) else (b"", 0)
        self.flow.hold()

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
            self._connections.count(refusals.DRAINED)
            self.transport.abort()

    def _end_response(self) -> None:
        """Close after an answer that is complete or was broken off."""
        if self._complete:
            self.transport.close()
        else:
            self.linger()
