"""Builds the HTTP application: routes, injected dependencies, exception handlers, and the middleware around them."""

from dataclasses import fields

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar_htmx import HTMXRequest

from streamtime import errors
from streamtime.http.api.filters import read_filters
from streamtime.http.assets import WebFiles
from streamtime.http.language import LanguageMiddleware, Languages
from streamtime.http.media import MediaApp
from streamtime.http.metrics import Metrics
from streamtime.http.middleware.authentication import CallerResolver, check_request
from streamtime.http.middleware.compression import CompressionMiddleware
from streamtime.http.middleware.gateway import RequestMiddleware, SecurityHeaders
from streamtime.http.middleware.hosts import HostValidator
from streamtime.http.pages.live import LiveTopics
from streamtime.http.pages.play_queue import read_play_queue
from streamtime.http.problems import ExceptionHandlers
from streamtime.http.requests import account_from_path, actor_of, caller_of, injected, injected_field
from streamtime.http.routes import ROUTES
from streamtime.http.server.connection_limits import ConnectionMetrics
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates

MAX_BODY_BYTES = 256 * 1024
"""Limit of a request body. The two upload routes that receive file data lift it."""

_API_DESCRIPTION = """A self-hosted video server.

Errors are RFC 9457 problems. In addition to the statuses listed for each route, any request may be answered with 503
while a part of the server is busy or unavailable (`Retry-After` gives the seconds), with 507 if the disk is full, and
with 421 if the Host header does not name this server.
"""


def build_application(
    services: Services, settings: HttpSettings, connections: ConnectionMetrics, *, version: str
) -> RequestMiddleware:
    """Return the complete ASGI application, wrapped in its middleware."""
    metrics = Metrics(services.storage.metrics, connections)
    litestar = build_litestar(services, settings, metrics, version=version)
    hosts = HostValidator(settings.allowed_hosts, settings.public_url)
    callers = CallerResolver(services.auth.authenticator, services.sharing.tickets)
    headers = SecurityHeaders(
        services.playback.segments.presigned_urls.origins, settings.frame_ancestors, settings.public_url
    )
    media = CompressionMiddleware(
        MediaApp(services.playback, settings.anonymous, shared_cache_s=settings.shared_cache_s)
    )
    in_language = LanguageMiddleware(litestar, Languages(WebFiles()))  # type: ignore[arg-type]  # plain ASGI, with its own types
    return RequestMiddleware(CompressionMiddleware(in_language), media, callers, hosts, metrics, headers)


def build_litestar(services: Services, settings: HttpSettings, metrics: Metrics, *, version: str) -> Litestar:
    """Return the Litestar application: pages and API, with the route table and the OpenAPI document."""
    files = WebFiles()
    languages = Languages(files)
    templates = Templates(files, languages, lambda user_id: services.notices.notices.unread_count(user_id))  # noqa: PLW0108  # tests that collect routes have no services
    problems = ExceptionHandlers(templates)
    return Litestar(
        route_handlers=[*ROUTES],
        dependencies={
            "caller": Provide(caller_of),
            "actor": Provide(actor_of),
            "account": Provide(account_from_path),
            "filters": Provide(read_filters),
            "queue": Provide(read_play_queue),
            **{field.name: injected_field(services, field.name) for field in fields(Services)},
            "settings": injected(settings),
            "live_topics": _live_topics(services, settings, templates),
            "templates": injected(templates),
            "files": injected(files),
            "languages": injected(languages),
            "metrics_registry": injected(metrics),
        },
        exception_handlers={
            errors.StreamtimeError: problems.on_streamtime_error,
            HTTPException: problems.on_http_exception,
            RecursionError: problems.on_recursion_error,
            Exception: problems.on_unhandled,
        },
        before_request=check_request,
        request_class=HTMXRequest,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=_openapi(version),
        logging_config=None,
    )


def _live_topics(services: Services, settings: HttpSettings, templates: Templates) -> Provide:
    """Return the dependency of the event stream of pages; no service is used before the first request."""

    def provide() -> LiveTopics:
        return LiveTopics(
            videos=services.videos,
            playlists=services.playlists,
            notices=services.notices,
            jobs=services.jobs,
            storage=services.storage,
            streams=services.streams,
            clock=services.clock,
            settings=settings,
            templates=templates,
        )

    return Provide(provide, sync_to_thread=False)


def _openapi(version: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Streamtime",
        version=version,
        description=_API_DESCRIPTION,
        path="/api",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"token": []}, {}],
    )
