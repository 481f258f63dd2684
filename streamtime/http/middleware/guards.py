"""What every request passes before its handler: no other site sent it, and its token is good for it.

Cross-site requests: what a browser sends along unasked is believed only with a token of our own pages.

A bearer token is never sent unasked, so it needs none. Without any proof at all only the Origin is looked at: that
keeps other sites from signing a visitor in as somebody else.
"""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import State
from litestar.enums import RequestEncodingType

from streamtime.auth.access import AnonymousAccess, AuthMethod, Caller, TokenScope
from streamtime.errors import Forbidden, Unauthenticated
from streamtime.http.middleware.authentication import is_valid_csrf_token
from streamtime.http.middleware.hosts import Authority
from streamtime.http.tus import PATH

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""

HEADER = "x-csrf-token"
FIELD = "csrf_token"

_CSRF_EXEMPT = frozenset({AuthMethod.BEARER, AuthMethod.ACCESS})


async def check_csrf(request: Request[Any, Any, State]) -> None:
    """Let a request pass, or raise.

    Raises:
        Forbidden: another site sent it, or its form has expired.
    """
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # put there by the doorway
    if request.method in SAFE_METHODS or caller.auth_method in _CSRF_EXEMPT:
        return
    if not _same_origin(request):
        raise Forbidden("This request came from another site.", code="cross_site")
    if caller.auth_method is AuthMethod.COOKIE and not await _has_token(request):
        raise Forbidden("This form has expired. Load the page again and repeat it.", code="csrf")


def _same_origin(request: Request[Any, Any, State]) -> bool:
    origin = request.headers.get("origin")
    if origin is None:
        return True  # not a browser, or one so old that the token alone must do
    try:
        return Authority.parse(urlsplit(origin).netloc) == Authority.parse(request.headers.get("host", ""))
    except ValueError:  # such as `null` or `http://[`
        return False


async def _has_token(request: Request[Any, Any, State]) -> bool:
    given = request.headers.get(HEADER)
    is_form = request.content_type[0] in {RequestEncodingType.URL_ENCODED, RequestEncodingType.MULTI_PART}
    if given is None and is_form and not request.url.path.startswith(PATH):  # an upload's body has no bound
        given = str((await request.form()).get(FIELD, ""))
    session: str = request.scope["session_cookie"]  # type: ignore[typeddict-item]  # put there by the doorway
    return is_valid_csrf_token(given or "", session)


_LIST_PATHS = frozenset({"/", "/explore", "/api/v1/videos"})
_BROWSE_PREFIXES = ("/@", "/watch/")
"""Where people look around. What they may see is decided elsewhere; here they are told to sign in, rather than that
there is nothing.
"""


async def check(request: Request[Any, Any, State]) -> None:
    """Let a request pass, or raise.

    Raises:
        Unauthenticated: somebody without an account looks around a server that is for its own people alone.
        Forbidden: another site sent it, its form has expired, or it would change something with a token for reading.
    """
    await check_csrf(request)
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # put there by the doorway
    path = request.url.path
    if (
        not caller.signed_in
        and caller.anonymous_access is AnonymousAccess.NOTHING
        and (path in _LIST_PATHS or path.startswith(_BROWSE_PREFIXES))
    ):
        raise Unauthenticated("Sign in first: this server is for its own people.")
    if request.method not in SAFE_METHODS and not caller.has_scope(TokenScope.UPLOAD):
        raise Forbidden("This token is for reading only.", code="scope")
