"""Responses that a connection sends itself instead of the application, and reasons for closing without a response."""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from streamtime.http.problems import PROBLEM_JSON, Problem


@dataclass(frozen=True, slots=True)
class ConnectionRejection:
    """A response that the connection sends before it closes."""

    status: int
    code: str
    detail: str
    retry_after_s: int | None = None

    @property
    def title(self) -> str:
        """The reason phrase of the status."""
        return HTTPStatus(self.status).phrase

    def to_bytes(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the complete response, including the server's default headers."""
        body = msgspec.json.encode(Problem(title=self.title, status=self.status, detail=self.detail, code=self.code))
        fields = [
            *headers,
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        if self.retry_after_s is not None:
            fields.append((b"retry-after", b"%d" % self.retry_after_s))
        lines = [b"HTTP/1.1 %d %s" % (self.status, self.title.encode()), *(b"%s: %s" % field for field in fields)]
        return b"\r\n".join([*lines, b"", body])


MALFORMED = ConnectionRejection(400, "malformed", "The request is not valid HTTP/1.1.")
BAD_TARGET = ConnectionRejection(400, "bad_target", "The request target is neither a path nor a URL of this server.")
BAD_FRAMING = ConnectionRejection(400, "bad_framing", "The length of the request body is not given in a supported way.")
OVERHEAD = ConnectionRejection(
    400, "chunk_overhead", "The request body has too many bytes of chunk extensions or trailers."
)
PIPELINED = ConnectionRejection(400, "pipelined", "Too many requests were sent without waiting for the responses.")
LINE_TOO_LONG = ConnectionRejection(414, "line_too_long", "The request line is longer than 16 KiB.")
HEAD_TOO_LARGE = ConnectionRejection(431, "head_too_large", "The head of the request is larger than 64 KiB.")
TOO_MANY_FIELDS = ConnectionRejection(431, "too_many_fields", "The request has more than 100 header fields.")
UNKNOWN_CODING = ConnectionRejection(501, "transfer_coding", "The only supported transfer coding is chunked.")
UNKNOWN_VERSION = ConnectionRejection(505, "http_version", "This server supports HTTP/1.1.")
SLOW_HEAD = ConnectionRejection(408, "slow_head", "The head of the request took too long.")
SLOW_BODY = ConnectionRejection(408, "slow_body", "The body of the request took too long.")
FULL = ConnectionRejection(503, "connections_full", "The server has reached its connection limit.", retry_after_s=2)
FULL_FOR_ADDRESS = ConnectionRejection(
    429, "connections_of_address", "Too many connections from one address.", retry_after_s=2
)

IDLE = "idle"
SLOW_READER = "slow_reader"
EVICTED = "evicted"
DRAINED = "drained"
"""Reasons for closing a connection without a response."""
