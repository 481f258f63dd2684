"""Tokens of API clients: JWT access tokens (RFC 7519), valid for 15 minutes, and refresh tokens, each valid once.

Access tokens name an account and a session; rights are looked up on each request. Reuse of a refresh token means that
it was stolen, by or from the client that sends it, so the session ends for both (RFC 9700, section 4.14).
"""

from dataclasses import dataclass
from typing import Literal

import msgspec
from sqlalchemy import delete, or_, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.sign_in import NewSession, SessionKind
from streamtime.auth.signed_tokens import SignedTokens, TokenKeys, TokenKind, VerifiedToken
from streamtime.auth.users import is_inactive
from streamtime.clock import Clock
from streamtime.database.tables.auth import sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Unauthenticated
from streamtime.ids import fingerprint, secret

LIFETIME_S = 15 * 60

MAX_LENGTH = 1_000
"""Longer access tokens are rejected; valid ones have about 350 characters."""


class AccessTokenClaims(
    msgspec.Struct,
    frozen=True,
    rename={"user_public_id": "sub", "session_public_id": "sid", "issued_at_s": "iat", "issuer": "iss"},
):
    """The claims of an access token."""

    user_public_id: str
    session_public_id: str
    issued_at_s: int
    issuer: Literal["streamtime"]


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(self, keys: TokenKeys, clock: Clock) -> None:
        self._tokens = SignedTokens(TokenKind.ACCESS, AccessTokenClaims, keys, clock)
        self._clock = clock

    async def issue(self, user_public_id: str, session_public_id: str) -> str:
        """Issue an access token for a session."""
        now_s = self._clock.now_ms() // 1000
        claims = AccessTokenClaims(user_public_id, session_public_id, now_s, "streamtime")
        return (await self._tokens.issue(claims, (now_s + LIFETIME_S) * 1000)).text

    async def verify(self, token: str) -> VerifiedToken[AccessTokenClaims] | None:
        """Return the claims of a token, or None if it is not valid."""
        return await self._tokens.verify(token)


CLIENT_SESSIONS = sessions.c.kind == SessionKind.CLIENT.value


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token for requests, and a refresh token that is exchanged once for the next pair."""

    access_token: str
    refresh_token: str
    expires_in_s: int = LIFETIME_S


class RefreshTokens:
    """Issues and rotates token pairs, and ends their sessions."""

    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        rate_limiter: RateLimiter,
        audit: AuditLog,
        clock: Clock,
        *,
        lifetime_s: int,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._rate_limiter = rate_limiter
        self._audit = audit
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def issue(self, session: NewSession) -> TokenPair:
        """Issue the first token pair of a new session."""
        return TokenPair(await self._tokens.issue(session.user_public_id, session.public_id), session.secret)

    async def rotate(self, refresh_token: str, client: ClientInfo) -> TokenPair:
        """Exchange a refresh token for the next pair and extend the session to its full lifetime.

        Raises:
            Unauthenticated: the token is not valid, was used already, or its session has ended.
            TooManyRequests: too many attempts from this network.
        """
        self._rate_limiter.consume({RateLimit.REFRESH: client.network})
        old, new = fingerprint(refresh_token), secret()

        async def body(tx: Transaction) -> RowMapping | None:
            row = await _find(tx, old)
            if row is None:
                return None
            if row["token_sha256"] != old:
                await self._end(tx, row, _actor(row, client), why="spent refresh token")
                return None
            now = self._clock.now_ms()
            if row["expires_at_ms"] <= now or is_inactive(row):
                return None
            values = {
                "token_sha256": fingerprint(new),
                "spent_sha256": old,
                "address": client.address,
                "last_used_at_ms": now,
                "expires_at_ms": now + self._lifetime_s * 1000,
            }
            await tx.execute(update(sessions).where(sessions.c.id == row["session_id"]).values(**values))
            return row

        row = await self._database.write(body)
        if row is None:
            raise Unauthenticated("This refresh token is not good any more. Sign in again.", code="refresh_token")
        return TokenPair(await self._tokens.issue(row["public_id"], row["session_public_id"]), new)

    async def revoke(self, refresh_token: str, client: ClientInfo) -> None:
        """End the session of a refresh token, used or not; an unknown token has no effect.

        Raises:
            TooManyRequests: too many attempts from this network.
        """
        self._rate_limiter.consume({RateLimit.REFRESH: client.network})
        token_sha256 = fingerprint(refresh_token)

        async def body(tx: Transaction) -> None:
            row = await _find(tx, token_sha256)
            if row is not None:
                await self._end(tx, row, _actor(row, client), why="revoked by the client")

        await self._database.write(body)

    async def _end(self, tx: Transaction, row: RowMapping, actor: Actor, *, why: str) -> None:
        await tx.execute(delete(sessions).where(sessions.c.id == row["session_id"]))
        await self._audit.record(tx, actor, AuditEvent.SESSION_ENDED, row["name"], why=why)
        await tx.bump_epoch()


async def _find(tx: Transaction, sha256: bytes) -> RowMapping | None:
    """Return the session of a current or used refresh token, with its account."""
    query = select(
        users,
        sessions.c.id.label("session_id"),
        sessions.c.public_id.label("session_public_id"),
        sessions.c.token_sha256,
        sessions.c.expires_at_ms,
    ).join_from(users, sessions)
    found = await tx.execute(
        query.where(CLIENT_SESSIONS, or_(sessions.c.token_sha256 == sha256, sessions.c.spent_sha256 == sha256))
    )
    return found.mappings().first()


def _actor(row: RowMapping, client: ClientInfo) -> Actor:
    return Actor(row["id"], row["name"], client.address)
