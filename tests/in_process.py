"""The application of a server in the process of the tests: a request goes to it over ASGI, without HTTP or a socket.

It is built as `streamtime serve` builds it, on the data directory of a server that was stopped. No job and no periodic
task runs, so `/readyz` answers 503. A request takes less than half of the CPU time that it takes over HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from streamtime.addresses import ListenAddress
from streamtime.app.server import http_settings, open_services
from streamtime.config.load import load_with_places
from streamtime.config.stored import LoadedConfig
from streamtime.http.application import build_application
from streamtime.http.middleware.gateway import App
from streamtime.http.server.connection_limits import ConnectionMetrics
from streamtime.version import VERSION
from tests.server import Server

EVENT_STREAM = b"text/event-stream"


class InProcessApplication(httpx.BaseTransport):
    """Sends requests to an ASGI application, each to its end; an event stream is left as soon as it has begun."""

    def __init__(self, server: Server, runner: asyncio.Runner, app: App) -> None:
        self.url = server.url
        self._server = server
        self._runner = runner
        self._app = app

    def client(self, **headers: str) -> httpx.Client:
        """A client like those of `Server.client`."""
        return httpx.Client(base_url=self.url, headers=headers, transport=self)

    def run(self, *arguments: str, given: str = "") -> str:
        """Run a command on the data directory."""
        return self._server.run(*arguments, given=given)

    def ask(self, request: httpx.Request) -> tuple[int, str]:
        """The status and location of the response."""
        response = self.handle_request(request)
        return response.status_code, response.headers.get("Location", "")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`."""
        return self._runner.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(request.read())
        await self._app(_scope(request), exchange.receive, exchange.send)
        assert exchange.status, "the application has answered"
        return httpx.Response(exchange.status, headers=exchange.headers, content=exchange.body, request=request)


class _Exchange:
    """One request and its response, as the application sees them."""

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content
        self._left = asyncio.Event()
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def receive(self) -> dict[str, Any]:
        if self._content is not None:
            content, self._content = self._content, None
            return {"type": "http.request", "body": content, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
            if any(value.startswith(EVENT_STREAM) for name, value in self.headers if name.lower() == b"content-type"):
                self._left.set()
        elif message["type"] == "http.response.body" and not self._left.is_set():
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                self._left.set()  # as an HTTP server says: streamed responses wait for it


def _scope(request: httpx.Request) -> dict[str, Any]:
    """See https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope."""
    raw_path, _, query = request.url.raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50_000),
        "server": (request.url.host, request.url.port),
        "state": {},
        "extensions": {},
    }


@contextmanager
def open_in_process(server: Server) -> Iterator[InProcessApplication]:
    """The application of a server that has stopped, with its settings, data and URL."""
    with asyncio.Runner() as runner:
        opened = _open(server.settings, httpx.URL(server.url))
        app = runner.run(opened.__aenter__())
        try:
            yield InProcessApplication(server, runner, app)
        finally:
            runner.run(opened.__aexit__(None, None, None))


@asynccontextmanager
async def _open(settings: Mapping[str, str], url: httpx.URL) -> AsyncIterator[App]:
    loaded = LoadedConfig.of(*load_with_places(None, settings, {}))
    config = loaded.config
    listening = ListenAddress(url.host, url.port or 0, config.server.public_url)
    async with open_services(loaded) as services:
        yield build_application(services, http_settings(config, listening), ConnectionMetrics(), version=VERSION)
