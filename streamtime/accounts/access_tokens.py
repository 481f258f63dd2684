"""Access tokens of API clients: signed, good for a quarter of an hour, and only while their session is (RFC 7519).

What is signed says whose it is and for how long, nothing about rights: those are looked up. Keys and algorithm are ours
to choose; a token that names another algorithm is none.
"""

from dataclasses import dataclass
from typing import Any

import jwt

from streamtime.accounts.signing_keys import SigningKeys
from streamtime.clock import Clock

LIFETIME_S = 15 * 60
ALGORITHM = "HS256"
ISSUER = "streamtime"
AUDIENCE = "streamtime-api"

MAX_LENGTH = 1_000
"""Ours have some 350 characters."""

_CLAIMS = ["iss", "aud", "sub", "sid", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class AccessTokenClaims:
    """What a token of ours says."""

    user_public_id: str
    session_public_id: str
    expires_at_ms: int


class AccessTokens:
    """Makes them and reads them."""

    def __init__(self, keys: SigningKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def issue(self, user_public_id: str, session_public_id: str) -> str:
        """A token for a session, good from now on."""
        key = await self._keys.current()
        now_s = self._clock.now_ms() // 1000
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_public_id,
            "sid": session_public_id,
            "iat": now_s,
            "exp": now_s + LIFETIME_S,
        }
        return jwt.encode(claims, key.secret, algorithm=ALGORITHM, headers={"kid": key.public_id})

    async def verify(self, token: str) -> AccessTokenClaims | None:
        """What a token says, or None where it is none of ours. Whether its time is over is for the caller to see."""
        if len(token) > MAX_LENGTH:
            return None
        try:
            key = await self._keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                return None
            # Its time is measured by our own clock, at each use: one that was read before is remembered.
            claims: dict[str, Any] = jwt.decode(
                token,
                key.secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        return AccessTokenClaims(str(claims["sub"]), str(claims["sid"]), int(claims["exp"]) * 1000)
