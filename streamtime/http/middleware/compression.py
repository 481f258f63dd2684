"""Compresses pages, JSON, playlists and other texts with gzip on their way out. Plain ASGI around an application.

Left as they are: media, streams (of events above all), what has a coding already or says `no-transform`, pages that
tell a secret, and answers to requests that another site caused, so that nobody learns a secret of a page from its
compressed length (BREACH). docs/decisions.md has the reasons.

Content codings (RFC 9110, sections 8.4 and 12.5.3): which of those on offer a client takes.
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
    """All lines of a list header as one (RFC 9110, section 5.3); None where there is none."""
    lines = [value.decode("latin-1") for name, value in headers if name == wanted]
    return ", ".join(lines) if lines else None


def parse_accept_encoding(header: str) -> dict[str, float]:
    """The weight of each coding that an `Accept-Encoding` names. Elements that cannot be read are passed over."""
    found: dict[str, float] = {}
    for element in header.split(","):
        if match := _ELEMENT.fullmatch(element):
            name = match[1].lower()
            found[_ALIASES.get(name, name)] = 1.0 if match[2] is None else float(match[2])
    return found


def choose_encoding(header: str | None, offered: tuple[str, ...]) -> str | None:
    """The coding to answer with: the one with the highest weight, of equal ones the first of `offered`.

    `identity` is always on offer, and comes last. Without a header nothing is encoded: the client may know no coding.
    None where the client refuses all of them, `identity` too.
    """
    if header is None:
        return IDENTITY
    weighed = parse_accept_encoding(header)
    others = weighed.get("*")
    of_each = {name: weighed.get(name, others or 0.0) for name in offered}
    # Not named, it is acceptable unless `*` refuses it; a coding that is named goes before it.
    of_each[IDENTITY] = weighed.get(IDENTITY, 0.0005 if others is None else others)
    best = max(of_each, key=lambda name: of_each[name])
    return best if of_each[best] > 0 else None


Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MIN_COMPRESS_BYTES = 1024
"""Below this a packet is not filled in either case."""

MAX_COMPRESS_BYTES = 8 << 20
"""Above this an answer goes out as it is: it would be held in memory twice."""

INLINE_BYTES = 64 << 10
"""What is compressed in the event loop, in about a millisecond; more goes to a thread."""

LEVEL = 5
"""Of zlib: within 3 % of the size at level 9, in half of the time."""

_GZIP_WINDOW = 31
"""zlib's number for the largest window in a gzip wrapper."""

_TEXTS = frozenset({
    b"application/json", b"application/vnd.apple.mpegurl", b"application/xml",
    b"image/svg+xml", b"text/css", b"text/html", b"text/javascript", b"text/plain", b"text/vtt",
})  # fmt: skip
_WITHOUT_BODY = frozenset({204, 205, 206, 304})
_CROSS_SITE = frozenset({b"cross-site", b"same-site"})
_SUFFIX = b'-gzip"'


class CompressionMiddleware:
    """Stands around an application whose answers may be texts."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and compress its answer where that is right."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        answer = _CompressingResponse(scope, send)
        await self._app(answer.scope, receive, answer.send)


class _CompressingResponse:
    """One answer on its way: its head waits for its body where that may be compressed."""

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
        """The answer tells a secret, and its length is to tell nothing of it."""
        self._confidential = True

    async def send(self, message: Message) -> None:
        """Take a message from the application."""
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
        """Send the head, and give the body that belongs to it."""
        headers: Headers = list(start["headers"])
        _vary(headers)
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) and self._should_compress(headers, len(body)):
            packed = await _gzip(body)
            if len(packed) < len(body) or self._must_compress:
                _mark_compressed(headers)
                headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
                headers += [(b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(packed))]
                message = {**message, "body": packed}
        if self._bodyless:
            message = {**message, "body": b""}
        await self._send({**start, "headers": headers})
        return message

    def _should_compress(self, headers: Headers, length: int) -> bool:
        if choose_encoding(self._accepted, ("gzip",)) != "gzip" or self._confidential or self._is_cross_site:
            return False
        kept = any(name.lower() == b"cache-control" and b"no-transform" in value for name, value in headers)
        return not kept and (length > MIN_COMPRESS_BYTES or self._must_compress) and length <= MAX_COMPRESS_BYTES

    @property
    def _accepted(self) -> str | None:
        return join_header_lines(self.scope["headers"], b"accept-encoding")

    @property
    def _must_compress(self) -> bool:
        """Whether the client refuses what is not compressed."""
        return choose_encoding(self._accepted, ()) is None

    @property
    def _is_cross_site(self) -> bool:
        return any(name == b"sec-fetch-site" and value in _CROSS_SITE for name, value in self.scope["headers"])


def _is_text(start: Message) -> bool:
    """Whether an answer is of a kind that is compressed, and not yet so."""
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
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(body) + packer.flush()


def _vary(headers: Headers) -> None:
    for index, (name, value) in enumerate(headers):
        if name.lower() == b"vary":
            if b"accept-encoding" not in value.lower():
                headers[index] = (name, value + b", Accept-Encoding")
            return
    headers.append((b"vary", b"Accept-Encoding"))


def _mark_compressed(headers: Headers) -> None:
    """Give the compressed text a strong tag of its own (RFC 9110, section 8.8.3.3)."""
    for index, (name, value) in enumerate(headers):
        if name.lower() == b"etag" and value.endswith(b'"') and not value.startswith(b"W/"):
            headers[index] = (name, value[:-1] + _SUFFIX)


def _strip_gzip_tags(headers: Headers) -> Headers:
    """The request as the application would have got it, had nothing been compressed.

    `If-Range` stays: of a compressed text there are no ranges, so its tag has to fail.
    """
    return [(name, value.replace(_SUFFIX, b'"') if name == b"if-none-match" else value) for name, value in headers]
