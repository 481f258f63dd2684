"""Gzip middleware (plain ASGI) for text responses, and content coding negotiation (RFC 9110, sections 8.4 and 12.5.3).

Not compressed: media, streams, responses with a content coding or `no-transform`, pages with a secret, and responses to
requests from other sites, so that the compressed length does not leak a secret (BREACH). docs/decisions.md has the
reasons.
"""

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

IDENTITY = "identity"

_ELEMENT = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
_ALIASES = {"x-gzip": "gzip"}


def join_header_lines(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    """Return all lines of a list header joined (RFC 9110, section 5.3), or None if it is missing."""
    lines = [value.decode("latin-1") for name, value in headers if name == wanted]
    return ", ".join(lines) if lines else None


def parse_accept_encoding(header: str) -> dict[str, float]:
    """Return the weight of each coding in an `Accept-Encoding` header. Malformed elements are ignored."""
    found: dict[str, float] = {}
    for element in header.split(","):
        if match := _ELEMENT.fullmatch(element):
            name = match[1].lower()
            found[_ALIASES.get(name, name)] = 1.0 if match[2] is None else float(match[2])
    return found


def choose_encoding(header: str | None, offered: tuple[str, ...]) -> str | None:
    """Return the content coding with the highest weight; of equal ones the first in `offered`.

    `identity` is always offered, with the lowest preference. Without a header the result is `identity`. None if the
    client refuses all codings including `identity`.
    """
    if header is None:
        return IDENTITY
    weights = parse_accept_encoding(header)
    wildcard = weights.get("*")
    candidates = {name: weights.get(name, wildcard or 0.0) for name in offered}
    # If not named, identity is acceptable unless `*` refuses it; a named coding is preferred.
    candidates[IDENTITY] = weights.get(IDENTITY, 0.0005 if wildcard is None else wildcard)
    best = max(candidates, key=lambda name: candidates[name])
    return best if candidates[best] > 0 else None


Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MIN_COMPRESS_BYTES = 1024
"""Smaller responses fit into one packet without compression."""

MAX_COMPRESS_BYTES = 8 << 20
"""Larger responses are not compressed, since they would be in memory twice."""

INLINE_BYTES = 64 << 10
"""Bodies up to this size are compressed in the event loop (about 1 ms), larger ones in a thread."""

LEVEL = 5
"""zlib compression level: within 3 % of the size at level 9, in half the time."""

_GZIP_WINDOW = 31
"""zlib `wbits` for the largest window with a gzip header."""

_TEXTS = frozenset({
    b"application/json", b"application/vnd.apple.mpegurl", b"application/xml",
    b"image/svg+xml", b"text/css", b"text/html", b"text/javascript", b"text/plain", b"text/vtt",
})  # fmt: skip
_WITHOUT_BODY = frozenset({204, 205, 206, 304})
_CROSS_SITE = frozenset({b"cross-site", b"same-site"})
_SUFFIX = b'-gzip"'


class CompressionMiddleware:
    """Compresses the text responses of the wrapped application."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, and compress its response if allowed."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        response = _CompressingResponse(scope, send)
        await self._app(response.scope, receive, response.send)


class _CompressingResponse:
    """One response. The headers of a compressible response are held back until its body is known."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._bodyless = scope["method"] == "HEAD"
        self._send = send
        self._start: Message | None = None
        self._tagged = any(name == b"if-none-match" and _SUFFIX in value for name, value in scope["headers"])
        self._confidential = False
        self.scope = {**scope, "keep_uncompressed": self.keep_uncompressed}
        if self._tagged:
            self.scope["headers"] = _strip_gzip_tags(scope["headers"])

    def keep_uncompressed(self) -> None:
        """Do not compress: the response contains a secret that its length must not leak."""
        self._confidential = True

    async def send(self, message: Message) -> None:
        """Handle an ASGI message from the application."""
        if message["type"] == "http.response.start":
            if _is_text(message):
                self._start = message
                return
            if message["status"] == 304 and self._tagged:  # noqa: PLR2004  # Not Modified
                _mark_compressed(headers := list(message["headers"]))
                message = {**message, "headers": headers}
        elif self._start is not None:
            start, self._start = self._start, None
            message = await self._begin(start, message)
        await self._send(message)

    async def _begin(self, start: Message, message: Message) -> Message:
        """Send the headers, and return the message with the body that matches them."""
        headers: Headers = list(start["headers"])
        _vary(headers)
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) and self._should_compress(headers, len(body)):
            compressed = await _gzip(body)
            if len(compressed) < len(body) or self._must_compress:
                _mark_compressed(headers)
                headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
                headers += [(b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(compressed))]
                message = {**message, "body": compressed}
        if self._bodyless:
            message = {**message, "body": b""}
        await self._send({**start, "headers": headers})
        return message

    def _should_compress(self, headers: Headers, length: int) -> bool:
        if choose_encoding(self._accepted, ("gzip",)) != "gzip" or self._confidential or self._is_cross_site:
            return False
        no_transform = any(name.lower() == b"cache-control" and b"no-transform" in value for name, value in headers)
        return (
            not no_transform and (length > MIN_COMPRESS_BYTES or self._must_compress) and length <= MAX_COMPRESS_BYTES
        )

    @property
    def _accepted(self) -> str | None:
        return join_header_lines(self.scope["headers"], b"accept-encoding")

    @property
    def _must_compress(self) -> bool:
        """Whether the client refuses `identity`."""
        return choose_encoding(self._accepted, ()) is None

    @property
    def _is_cross_site(self) -> bool:
        return any(name == b"sec-fetch-site" and value in _CROSS_SITE for name, value in self.scope["headers"])


def _is_text(start: Message) -> bool:
    """Return whether the response has a compressible content type and no content coding yet."""
    if start["status"] in _WITHOUT_BODY:
        return False
    kind = b""
    for name, value in start.get("headers", ()):
        lower = name.lower()
        if lower in {b"content-encoding", b"content-range"}:
            return False
        if lower == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
    return kind in _TEXTS or kind.endswith(b"+json")


async def _gzip(body: bytes) -> bytes:
    return _compress(body) if len(body) <= INLINE_BYTES else await asyncio.to_thread(_compress, body)


def _compress(body: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()


def _vary(headers: Headers) -> None:
    for index, (name, value) in enumerate(headers):
        if name.lower() == b"vary":
            if b"accept-encoding" not in value.lower():
                headers[index] = (name, value + b", Accept-Encoding")
            return
    headers.append((b"vary", b"Accept-Encoding"))


def _mark_compressed(headers: Headers) -> None:
    """Give the compressed variant its own strong ETag (RFC 9110, section 8.8.3.3)."""
    for index, (name, value) in enumerate(headers):
        if name.lower() == b"etag" and value.endswith(b'"') and not value.startswith(b"W/"):
            headers[index] = (name, value[:-1] + _SUFFIX)


def _strip_gzip_tags(headers: Headers) -> Headers:
    """Return the request headers with the ETags of uncompressed variants.

    `If-Range` is left unchanged: there are no ranges of compressed responses, so its tag must not match.
    """
    return [(name, value.replace(_SUFFIX, b'"') if name == b"if-none-match" else value) for name, value in headers]
