"""The outermost middleware, plain ASGI: Host check, authentication, request log, metrics and security headers.

Security headers are content security policies, HSTS, framing and referrer policy.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog

from streamtime.errors import StreamtimeError, Unavailable
from streamtime.http.media import log_not_found
from streamtime.http.metrics import Metrics
from streamtime.http.middleware.authentication import CallerResolver
from streamtime.http.middleware.hosts import HostStatus, HostValidator
from streamtime.http.problems import problem_of, send_problem
from streamtime.http.secret_paths import (
    DROPS,
    EMBEDS,
    FEED_NAME,
    FEED_PREFIX,
    FEEDS,
    MEDIA,
    SHARED,
    TICKETED,
    feed_token_of,
    masked,
    ticket_of,
)
from streamtime.http.tus import PATH, VERSION
from streamtime.http.tus import PATH as UPLOADS
from streamtime.ids import public_id
from streamtime.logging import get_logger

Headers = tuple[tuple[bytes, bytes], ...]

_STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",  # blob: a file that the upload page previews
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
"""The default content security policy. Every navigation loads a whole page, so that each page gets its own policy."""

_PLAYER_POLICY = {
    # media-chrome writes styles into its shadow trees
    "style-src": "'self' 'unsafe-inline'",
    # data: only for text tracks: hls.js creates each from an empty one
    "media-src": "'self' blob: data:{stores}",
    "worker-src": "'self'",
    "connect-src": "'self'{stores}",
}
"""Additions for pages with the player. `{stores}` is replaced by the origins of stores that serve segments directly."""

_HTTPS_FOR_S = 180 * 86_400
"""HSTS max-age, in seconds."""

ALWAYS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    # not no-referrer: browsers would send "Origin: null" with our own forms, which the CSRF check would reject
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_FOR_PAGES: Headers = (
    *ALWAYS,
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_UNFRAMED = (b"x-frame-options", b"DENY")
"""It supports no list of origins, so pages that some sites may frame do not send it."""

_TRANSPORT: Headers = ((b"strict-transport-security", b"max-age=%d" % _HTTPS_FOR_S),)


def _without_referrer(headers: Headers) -> Headers:
    """Return the headers for secret URLs: browsers send no Referer from them."""
    return tuple((name, b"no-referrer" if name == b"referrer-policy" else value) for name, value in headers)


def _policy(directives: Mapping[str, str]) -> tuple[bytes, bytes]:
    return b"content-security-policy", "; ".join(f"{name} {value}" for name, value in directives.items()).encode()


_FOR_TICKETS = _without_referrer(ALWAYS)

_FOR_UPLOADS: Headers = (*ALWAYS, (b"tus-resumable", VERSION.encode()))


class SecurityHeaders:
    """Selects the headers of a response.

    `stores`: origins from which players may fetch segments. `frame_ancestors`: origins that may embed the player.
    `public_url`: the configured public URL; empty if there is none.
    """

    def __init__(self, stores: Sequence[str] = (), frame_ancestors: Sequence[str] = (), public_url: str = "") -> None:
        origins = "".join(f" {origin}" for origin in stores)
        with_player = _STRICT | {name: value.replace("{stores}", origins) for name, value in _PLAYER_POLICY.items()}
        framing = {"frame-ancestors": " ".join(("'self'", *frame_ancestors))}
        policies = (_STRICT, with_player)
        self._for_pages = [(*_FOR_PAGES, _UNFRAMED, _policy(policy)) for policy in policies]
        self._for_links = [_without_referrer(headers) for headers in self._for_pages]
        self._for_embeds = [(*_FOR_PAGES, _policy(policy | framing)) for policy in policies]
        parsed = urlsplit(public_url)
        self._https_host = parsed.netloc.encode() if parsed.scheme == "https" else b""

    def of(self, path: str, *, player: bool) -> Headers:
        """Return the headers for a path; `player`: the response is a page with the player.

        Media need no content security policy; everything that a browser may display as a page does.
        """
        if path.startswith(PATH):
            return _FOR_UPLOADS
        if path.startswith((TICKETED, FEEDS)):
            return _FOR_TICKETS
        if path.startswith(("/media/", "/assets/")):
            return ALWAYS
        if path.startswith((SHARED, DROPS)):
            return self._for_links[player]
        return self._for_embeds[player] if path.startswith(EMBEDS) else self._for_pages[player]

    def of_transport(self, scheme: str, host: bytes) -> Headers:
        """Return the HSTS header if the request came over https to the host of the public URL.

        Other names of the machine may have no https, and browsers apply HSTS to all ports of a host.
        """
        return _TRANSPORT if self._https_host and scheme == "https" and host.lower() == self._https_host else ()


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_MEDIA_PREFIXES = (MEDIA, TICKETED, FEEDS)
_WRONG_HOST_MESSAGE = b"This host name is not one of this server's. See allowed_hosts in the configuration.\n"
_MALFORMED_HOST_MESSAGE = (
    b"A request must have exactly one Host header: a host name or an IP address, with an optional port.\n"
)
_OVERRIDABLE = frozenset({"PATCH", "DELETE", "HEAD"})
_log = get_logger("http")


class RequestMiddleware:
    """Wraps the Litestar application and the media application."""

    def __init__(
        self,
        app: App,
        media: App,
        callers: CallerResolver,
        hosts: HostValidator,
        metrics: Metrics,
        headers: SecurityHeaders,
    ) -> None:
        self._app = app
        self._media = media
        self._callers = callers
        self._hosts = hosts
        self._metrics = metrics
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch a request to one of the applications, or reject it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = _host_of(scope)
        context = _RequestContext(scope, send, self._metrics, self._headers, host)
        try:
            await self._dispatch(scope, receive, context, host)
        except asyncio.CancelledError:
            if not context.response_started:
                await send_problem(scope, context.send, *problem_of(Unavailable("The server is stopping.")))
            raise

    async def _dispatch(self, scope: Scope, receive: Receive, context: "_RequestContext", host: bytes | None) -> None:
        host_status = HostStatus.MALFORMED if host is None else self._hosts.check(host)
        if host_status is not HostStatus.OURS:
            await context.reject(
                *((421, _WRONG_HOST_MESSAGE) if host_status is HostStatus.FOREIGN else (400, _MALFORMED_HOST_MESSAGE))
            )
            return
        scope = _override_method(scope, context)
        try:
            if scope["path"].startswith(TICKETED):
                ticket, path = ticket_of(scope["path"])
                scope = {**scope, "path": path, "caller": await self._callers.resolve_ticket(ticket)}
            elif scope["path"].startswith(FEEDS):
                token, path = feed_token_of(scope["path"])
                caller = await self._callers.resolve_feed(token)
                scope = {**scope, "path": path, "caller": caller, FEED_PREFIX: FEEDS + token}
            else:
                scope["caller"] = await self._callers.resolve(scope)
        except StreamtimeError as error:
            log_not_found(scope["path"], error)
            await send_problem(scope, context.send, *problem_of(error))
            return
        # Long responses authenticate again.
        scope["caller_now"] = partial(self._callers.resolve, scope)
        scope["rights_epoch"] = self._callers.epoch
        scope["shows_player"] = context.use_player_policy
        if scope["path"].startswith(MEDIA):
            await self._media(scope, receive, context.send)
        else:
            with structlog.contextvars.bound_contextvars(request=context.request_id):
                await self._app(scope, context.wrap_receive(receive), context.send)


class _RequestContext:
    """State of one request."""

    __slots__ = (
        "_answered", "_bodyless", "_headers", "_method", "_metrics", "_path", "_player", "_send", "_started",
        "_transport", "request_id", "response_started",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, send: Send, metrics: Metrics, headers: SecurityHeaders, host: bytes | None
    ) -> None:
        self._path: str = masked(scope["path"])
        self._method: str = scope["method"]
        self._send = send
        self._metrics = metrics
        self._headers = headers
        self._transport = headers.of_transport(scope["scheme"], host or b"")
        self._player = False
        self._started = time.perf_counter()
        self._bodyless = False
        self.response_started = False
        self._answered = asyncio.Event()
        self.request_id = "" if self._path.startswith(_MEDIA_PREFIXES) else public_id()[:8]

    def suppress_body(self) -> None:
        """Send no body: a HEAD request is handled as GET."""
        self._bodyless = True

    def use_player_policy(self) -> None:
        """Use the content security policy of pages with the player."""
        self._player = True

    async def send(self, message: dict[str, Any]) -> None:
        """Send a response message, adding the headers that all responses have."""
        if message["type"] == "http.response.start":
            security = self._headers.of(self._path, player=self._player)
            message["headers"] = [*message.get("headers", ()), *security, *self._transport]
            self.response_started = True
            self._record_response(message["status"])
        elif self._bodyless:
            if self._answered.is_set():
                return
            self._answered.set()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def wrap_receive(self, receive: Receive) -> Receive:
        """Wrap `receive`: without a body, the application sees a disconnect as soon as the headers are sent."""
        if not self._bodyless:
            return receive

        async def receive_until_answered() -> dict[str, Any]:
            await self._answered.wait()
            return {"type": "http.disconnect"}

        return receive_until_answered

    async def reject(self, status: int, text: bytes) -> None:
        """Answer with 421 (Host names another server) or 400 (malformed Host)."""
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": text})

    def _record_response(self, status: int) -> None:
        seconds = time.perf_counter() - self._started
        path = self._path
        self._metrics.observe_request(path, status, seconds)
        if not path.startswith((*_MEDIA_PREFIXES, "/assets/", "/healthz", "/readyz", "/metrics")):
            _log.info(
                "request_completed", request=self.request_id, method=self._method, path=path, status=status,
                ms=round(seconds * 1000, 1),
            )  # fmt: skip


def _override_method(scope: Scope, context: _RequestContext) -> Scope:
    """Return the scope with the method that handles the request; the server keeps the original scope."""
    path: str = scope["path"]
    uploads = path.startswith(UPLOADS)
    if uploads and scope["method"] == "POST":
        # tus: for clients and proxies that do not support PATCH or DELETE
        wanted = _header(scope, b"x-http-method-override").decode("latin-1").upper()
        return {**scope, "method": wanted} if wanted in _OVERRIDABLE else scope
    media = path.startswith(_MEDIA_PREFIXES) and not path.endswith(FEED_NAME)
    if scope["method"] == "HEAD" and not uploads and not media:
        context.suppress_body()
        # RFC 9110, section 14.2: Range applies to GET only
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        return {**scope, "method": "GET", "headers": headers}
    return scope


def _host_of(scope: Scope) -> bytes | None:
    """Return the Host header, or None if there is not exactly one, as HTTP/1.1 requires (RFC 9112, section 3.2).

    An HTTP/1.0 request without Host gets the address of the listening socket.
    """
    found = [value for name, value in scope["headers"] if name == b"host"]
    if not found and scope["http_version"] == "1.0" and scope.get("server") is not None:
        address, port = scope["server"]
        name = f"[{address}]" if ":" in address else address
        found = [f"{name}:{port}".encode()]
        scope["headers"].append((b"host", found[0]))
    return found[0] if len(found) == 1 else None


def _header(scope: Scope, wanted: bytes) -> bytes:
    found: bytes = next((value for name, value in scope["headers"] if name == wanted), b"")
    return found
