"""Checks before every handler: cross-site request forgery (CSRF), token scope, and browsing by anonymous users.

A request with a session cookie needs a CSRF token. A request with a bearer token does not, since browsers do not send
one on their own. Without credentials only the Origin is checked, so that other sites cannot sign a visitor in to
another account.
"""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import State
from litestar.enums import RequestEncodingType

from streamtime.auth.access import AnonymousAccess, AuthMethod, Caller, TokenScope
from streamtime.auth.profiles import MAX_BYTES, picture_too_large
from streamtime.errors import Forbidden, Unauthenticated
from streamtime.http.middleware.authentication import is_valid_csrf_token
from streamtime.http.middleware.hosts import Authority
from streamtime.http.requests import FORM_OVERHEAD_BYTES
from streamtime.http.tus import PATH

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""

HEADER = "x-csrf-token"
FIELD = "csrf_token"

_CSRF_EXEMPT = frozenset({AuthMethod.BEARER, AuthMethod.ACCESS})


async def check_csrf(request: Request[Any, Any, State]) -> None:
    """Check that the request does not come from another site.

    Raises:
        Forbidden: another site sent it, or its CSRF token has expired.
    """
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
    if request.method in SAFE_METHODS or caller.auth_method in _CSRF_EXEMPT:
        return
    if not _same_origin(request):
        raise Forbidden("This request came from another site.", code="cross_site")
    if caller.auth_method is AuthMethod.COOKIE and not await _has_token(request):
        raise Forbidden("This form has expired. Load the page again and repeat it.", code="csrf")


def _same_origin(request: Request[Any, Any, State]) -> bool:
    origin = request.headers.get("origin")
    if origin is None:
        return True  # not a browser, or an old one that is protected by the CSRF token alone
    try:
        return Authority.parse(urlsplit(origin).netloc) == Authority.parse(request.headers.get("host", ""))
    except ValueError:  # such as `null` or `http://[`
        return False


async def _has_token(request: Request[Any, Any, State]) -> bool:
    given = request.headers.get(HEADER)
    is_form = request.content_type[0] in {RequestEncodingType.URL_ENCODED, RequestEncodingType.MULTI_PART}
    if given is None and is_form and not request.url.path.startswith(PATH):  # upload bodies are unbounded
        given = str((await request.form()).get(FIELD, ""))
    session: str = request.scope["session_cookie"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
    return is_valid_csrf_token(given or "", session)


_LIST_PATHS = frozenset({"/", "/explore", "/api/v1/videos"})
_BROWSE_PREFIXES = ("/@", "/watch/")
"""Pages for browsing. On a server without anonymous access they answer 401 instead of 404."""


async def check(request: Request[Any, Any, State]) -> None:
    """Run all checks on a request.

    Raises:
        Unauthenticated: an anonymous user browses a server that has no anonymous access.
        Forbidden: another site sent the request, its form has expired, or its token is read-only.
    """
    await check_csrf(request)
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
    path = request.url.path
    if (
        not caller.signed_in
        and caller.anonymous_access is AnonymousAccess.NOTHING
        and (path in _LIST_PATHS or path.startswith(_BROWSE_PREFIXES))
    ):
        raise Unauthenticated("Sign in first: this server is for its members only.")
    if request.method not in SAFE_METHODS and not caller.has_scope(TokenScope.UPLOAD):
        raise Forbidden("This token is read-only.", code="scope")


MAX_PICTURE_BODY_BYTES = MAX_BYTES + FORM_OVERHEAD_BYTES


async def check_picture_size(request: Request[Any, Any, State]) -> None:
    """`check`, after a test that the body is not too large for a profile picture.

    Raises:
        TooLarge: the body is too large; the message names the limit of pictures.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_PICTURE_BODY_BYTES:
        raise picture_too_large()
    await check(request)
