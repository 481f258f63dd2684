"""Maps errors to HTTP statuses and responses: an error page, or RFC 9457 problem details."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Redirect, Response

from streamtime import errors
from streamtime.auth.access import Caller, Role
from streamtime.http.requests import local_path
from streamtime.http.secret_paths import masked
from streamtime.http.templates import Templates
from streamtime.http.tus import (
    VERSION,
    ClientDisconnected,
    ErrorWithHeaders,
    UnsupportedContentType,
    UnsupportedTusVersion,
)
from streamtime.logging import get_logger
from streamtime.translation import gettext, gettext_noop

PROBLEM_JSON = "application/problem+json"

STATUSES: dict[type[errors.StreamtimeError], int] = {
    errors.NotFound: 404,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Invalid: 400,
    errors.ChecksumMismatch: 460,
    errors.Conflict: 409,
    errors.Locked: 423,
    errors.TooLarge: 413,
    errors.NoSpace: 507,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.MediaError: 422,
    UnsupportedTusVersion: 412,
    UnsupportedContentType: 415,
    ClientDisconnected: 400,
    errors.ObjectDamaged: 500,
    errors.StreamtimeError: 500,
}

TITLES = {
    400: gettext_noop("That did not work"),
    401: gettext_noop("Sign in first"),
    403: gettext_noop("Not allowed"),
    404: gettext_noop("Nothing here"),
    405: gettext_noop("That did not work"),
    409: gettext_noop("This has changed"),
    412: gettext_noop("That did not work"),
    413: gettext_noop("Too large"),
    415: gettext_noop("That did not work"),
    422: gettext_noop("This file cannot be played"),
    423: gettext_noop("Busy at the moment"),
    429: gettext_noop("Too many requests"),
    460: gettext_noop("Checksum mismatch"),
    500: gettext_noop("Something went wrong"),
    503: gettext_noop("Busy at the moment"),
    507: gettext_noop("No space left"),
}

_FRAMEWORK_DETAILS = {
    404: gettext_noop("There is nothing here."),
    405: gettext_noop("This URL does not support that method."),
    413: gettext_noop("The request body is larger than this URL accepts."),
    415: gettext_noop("This URL does not accept that content type."),
}
"""Messages that replace those of the framework."""

_RETRYABLE = (423, 429, 503)
"""Statuses of errors that may not occur again on a retry."""

_JSON_PREFIXES = ("/api/", "/media/", "/healthz", "/readyz", "/metrics", "/assets/")
_CLIENT_GONE = "client disconnected prematurely"
"""Detail of the exception that the framework raises, as a server error, when a request body is incomplete."""

_log = get_logger("http")


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """RFC 9457 problem details. If a limit is exceeded, extension members give the relevant sizes in bytes."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    limit: int | None = None
    used: int | None = None
    reserved: int | None = None
    left: int | None = None
    needed: int | None = None


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return OpenAPI response specs: the handler may answer with a problem of these statuses or 400."""
    return {
        status: ResponseSpec(Problem, description=TITLES[status], media_type=PROBLEM_JSON, generate_examples=False)
        for status in (400, *statuses)
    }


INTERNAL_ERROR = Problem(
    title=TITLES[500],
    status=500,
    detail=gettext_noop("An internal error occurred. The server's log has the details."),
    code="internal",
)


def problem_of(error: errors.StreamtimeError) -> tuple[Problem, dict[str, str]]:
    """Return the problem details of an error and the headers that its status requires."""
    if isinstance(error, ErrorWithHeaders):
        problem, of_status = problem_of(error.cause)
        return problem, of_status | error.headers
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    headers: dict[str, str] = {}
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, errors.Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, UnsupportedTusVersion):
        headers["tus-version"] = VERSION
    field = error.field if isinstance(error, errors.Invalid) else None
    title = TITLES.get(status, TITLES[500])
    problem = Problem(title=title, status=status, detail=error.message, code=error.code, field=field)
    if isinstance(error, errors.TooLarge | errors.NoSpace):
        problem = msgspec.structs.replace(problem, **error.facts)
    return problem, headers


async def send_problem(
    scope: dict[str, Any],
    send: Callable[[dict[str, Any]], Awaitable[None]],
    problem: Problem,
    extra: Mapping[str, str],
) -> None:
    """Send problem details from plain ASGI code outside the framework."""
    body = msgspec.json.encode(problem)
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", b"%d" % len(body))]
    headers += [(b"cache-control", b"no-store")]
    headers += [(name.encode(), value.encode()) for name, value in extra.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class ExceptionHandlers:
    """The framework's exception handlers: each turns an exception into a response."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def on_streamtime_error(self, request: Request[Any, Any, State], error: errors.StreamtimeError) -> Response[Any]:
        """Handle an error of Streamtime's own hierarchy."""
        problem, headers = problem_of(error)
        return self._answer(request, problem, headers)

    def on_http_exception(self, request: Request[Any, Any, State], error: HTTPException) -> Response[Any]:
        """Handle an error that the framework raised, for example for a route that does not exist."""
        error = _body_error(error) or error
        status = error.status_code
        if error.detail == _CLIENT_GONE:
            return self.on_streamtime_error(request, ClientDisconnected("The client disconnected."))
        if status >= 500:  # noqa: PLR2004  # server errors
            return self.on_unhandled(request, error)
        detail = _FRAMEWORK_DETAILS.get(status) or _validation_detail(error)
        problem = Problem(title=TITLES.get(status, TITLES[400]), status=status, detail=detail, code=f"http_{status}")
        return self._answer(request, problem, dict(error.headers or {}))

    def on_recursion_error(self, request: Request[Any, Any, State], error: RecursionError) -> Response[Any]:
        """Handle a body whose JSON is nested more deeply than the decoder supports."""
        _log.warning("body_too_deep", path=masked(request.url.path), error=str(error))
        problem = Problem(title=TITLES[400], status=400, detail="The body is nested too deeply.", code="too_deep")
        return self._answer(request, problem, {})

    def on_unhandled(self, request: Request[Any, Any, State], error: Exception) -> Response[Any]:
        """Handle an unexpected error: log it completely, and tell the client no details."""
        _log.error("unexpected_error", path=masked(request.url.path), exc_info=error)
        return self._answer(request, INTERNAL_ERROR, {})

    def _answer(self, request: Request[Any, Any, State], problem: Problem, headers: dict[str, str]) -> Response[Any]:
        if request.url.path.startswith(_JSON_PREFIXES) or "json" in request.headers.get("accept", ""):
            content = msgspec.json.encode(problem)
            return Response(content, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)
        if problem.status == 401 and request.method == "GET":  # noqa: PLR2004  # Unauthorized
            return Redirect("/login", query_params={"next": _path_and_query(request)}, status_code=303)
        return self._page(request, problem, headers)

    def _page(self, request: Request[Any, Any, State], problem: Problem, headers: dict[str, str]) -> Response[str]:
        caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
        actions = [{"href": "/explore", "label": gettext("Explore")}]
        hint = None
        if caller.signed_in and caller.role is not Role.VIEWER:
            actions.insert(0, {"href": "/library", "label": gettext("Your library")})
        elif problem.status == 404 and not caller.signed_in:  # noqa: PLR2004  # Not Found
            actions.append({"href": f"/login?next={quote(request.url.path)}", "label": gettext("Sign in")})
            hint = gettext("If someone shared this with you, it may be visible after you sign in.")
        if problem.status in _RETRYABLE and request.method == "GET":
            actions.insert(0, {"href": local_path(_path_and_query(request)), "label": gettext("Try again")})
        elif problem.status in _RETRYABLE:
            hint = gettext("Nothing was changed. Go back a page and send it again.")
        error = {
            "status": problem.status,
            "title": gettext(problem.title),
            "message": gettext(problem.detail),
            "hint": hint,
            "actions": actions,
        }
        answer = self._templates.page(
            request, "pages/error.html", title=gettext(problem.title), status=problem.status, error=error
        )
        for name, value in headers.items():
            answer.set_header(name, value)
        return answer


def _path_and_query(request: Request[Any, Any, State]) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


_BODY_FIELD = re.compile(r"(.+) - at `\$\.data\.(.+)`$")


def _body_error(error: HTTPException) -> ValidationException | None:
    """Return the validation error of a body's field that the framework takes for a failed dependency, else None.

    It answers 500 if the field has the name of a dependency, as `videos` of a share link has.
    """
    cause = error.__cause__
    if not isinstance(error, InternalServerException) or not isinstance(cause, msgspec.ValidationError):
        return None
    found = _BODY_FIELD.match(str(cause))
    return (
        None if found is None else ValidationException(extra=[{"message": found[1], "key": found[2], "source": "body"}])
    )


def _validation_detail(error: HTTPException) -> str:
    extra = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        return "; ".join(f"{item.get('key', 'value')}: {item.get('message', 'is not valid')}" for item in extra)
    return error.detail
