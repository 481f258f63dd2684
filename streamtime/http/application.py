"""Puts the HTTP room together: routes, what is injected into handlers, errors, and the door in front."""

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar_htmx import HTMXRequest

from streamtime import errors
from streamtime.http import guards
from streamtime.http.callers import Callers
from streamtime.http.compression import Compression
from streamtime.http.connections import ConnectionNumbers
from streamtime.http.doorway import Doorway
from streamtime.http.hosts import Hosts
from streamtime.http.media import MediaApp
from streamtime.http.metrics import Metrics
from streamtime.http.problems import Problems
from streamtime.http.requests import account_of, actor_of, caller_of
from streamtime.http.routes import ROUTES
from streamtime.http.security_headers import SecurityHeaders
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.web_files import WebFiles

MAX_BODY_BYTES = 256 * 1024
"""For everything but the bytes of an upload, whose two routes lift it."""

_ABOUT = """A self-hosted video server.

Errors are RFC 9457 problems. Besides those that are named for each route, any request may be answered by 503 while a
part of the server is busy or away (`Retry-After` says for how long), by 507 where its disk is full, and by 421 where
the host name is not one of the server's.
"""


def build_application(
    services: Services, settings: HttpSettings, connections: ConnectionNumbers, *, version: str
) -> Doorway:
    """The whole HTTP application, behind its door."""
    metrics = Metrics(services.store_numbers, connections)
    litestar = build_litestar(services, settings, metrics, version=version)
    hosts = Hosts(settings.allowed_hosts, settings.public_url)
    callers = Callers(services.credentials)
    headers = SecurityHeaders(services.segments.direct.origins, settings.frame_ancestors, settings.public_url)
    media = Compression(MediaApp(services, shared_cache_s=settings.shared_cache_s))
    pages = Compression(litestar)  # type: ignore[arg-type]  # plain ASGI, with types of its own
    return Doorway(pages, media, callers, services.tickets, hosts, metrics, headers)


def build_litestar(services: Services, settings: HttpSettings, metrics: Metrics, *, version: str) -> Litestar:
    """The framework's part of it, whose route table and OpenAPI document can be read."""
    files = WebFiles()
    templates = Templates(files)
    problems = Problems(templates)
    return Litestar(
        route_handlers=[*ROUTES],
        dependencies={
            "caller": Provide(caller_of),
            "actor": Provide(actor_of),
            "account": Provide(account_of),
            "services": _always(services),
            "settings": _always(settings),
            "templates": _always(templates),
            "files": _always(files),
            "metrics_board": _always(metrics),
        },
        exception_handlers={
            errors.StreamtimeError: problems.expected,
            HTTPException: problems.framework,
            RecursionError: problems.too_deep,
            Exception: problems.unexpected,
        },
        before_request=guards.check,
        request_class=HTMXRequest,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=_openapi(version),
        logging_config=None,
    )


def _openapi(version: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Streamtime",
        version=version,
        description=_ABOUT,
        path="/api",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"token": []}, {}],
    )


def _always(value: object) -> Provide:
    def provide() -> object:
        return value

    return Provide(provide, sync_to_thread=False)
