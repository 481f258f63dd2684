"""Authentication of requests by cookie, Authorization header or ticket, and the checks before every handler.

The checks: cross-site request forgery (CSRF), token scope, and browsing by anonymous users.

A request with a session cookie needs a CSRF token. A request with a bearer token does not, since browsers do not send
one on their own. Without credentials only the Origin is checked, so that other sites cannot sign a visitor in to
another account.
"""

import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie, State
from litestar.enums import RequestEncodingType

from streamtime.auth.access import AnonymousAccess, AuthMethod, Caller, TokenScope
from streamtime.auth.authentication import Authenticator
from streamtime.auth.sign_in import NewSession
from streamtime.errors import Forbidden, NotFound, Unauthenticated
from streamtime.http.cookies import expired_cookie, host_cookie_name, make_cookie
from streamtime.http.middleware.hosts import Authority
from streamtime.http.requests import FORM_OVERHEAD_BYTES
from streamtime.http.secret_paths import FEED_PREFIX
from streamtime.http.tus import PATH
from streamtime.sharing.tickets import Tickets
from streamtime.workers.pictures import MAX_BYTES, picture_too_large

COOKIE_NAME = "streamtime_session"

_CSRF_BYTES = hashlib.sha256().digest_size


class CallerResolver:
    """Determines the caller of a request."""

    def __init__(self, authenticator: Authenticator, tickets: Tickets) -> None:
        self._authenticator = authenticator
        self._tickets = tickets

    def epoch(self) -> int:
        """Return a counter that changes when anyone's permissions may have changed."""
        return self._authenticator.epoch()

    async def resolve_ticket(self, text: str) -> Caller:
        """Return the caller of a request with a ticket: it has only the ticket's permissions, a cookie adds nothing.

        Raises:
            StreamtimeError: the ticket is not valid, or the database is not available.
        """
        return await self._tickets.authenticate(text)

    async def resolve_feed(self, token: str) -> Caller:
        """Return the caller of a request for a feed with an API token of the scope `feed`; others are not accepted.

        Raises:
            NotFound: the token is not valid.
            Unavailable: the database is not available.
        """
        caller = await self._authenticator.authenticate_bearer(token)
        if caller.scope is not TokenScope.FEED:
            raise NotFound(reason="ticket_invalid")
        return caller

    async def resolve(self, scope: dict[str, Any]) -> Caller:
        """Return the caller of a request. With an unknown bearer token it is anonymous, whatever the cookie.

        Raises:
            Unavailable: the database is not available.
        """
        cookie = b""
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":  # other schemes are meant for a proxy
                return await self._authenticator.authenticate_bearer(value[7:].decode("latin-1").strip())
            if name == b"cookie":
                cookie = value
        session = session_cookie(cookie, secure=scope["scheme"] == "https") if cookie else ""
        scope["session_cookie"] = session
        return await self._authenticator.authenticate_cookie(session) if session else self._authenticator.anonymous


def session_cookie(header: bytes, *, secure: bool) -> str:
    """Return the session cookie's value from a Cookie header, or "". It contains no quotes and no escapes."""
    wanted = host_cookie_name(COOKIE_NAME, secure=secure)
    for pair in header.decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""


def new_cookie(session: NewSession, *, secure: bool) -> Cookie:
    """Return the cookie of a new session."""
    name = host_cookie_name(COOKIE_NAME, secure=secure)
    return make_cookie(name, session.secret, session.lifetime_s, secure=secure)


def expired_session_cookie(*, secure: bool) -> Cookie:
    """Return a cookie that makes the browser delete the session cookie."""
    return expired_cookie(host_cookie_name(COOKIE_NAME, secure=secure), secure=secure)


def rotated_session_cookie(scope: dict[str, Any], session: NewSession) -> Cookie:
    """Return the cookie of a session with a new secret; forms in the same response get tokens of the new secret."""
    scope["session_cookie"] = session.secret
    return new_cookie(session, secure=scope["scheme"] == "https")


def csrf_token(session: str) -> str:
    """Return a CSRF token of the session. Other sites cannot read it.

    It is masked with new random bytes each time, so that the length of compressed pages does not leak it (BREACH).
    """
    if not session:
        return ""
    mask = secrets.token_bytes(_CSRF_BYTES)
    return (mask + _xor(mask, _csrf_secret(session))).hex()


def is_valid_csrf_token(given: str, session: str) -> bool:
    """Return whether `given` is a CSRF token of this session, under any mask."""
    try:
        raw = bytes.fromhex(given)
    except ValueError:
        return False
    if not session or len(raw) != 2 * _CSRF_BYTES:
        return False
    return hmac.compare_digest(_xor(raw[:_CSRF_BYTES], raw[_CSRF_BYTES:]), _csrf_secret(session))


def _csrf_secret(session: str) -> bytes:
    return hmac.new(session.encode(), b"streamtime csrf", hashlib.sha256).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""

HEADER = "x-csrf-token"
FIELD = "csrf_token"

_CSRF_EXEMPT = frozenset({AuthMethod.BEARER, AuthMethod.ACCESS})


SHARE_TARGET = "/upload/share"
"""Where the share sheet of a phone sends files. Only the service worker takes them: the server reads nothing of the
request and changes nothing, so it needs no token, which a share sheet does not have."""


async def check_csrf(request: Request[Any, Any, State]) -> None:
    """Check that the request does not come from another site.

    Raises:
        Forbidden: another site sent it, or its CSRF token has expired.
    """
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
    if request.method in SAFE_METHODS or caller.auth_method in _CSRF_EXEMPT or request.url.path == SHARE_TARGET:
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


_LIST_PATHS = frozenset(
    {"/", "/explore", "/feed.xml", "/search", "/search/suggestions", "/tags", "/api/v1/videos", "/api/v1/search"}
)
_BROWSE_PREFIXES = ("/@", "/watch/", "/tags/")
"""Pages for browsing. On a server without anonymous access they answer 401 instead of 404."""


async def check_request(request: Request[Any, Any, State]) -> None:
    """Run all checks on a request.

    Raises:
        Unauthenticated: an anonymous user browses a server that has no anonymous access.
        Forbidden: another site sent the request, its form has expired, or its token is read-only or for feeds.
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
    if not caller.has_scope(TokenScope.READ) and FEED_PREFIX not in request.scope:
        raise Forbidden("This token is for feeds only.", code="scope")
    if request.method not in SAFE_METHODS and not caller.has_scope(TokenScope.UPLOAD):
        raise Forbidden("This token is read-only.", code="scope")


MAX_PICTURE_BODY_BYTES = MAX_BYTES + FORM_OVERHEAD_BYTES


async def check_picture_size(request: Request[Any, Any, State]) -> None:
    """`check_request`, after a test that the body is not too large for a picture.

    Raises:
        TooLarge: the body is too large; the message names the limit of pictures.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_PICTURE_BODY_BYTES:
        raise picture_too_large()
    await check_request(request)
