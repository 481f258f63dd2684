"""Signed tokens: JSON Web Tokens (RFC 7519) by which the server recognizes later what it issued.

Each kind has its own audience, and is refused wherever another kind is expected (RFC 8725, section 3.12). The claims
can be read by anyone who holds the token; what must stay secret is in them as a fingerprint. Sessions, API tokens,
refresh tokens and links are no signed tokens: they are random secrets with a row.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

import jwt
import msgspec

from streamtime.auth.signing_keys import SigningKey
from streamtime.clock import Clock
from streamtime.ids import fingerprint

ALGORITHM = "HS256"

MAX_LENGTH = 4_000
"""Browsers limit cookies to 4,096 bytes. Longer tokens cannot be valid."""

_COMPACT_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
"""The decoder alone would skip characters that are not base64, so that one token could be written in many ways."""

_FINGERPRINT_BYTES = 16


class TokenKind(StrEnum):
    """The kinds of signed tokens, by their audience."""

    ACCESS = "streamtime-api"
    TICKET = "ticket"
    VIEW_SESSION = "view-session"
    MFA_CHALLENGE = "mfa-challenge"
    OIDC_LOGIN_STATE = "oidc-login-state"


class TokenKeys(Protocol):
    """Where keys come from: `SigningKeys` or `ProcessKey`."""

    async def current(self) -> SigningKey:
        """Return the key to sign with."""
        ...

    async def find(self, key_id: str) -> SigningKey | None:
        """Return the key with that id, or None if it is unknown or no longer valid."""
        ...


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token as text, and when it expires."""

    text: str
    expires_at_ms: int


Claims = TypeVar("Claims", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class VerifiedToken(Generic[Claims]):
    """The claims of a valid token, and when it expires."""

    claims: Claims
    expires_at_ms: int


class SignedTokens(Generic[Claims]):
    """Issues and verifies the tokens of one kind."""

    def __init__(self, kind: TokenKind, claims: type[Claims], keys: TokenKeys, clock: Clock) -> None:
        self._kind = kind
        self._claims = claims
        self._keys = keys
        self._clock = clock

    async def issue(self, claims: Claims, expires_at_ms: int) -> SignedToken:
        """Issue a token, valid until the full second before or at `expires_at_ms`."""
        key = await self._keys.current()
        expires_s = expires_at_ms // 1000
        body = {**msgspec.to_builtins(claims), "aud": self._kind.value, "exp": expires_s}
        text = jwt.encode(body, key.secret, algorithm=ALGORITHM, headers={"kid": key.public_id})
        return SignedToken(text, expires_s * 1000)

    async def verify(self, text: str) -> VerifiedToken[Claims] | None:
        """Return the claims of a token, or None if it is not valid, of another kind, or expired."""
        token = await self.decode(text)
        return None if token is None or token.expires_at_ms <= self._clock.now_ms() else token

    async def decode(self, text: str) -> VerifiedToken[Claims] | None:
        """Return the claims of a token whose expiry the calling code checks; None if it is not valid."""
        if len(text) > MAX_LENGTH or _COMPACT_JWT.fullmatch(text) is None:
            return None
        try:
            body = await self._decode(text)
            found = None if body is None else msgspec.convert(body, self._claims)
        except (jwt.PyJWTError, msgspec.ValidationError):
            return None
        return None if body is None or found is None else VerifiedToken(found, body["exp"] * 1000)

    async def _decode(self, text: str) -> dict[str, Any] | None:
        key = await self._keys.find(str(jwt.get_unverified_header(text).get("kid", "")))
        if key is None:
            return None
        # The expiry is checked with the server's clock, which tests replace.
        options: Any = {"require": ["aud", "exp"], "verify_exp": False, "verify_iat": False}
        body: dict[str, Any] = jwt.decode(
            text, key.secret, algorithms=[ALGORITHM], audience=self._kind.value, options=options
        )
        return body


def claim_fingerprint(value: str) -> bytes:
    """Return 128 bits of the SHA-256 of a secret that a token stands on: the token ends when the secret changes."""
    return fingerprint(value)[:_FINGERPRINT_BYTES]
