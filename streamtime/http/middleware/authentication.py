"""From a request's cookie or Authorization header to a caller, and the session cookie's shape."""

import hashlib
import hmac
import secrets
from typing import Any

from litestar.datastructures import Cookie

from streamtime.auth.access import Caller
from streamtime.auth.authentication import Authenticator
from streamtime.auth.sign_in import NewSession

COOKIE_NAME = "streamtime_session"
SECURE_COOKIE_NAME = "__Host-streamtime_session"
"""Over https the name itself makes browsers insist on Secure, no Domain and Path=/."""

_CSRF_BYTES = hashlib.sha256().digest_size


class CallerResolver:
    """Finds out who is asking."""

    def __init__(self, credentials: Authenticator) -> None:
        self._credentials = credentials

    def epoch(self) -> int:
        """A number that moves when anybody's rights may have changed."""
        return self._credentials.epoch()

    async def resolve(self, scope: dict[str, Any]) -> Caller:
        """The caller of a request, or nobody. A bearer token that is none of ours is nobody, whatever the cookie.

        Raises:
            Unavailable: the database cannot be asked.
        """
        cookie = b""
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":  # others are for a proxy before us
                return await self._credentials.authenticate_bearer(value[7:].decode("latin-1").strip())
            if name == b"cookie":
                cookie = value
        session = session_cookie(cookie, secure=scope["scheme"] == "https") if cookie else ""
        scope["session_cookie"] = session
        return await self._credentials.authenticate_cookie(session) if session else self._credentials.anonymous


def session_cookie(header: bytes, *, secure: bool) -> str:
    """The value of our cookie in a Cookie header, or nothing. Ours has no quotes and no escapes."""
    wanted = SECURE_COOKIE_NAME if secure else COOKIE_NAME
    for pair in header.decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""


def new_cookie(session: NewSession, *, secure: bool) -> Cookie:
    """The cookie that stands for a session just begun."""
    return _cookie(session.secret, session.lifetime_s, secure=secure)


def expired_session_cookie(*, secure: bool) -> Cookie:
    """A cookie that makes the browser forget."""
    return _cookie("", 0, secure=secure)


def rotated_session_cookie(scope: dict[str, Any], session: NewSession) -> Cookie:
    """The cookie of a session that has another secret from now on, which the forms of the very answer are to carry."""
    scope["session_cookie"] = session.secret
    return new_cookie(session, secure=scope["scheme"] == "https")


def csrf_token(session: str) -> str:
    """The token that forms and scripts of a session carry: only who can read our pages knows it.

    It is masked with random bytes, anew each time, so that the lengths of compressed pages tell nothing of it (BREACH).
    """
    if not session:
        return ""
    mask = secrets.token_bytes(_CSRF_BYTES)
    return (mask + _xor(mask, _csrf_secret(session))).hex()


def is_valid_csrf_token(given: str, session: str) -> bool:
    """Whether that is a token of this session, under whatever mask."""
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
