"""From a cookie or a bearer token to a caller. Warm answers come from memory and fall with the epoch."""

from collections import OrderedDict
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from streamtime.access.caller import ANONYMOUS, Caller, Proof, Reach, Role, Scope
from streamtime.accounts.last_use import LastUse
from streamtime.accounts.users import shut_out
from streamtime.clock import Clock
from streamtime.database.epoch import EpochWatch
from streamtime.database.people_tables import api_tokens, sessions, users
from streamtime.database.transaction import Database
from streamtime.ids import fingerprint

MAX_REMEMBERED = 10_000
"""Callers kept in memory; each is some 300 bytes."""

MAX_SECRET_LENGTH = 200
"""Longer cookies and tokens are none of ours."""


class Credentials:
    """Resolves what a request brings into who is asking."""

    def __init__(
        self, database: Database, epoch: EpochWatch, last_use: LastUse, clock: Clock, *, strangers: Reach
    ) -> None:
        self.nobody = Caller(reach=strangers)
        self._database = database
        self._epoch = epoch
        self._last_use = last_use
        self._clock = clock
        self._known_at = 0
        self._known: OrderedDict[tuple[Proof, bytes], tuple[Caller, int]] = OrderedDict()

    async def by_cookie(self, value: str) -> Caller:
        """The caller behind a session cookie, or nobody."""
        return await self._resolve(Proof.COOKIE, value)

    async def by_bearer(self, value: str) -> Caller:
        """The caller behind an API token, or nobody."""
        return await self._resolve(Proof.BEARER, value)

    async def _resolve(self, proof: Proof, value: str) -> Caller:
        if not value or len(value) > MAX_SECRET_LENGTH:
            return self.nobody
        key = (proof, fingerprint(value))
        known = self._remembered(key)
        if known is None:
            known_at = self._known_at
            known = await self._look_up(*key)
            # What was read while the epoch moved may be stale already: it serves this one request and is not kept.
            if self._epoch.current() == known_at == self._known_at:
                self._remember(key, known)
        caller, expires_at_ms = known
        now_ms = self._clock.now_ms()
        if not caller.signed_in or expires_at_ms <= now_ms:
            return self.nobody
        self._last_use.note(proof, caller.proof_id, now_ms)
        return caller

    def _remembered(self, key: tuple[Proof, bytes]) -> tuple[Caller, int] | None:
        epoch = self._epoch.current()
        if epoch != self._known_at:
            self._known.clear()
            self._known_at = epoch
            return None
        return self._known.get(key)

    def _remember(self, key: tuple[Proof, bytes], known: tuple[Caller, int]) -> None:
        if not known[0].signed_in:
            return  # else random cookies would push out those in use
        self._known[key] = known
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    async def _look_up(self, proof: Proof, sha256: bytes) -> tuple[Caller, int]:
        async with self._database.read() as connection:
            if proof is Proof.COOKIE:
                query = select(users, sessions.c.id.label("proof_id"), sessions.c.expires_at_ms).join_from(
                    users, sessions
                )
                found = await connection.execute(query.where(sessions.c.token_sha256 == sha256))
            else:
                query = select(users, api_tokens.c.id.label("proof_id"), api_tokens.c.scope).join_from(
                    users, api_tokens
                )
                found = await connection.execute(
                    query.where(api_tokens.c.token_sha256 == sha256, api_tokens.c.revoked_at_ms.is_(None))
                )
            row = found.mappings().first()
        if row is None or shut_out(row):
            return ANONYMOUS, 0
        return replace(_caller(row), proof=proof), row.get("expires_at_ms", 1 << 62)


def _caller(row: RowMapping) -> Caller:
    return Caller(
        user_id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        proof_id=row["proof_id"],
        scope=Scope(row.get("scope", Scope.ADMIN)),
    )
