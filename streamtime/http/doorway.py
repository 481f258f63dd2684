"""The outermost door, plain ASGI: every request is for us, has a caller, a name in the log and safe headers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog

from streamtime.errors import StreamtimeError, Unavailable
from streamtime.http.callers import Callers
from streamtime.http.hosts import Hosts, Verdict
from streamtime.http.metrics import Metrics
from streamtime.http.paths import MEDIA, TICKETED, masked, ticket_of
from streamtime.http.problems import problem_of, send_problem
from streamtime.http.security_headers import SecurityHeaders
from streamtime.http.tus import PATH as UPLOADS
from streamtime.ids import public_id
from streamtime.logging import get_logger
from streamtime.sharing.tickets import Tickets

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OF_MEDIA = (MEDIA, TICKETED)
_FOREIGN = b"This server does not go by that name. See allowed_hosts in the configuration.\n"
_MALFORMED = b"A request has exactly one Host header, which is a host name or an IP address, and perhaps a port.\n"
_OVERRIDABLE = frozenset({"PATCH", "DELETE", "HEAD"})
_log = get_logger("http")


class Doorway:
    """Stands before the framework's application and the media."""

    def __init__(
        self,
        app: App,
        media: App,
        callers: Callers,
        tickets: Tickets,
        hosts: Hosts,
        metrics: Metrics,
        headers: SecurityHeaders,
    ) -> None:
        self._app = app
        self._media = media
        self._callers = callers
        self._tickets = tickets
        self._hosts = hosts
        self._metrics = metrics
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or turn it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = _host_of(scope)
        visit = _Visit(scope, send, self._metrics, self._headers, host)
        try:
            await self._enter(scope, receive, visit, host)
        except asyncio.CancelledError:
            if not visit.begun:
                await send_problem(scope, visit.send, *problem_of(Unavailable("The server is stopping.")))
            raise

    async def _enter(self, scope: Scope, receive: Receive, visit: "_Visit", host: bytes | None) -> None:
        verdict = Verdict.MALFORMED if host is None else self._hosts.judge(host)
        if verdict is not Verdict.OURS:
            await visit.turn_away(*((421, _FOREIGN) if verdict is Verdict.FOREIGN else (400, _MALFORMED)))
            return
        scope = _with_method(scope, visit)
        try:
            if scope["path"].startswith(TICKETED):
                # Who comes with a ticket has nothing else: a cookie beside it does not widen what it is for.
                ticket, path = ticket_of(scope["path"])
                scope = {**scope, "path": path, "caller": await self._tickets.caller_of(ticket)}
            else:
                scope["caller"] = await self._callers.resolve(scope)
        except StreamtimeError as error:
            await send_problem(scope, visit.send, *problem_of(error))
            return
        # What goes on for long asks again whether it still may.
        scope["caller_now"] = partial(self._callers.resolve, scope)
        scope["rights_epoch"] = self._callers.epoch
        scope["shows_player"] = visit.show_player
        if scope["path"].startswith(MEDIA):
            await self._media(scope, receive, visit.send)
        else:
            with structlog.contextvars.bound_contextvars(request=visit.name):
                await self._app(scope, visit.listening_to(receive), visit.send)


class _Visit:
    """One request on its way."""

    __slots__ = (
        "_answered", "_bodyless", "_headers", "_method", "_metrics", "_path", "_player", "_send", "_started",
        "_transport", "begun", "name",
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
        self.begun = False
        self._answered = asyncio.Event()
        self.name = "" if self._path.startswith(_OF_MEDIA) else public_id()[:8]

    def answer_without_body(self) -> None:
        """A HEAD that is answered like a GET, up to its body."""
        self._bodyless = True

    def show_player(self) -> None:
        """The answer is a page with the player, which needs a policy of its own."""
        self._player = True

    async def send(self, message: dict[str, Any]) -> None:
        """Pass an answer on, with the headers that all have."""
        if message["type"] == "http.response.start":
            safe = self._headers.of(self._path, player=self._player)
            message["headers"] = [*message.get("headers", ()), *safe, *self._transport]
            self.begun = True
            self._note(message["status"])
        elif self._bodyless:
            if self._answered.is_set():
                return
            self._answered.set()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def listening_to(self, receive: Receive) -> Receive:
        """What the application hears: of an answer without a body, that the client has left once it has the headers."""
        if not self._bodyless:
            return receive

        async def receive_until_answered() -> dict[str, Any]:
            await self._answered.wait()
            return {"type": "http.disconnect"}

        return receive_until_answered

    async def turn_away(self, status: int, words: bytes) -> None:
        """Answer 421, where the request was meant for another server, or 400, where its Host is malformed."""
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(words))]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": words})

    def _note(self, status: int) -> None:
        seconds = time.perf_counter() - self._started
        path = self._path
        self._metrics.answered(path, status, seconds)
        if not path.startswith((*_OF_MEDIA, "/assets/", "/healthz", "/readyz", "/metrics")):
            _log.info(
                "answered", request=self.name, method=self._method, path=path, status=status,
                ms=round(seconds * 1000, 1),
            )  # fmt: skip


def _with_method(scope: Scope, visit: _Visit) -> Scope:
    """The request with the method that it is to be handled by, for all but the server that still answers the first."""
    path: str = scope["path"]
    uploads = path.startswith(UPLOADS)
    if uploads and scope["method"] == "POST":
        # tus: for clients and proxies that know no PATCH or DELETE
        wanted = _header(scope, b"x-http-method-override").decode("latin-1").upper()
        return {**scope, "method": wanted} if wanted in _OVERRIDABLE else scope
    if scope["method"] == "HEAD" and not uploads and not path.startswith(_OF_MEDIA):
        visit.answer_without_body()
        # RFC 9110, section 14.2: a range is of GET alone
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        return {**scope, "method": "GET", "headers": headers}
    return scope


def _host_of(scope: Scope) -> bytes | None:
    """The value of Host; None where there is not exactly one, as HTTP/1.1 asks for (RFC 9112, section 3.2).

    HTTP/1.0 knows no Host: a request without one is for the address at which it came.
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
