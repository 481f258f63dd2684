"""`streamtime serve`: locks the data directory, migrates the database, serves, and stops within ten seconds."""

import asyncio
import errno
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import rich_click as click
import uvicorn

from streamtime.addresses import ListenAddress
from streamtime.app.core import database_path, store_names
from streamtime.app.server import http_settings, open_services, require_usable, run_background_tasks
from streamtime.cli.context import (
    Context,
    is_server_running,
    prepare_data_dir,
    server_lock,
    server_running_message,
    with_stored_settings,
)
from streamtime.cli.first_start import create_new_database, require_first_start, require_undamaged
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.config.stored import LoadedConfig
from streamtime.database.migrate import migrate, present_revision
from streamtime.errors import ConfigError
from streamtime.http.application import build_application
from streamtime.http.assets import WebFiles
from streamtime.http.middleware.gateway import App
from streamtime.http.server.connection_limits import (
    ConnectionLimits,
    ConnectionMetrics,
    ConnectionTracker,
    ExemptAddresses,
    ForwardedRequestLimiter,
)
from streamtime.http.server.protocol import BoundedProtocol
from streamtime.http.services import Services
from streamtime.logging import configure, get_logger
from streamtime.version import VERSION

ENCODER_GRACE_S = 2.0
REQUEST_GRACE_S = 4
CANCELLED_GRACE_S = 2.0
CLOSING_GRACE_S = 0.5
"""Together well within the ten seconds that container runtimes allow for a stop."""

MAX_HOST_SHOWN = 100
"""Characters of a host name that a message repeats."""

_DEFAULT_MAX_CONNECTIONS = 4096
"""An idle connection takes about 10 KB of memory; all are checked once a second."""

_RESERVED_DESCRIPTORS = 128
"""For the database, child processes, connections to stores, and files being written."""

_UNLIMITED_DESCRIPTORS = 1 << 20

_MAX_BACKLOG = 1024
"""The most connections that the kernel queues for accepting."""

_log = get_logger("cli")


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port to listen on; 0 takes any free one.")
@click.option("--new-database", is_flag=True, help="Create a new database if the old one is lost; objects are kept.")
@click.pass_obj
def serve(context: Context, host: str | None, port: int | None, new_database: bool) -> None:
    """Migrate the database (after copying it), then serve until stopped."""
    flags = {"server.host": host, "server.port": port}
    loaded = context.loaded_config({key: value for key, value in flags.items() if value is not None})
    config = loaded.config
    configure(log_format=config.server.log_format, level=config.server.log_level)
    WebFiles().check()
    require_usable(config)
    descriptors = _raise_descriptor_limit()
    with ExitStack() as stack:
        listener = stack.enter_context(bound_socket(config))
        prepare_data_dir(config)
        stack.enter_context(server_lock(config.data_dir, stores=store_names(config)))
        _migrate(config, new_database=new_database)
        loaded = with_stored_settings(loaded)
        uvicorn_loop = uvicorn.Config(app="", loop="uvloop", log_config=None).get_loop_factory()
        with asyncio.Runner(loop_factory=uvicorn_loop) as runner:
            runner.run(_serve(loaded, listener, _connection_limits(config, descriptors)))


