"""Authentication of requests: turns a session cookie or a bearer token into a `Caller`.

Callers are cached until the epoch changes; expiry is checked on every request. Last uses of sessions and tokens are
buffered and written in batches.
"""

from collections import OrderedDict
from dataclasses import replace

from sqlalchemy import ColumnElement, Select, bindparam, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import ANONYMOUS, AnonymousAccess, AuthMethod, Caller, Role, TokenScope
from streamtime.auth.api_tokens import PREFIX
from streamtime.auth.preferences import COLUMNS as PREFERENCES
from streamtime.auth.preferences import Preferences
from streamtime.auth.refresh_tokens import MAX_LENGTH as MAX_ACCESS_LENGTH
from streamtime.auth.refresh_tokens import AccessTokens
from streamtime.auth.sign_in import SessionKind
from streamtime.auth.users import is_inactive
from streamtime.clock import Clock
from streamtime.database.tables.auth import api_tokens, preferences, sessions, users
from streamtime.database.transaction import Database, EpochWatch, Transaction
from streamtime.ids import fingerprint

_TABLES = {AuthMethod.COOKIE: sessions, AuthMethod.ACCESS: sessions, AuthMethod.BEARER: api_tokens}


class LastUsedTracker:
    """Buffers the last use of sessions and tokens until `flush`; a crash may lose the buffered ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses: dict[tuple[AuthMethod, int], int] = {}

    def record(self, method: AuthMethod, credential_id: int, now_ms: int) -> None:
        """Note that the session or token with that row id was used now."""
        self._uses[method, credential_id] = now_ms

    async def flush(self) -> None:
        """Write the buffered uses in one transaction."""
        uses, self._uses = self._uses, {}
        if not uses:
            return

        async def body(tx: Transaction) -> None:
            for method, table in _TABLES.items():
                statement = (
                    update(table).where(table.c.id == bindparam("row")).values(last_used_at_ms=bindparam("used"))
                )
                rows = [
                    {"row": row, "used": used} for (used_method, row), used in uses.items() if used_method is method
                ]
                await tx.execute_many(statement, rows)

        try:
            await self._database.write(body)
        except Exception:
            self._uses = uses | self._uses
            raise


MAX_CACHED = 10_000
"""Callers in the cache; each takes about 300 bytes."""

MAX_SECRET_LENGTH = 200
"""Longer cookies and API tokens cannot be valid."""

NEVER_EXPIRES_MS = 1 << 62

_Resolved = tuple[Caller, int]
"""A caller, and when their credential expires."""


class Authenticator:
    """Resolves the credentials of requests to callers."""

    def __init__(
        self,
        database: Database,
        epoch: EpochWatch,
        access_tokens: AccessTokens,
        last_use: LastUsedTracker,
        clock: Clock,
        *,
        anonymous_access: AnonymousAccess,
    ) -> None:
        self.anonymous = Caller(anonymous_access=anonymous_access)
        self._database = database
        self._epoch = epoch
        self._access_tokens = access_tokens
        self._last_use = last_use
        self._clock = clock
        self._cache_epoch = 0
        self._cache: OrderedDict[tuple[AuthMethod, bytes], _Resolved] = OrderedDict()

    async def authenticate_cookie(self, value: str) -> Caller:
        """Return the caller of a session cookie, or the anonymous caller."""
        return await self._resolve(AuthMethod.COOKIE, value)

    async def authenticate_bearer(self, value: str) -> Caller:
        """Return the caller of an API token or access token, or the anonymous caller."""
        return await self._resolve(AuthMethod.BEARER if value.startswith(PREFIX) else AuthMethod.ACCESS, value)

    def epoch(self) -> int:
        """Return a number that changes when any caller's rights may have changed."""
        return self._epoch.current()

    async def _resolve(self, method: AuthMethod, value: str) -> Caller:
        if not value or len(value) > (MAX_ACCESS_LENGTH if method is AuthMethod.ACCESS else MAX_SECRET_LENGTH):
            return self.anonymous
        key = (method, fingerprint(value))
        resolved = self._cached(key)
        if resolved is None:
            epoch_before = self._cache_epoch
            resolved = await self._look_up(method, value)
            # A result read while the epoch changed may be stale: it serves this request and is not cached.
            if self._epoch.current() == epoch_before == self._cache_epoch:
                self._store(key, resolved)
        caller, expires_at_ms = resolved
        now_ms = self._clock.now_ms()
        if not caller.signed_in or expires_at_ms <= now_ms:
            return self.anonymous
        self._last_use.record(method, caller.credential_id, now_ms)
        return caller

    def _cached(self, key: tuple[AuthMethod, bytes]) -> _Resolved | None:
        epoch = self._epoch.current()
        if epoch != self._cache_epoch:
            self._cache.clear()
            self._cache_epoch = epoch
            return None
        return self._cache.get(key)

    def _store(self, key: tuple[AuthMethod, bytes], resolved: _Resolved) -> None:
        if not resolved[0].signed_in:
            return  # random cookies must not evict valid ones
        self._cache[key] = resolved
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)

    async def _look_up(self, method: AuthMethod, value: str) -> _Resolved:
        if method is AuthMethod.BEARER:
            return await self._first(method, _by_api_token(value), NEVER_EXPIRES_MS)
        if method is AuthMethod.COOKIE:
            return await self._first(
                method, _by_session(sessions.c.token_sha256 == fingerprint(value)), NEVER_EXPIRES_MS
            )
        token = await self._access_tokens.verify(value)
        if token is None:
            return ANONYMOUS, 0
        claims = token.claims
        query = _by_session(sessions.c.public_id == claims.session_public_id, SessionKind.CLIENT)
        return await self._first(method, query.where(users.c.public_id == claims.user_public_id), token.expires_at_ms)

    async def _first(self, method: AuthMethod, query: Select[tuple[object, ...]], expires_at_ms: int) -> _Resolved:
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None or is_inactive(row):
            return ANONYMOUS, 0
        earliest_ms = min(expires_at_ms, row.get("expires_at_ms", NEVER_EXPIRES_MS))
        return replace(_caller(row), auth_method=method), earliest_ms


def _by_session(which: ColumnElement[bool], kind: SessionKind = SessionKind.BROWSER) -> Select[tuple[object, ...]]:
    """Return the query for an account by its session. A refresh token is not accepted as a cookie, nor the reverse."""
    columns = sessions.c.id.label("credential_id"), sessions.c.expires_at_ms, *PREFERENCES
    query = select(users, *columns).join_from(users, sessions).outerjoin(preferences)
    return query.where(which, sessions.c.kind == kind.value)


def _by_api_token(value: str) -> Select[tuple[object, ...]]:
    columns = api_tokens.c.id.label("credential_id"), api_tokens.c.scope, *PREFERENCES
    query = select(users, *columns).join_from(users, api_tokens).outerjoin(preferences)
    return query.where(api_tokens.c.token_sha256 == fingerprint(value), api_tokens.c.revoked_at_ms.is_(None))


def _caller(row: RowMapping) -> Caller:
    return Caller(
        user_id=row["id"],
        name=row["name"],
        shown_name=row["display_name"] or row["name"],
        public_id=row["public_id"],
        picture_version=row["picture_version"],
        role=Role(row["role"]),
        credential_id=row["credential_id"],
        scope=TokenScope(row.get("scope", TokenScope.ADMIN)),
        preferences=Preferences.of_row(row),
    )
