"""Authenticates requests by cookie or Authorization header; session cookies and CSRF tokens."""

import hashlib
import hmac
import secrets
from typing import Any

from litestar.datastructures import Cookie

from streamtime.auth.access import Caller
from streamtime.auth.authentication import Authenticator
from streamtime.auth.sign_in import NewSession
from streamtime.sharing.tickets import Tickets

COOKIE_NAME = "streamtime_session"
SECURE_COOKIE_NAME = "__Host-streamtime_session"
"""Used over https: the `__Host-` prefix makes browsers require Secure, no Domain, and Path=/."""

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
    wanted = SECURE_COOKIE_NAME if secure else COOKIE_NAME
    for pair in header.decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""


def new_cookie(session: NewSession, *, secure: bool) -> Cookie:
    """Return the cookie of a new session."""
    return _cookie(session.secret, session.lifetime_s, secure=secure)


def expired_session_cookie(*, secure: bool) -> Cookie:
    """Return a cookie that makes the browser delete the session cookie."""
    return _cookie("", 0, secure=secure)


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


def _cookie(value: str, max_age_s: int, *, secure: bool) -> Cookie:
    return Cookie(
        key=SECURE_COOKIE_NAME if secure else COOKIE_NAME,
        value=value,
        max_age=max_age_s,
        path="/",
        httponly=True,
        secure=secure,
        samesite="lax",
    )