def _raise_descriptor_limit() -> int:
    """Raise the soft limit on open files to the hard one, and return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:  # a hard limit above the kernel's maximum
        _log.warning("descriptor_limit_not_raised", soft=soft, hard=hard, error=str(error))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _UNLIMITED_DESCRIPTORS if limit == resource.RLIM_INFINITY else limit


def _connection_limits(config: Config, descriptors: int) -> ConnectionLimits:
    """Return the connection limits that the limit on open files allows: a connection may need two descriptors."""
    possible = max(16, (descriptors - _RESERVED_DESCRIPTORS) // 2)
    total = min(config.server.max_connections or _DEFAULT_MAX_CONNECTIONS, possible)
    if total < config.server.max_connections:
        _log.warning("max_connections_too_high", configured=config.server.max_connections, possible=possible)
    return ConnectionLimits(
        total=total,
        per_address=config.server.max_connections_per_address or max(1, total // 2),
        head_s=config.server.head_timeout,
        body_s=config.server.body_timeout,
        keep_alive_s=config.server.keep_alive_timeout,
        send_s=config.server.send_timeout,
    )


def _migrate(config: Config, *, new_database: bool) -> None:
    path = database_path(config)
    if new_database:
        create_new_database(config)
    else:
        require_undamaged(config)
        if present_revision(path) is None:
            require_first_start(config)
    migrate(path, now_ms=SystemClock().now_ms())


@contextmanager
def bound_socket(config: Config) -> Iterator[socket.socket]:
    """Yield the bound socket to serve on; nothing has been written to disk yet.

    Raises:
        ConfigError: the address cannot be used.
    """
    host, port = config.server.host, config.server.port
    family, address = _resolve(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise _cannot_listen(config, error) from error
        yield listener


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    """Return the address of a host name, preferably IPv4: a name such as localhost often has both kinds."""
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, ValueError) as error:  # UnicodeError, for invalid names, is a ValueError
        raise ConfigError(
            f"Cannot listen on {host[:MAX_HOST_SHOWN]!r} (server.host): no address is known for that name. Use an "
            "address of this machine, or 0.0.0.0 for all of them."
        ) from error
    best = min(found, key=lambda info: info[0] is not socket.AF_INET)
    return best[0], best[4]


def _cannot_listen(config: Config, error: OSError) -> ConfigError:
    host, port = config.server.host, config.server.port
    hints = {
        errno.EADDRINUSE: "Another program uses it. Choose another by --port.",
        errno.EACCES: "Ports below 1024 often need special rights. Choose another by --port.",
        errno.EADDRNOTAVAIL: "This machine does not have that address. Choose another by --host.",
    }
    if error.errno == errno.EADDRINUSE and is_server_running(config.data_dir):
        hints[errno.EADDRINUSE] = server_running_message(config.data_dir)
    reason = os.strerror(error.errno) if error.errno else str(error)
    hint = hints.get(error.errno or 0, "Choose another by --host or --port.")
    return ConfigError(f"Cannot listen on {host} port {port}: {reason}. {hint}")


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers, and with a callback when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: event streams and encoders must end before uvicorn waits for connections."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, then call back."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


async def _serve(loaded: LoadedConfig, listener: socket.socket, limits: ConnectionLimits) -> None:
    config = loaded.config
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    host, port = listener.getsockname()[:2]
    listening = ListenAddress(host, port, config.server.public_url)
    async with open_services(loaded) as services:
        metrics = ConnectionMetrics()
        connections = ConnectionTracker(limits, ExemptAddresses(config.server.trusted_proxies), metrics)
        application = build_application(services, http_settings(config, listening), metrics, version=VERSION)
        setup_needed = await services.accounts.setup.needed()
        server = _Server(
            _uvicorn_config(config, application, connections),
            on_ready=lambda: _print_ready(listening, services, setup_needed=setup_needed),
        )
        async with run_background_tasks(services, grace_s=ENCODER_GRACE_S), connections.monitored():
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            _log.info("stopping")
        server.should_exit = True
        await serving
        await _wait_for_cancelled(server)
    _log.info("stopped")


async def _wait_for_cancelled(server: uvicorn.Server) -> None:
    """Wait for the requests that uvicorn has just cancelled: an upload records the received data."""
    if remaining := set(server.server_state.tasks):
        await asyncio.wait(remaining, timeout=CANCELLED_GRACE_S)
    await _close_connections(server)


async def _close_connections(server: uvicorn.Server) -> None:
    """Close the remaining connections, such as those of clients that read nothing, before the loop ends."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_GRACE_S):
            while connections := [*server.server_state.connections]:
                for connection in connections:
                    connection.transport.abort()
                await asyncio.sleep(0)


def _uvicorn_config(config: Config, application: App, connections: ConnectionTracker) -> uvicorn.Config:
    trusted: list[str] = [*config.server.trusted_proxies]
    if trusted:
        application = ForwardedRequestLimiter(application, connections)
    return uvicorn.Config(
        application,
        http=partial(BoundedProtocol, connections),  # type: ignore[arg-type]  # called like a class
        backlog=min(_MAX_BACKLOG, max(16, connections.limits.total // 4)),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted or None,
        timeout_graceful_shutdown=REQUEST_GRACE_S,
    )


def _print_ready(listening: ListenAddress, services: Services, *, setup_needed: bool) -> None:
    urls = listening.urls()
    lines = [f"Streamtime is ready: {urls[0]}", *(f"                     {url}" for url in urls[1:])]
    if setup_needed:
        lines += ["", f"Make the first account at {urls[0]}/setup", f"Setup code: {services.accounts.setup.code}"]
    click.echo("\n".join(lines))
    _log.info("ready", port=listening.port)
