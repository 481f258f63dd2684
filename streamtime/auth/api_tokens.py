"""API tokens: random, scoped, revocable keys for scripts, shown once and stored hashed."""

from dataclasses import dataclass

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import TokenScope
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.tables.auth import api_tokens, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import fingerprint, public_id, secret
from streamtime.translation import gettext, number_text

PREFIX = "st_"
"""Makes a leaked secret recognizable, also to secret scanners."""

MAX_LABEL = 100
MAX_ACTIVE_TOKENS = 100
"""Tokens that one account may have, without revoked ones."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token without its secret, as it is listed."""

    public_id: str
    user_name: str
    label: str
    scope: TokenScope
    created_at_ms: int
    last_used_at_ms: int | None
    revoked_at_ms: int | None


@dataclass(frozen=True, slots=True)
class IssuedApiToken:
    """A new token with its secret, which is not available later."""

    token: ApiToken
    secret: str


class ApiTokens:
    """Creates, lists and revokes API tokens."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def create(self, actor: Actor, user_id: int, label: str, scope: TokenScope) -> IssuedApiToken:
        """Create a token for an account. The calling code checks whether `actor` may create one of that scope.

        Raises:
            Invalid: the label is empty, too long or not printable.
            Conflict: the account has as many tokens as allowed.
        """
        label = " ".join(label.split())
        if not 1 <= len(label) <= MAX_LABEL or not label.isprintable():
            raise Invalid(
                gettext("Give the token a label of 1 to %(most)s characters.", most=number_text(MAX_LABEL)),
                field="label",
            )
        value = secret(PREFIX)
        values = {
            "public_id": public_id(),
            "user_id": user_id,
            "label": label,
            "scope": scope.value,
            "token_sha256": fingerprint(value),
            "created_at_ms": self._clock.now_ms(),
        }

        async def body(tx: Transaction) -> ApiToken:
            active = select(func.count()).where(api_tokens.c.user_id == user_id, api_tokens.c.revoked_at_ms.is_(None))
            if (await tx.execute(active)).scalar_one() >= MAX_ACTIVE_TOKENS:
                raise Conflict(
                    gettext("There are %(most)s tokens in use. Revoke one first.", most=number_text(MAX_ACTIVE_TOKENS)),
                    code="too_many_tokens",
                )
            await tx.execute(insert(api_tokens).values(**values))
            query = _selection().where(api_tokens.c.public_id == values["public_id"])
            token = _token((await tx.execute(query)).mappings().one())
            await self._audit.record(
                tx, actor, AuditEvent.TOKEN_CREATED, token.user_name, label=token.label, scope=token.scope.value
            )
            return token

        return IssuedApiToken(await self._database.write(body), value)

    async def list_all(self) -> list[ApiToken]:
        """Return all tokens of all accounts, also revoked ones, oldest first."""
        return await self._read(_selection().order_by(api_tokens.c.id))

    async def list_for_user(self, user_id: int) -> list[ApiToken]:
        """Return the active tokens of an account, newest first."""
        query = _selection().where(api_tokens.c.user_id == user_id, api_tokens.c.revoked_at_ms.is_(None))
        return await self._read(query.order_by(api_tokens.c.id.desc()))

    async def revoke(self, actor: Actor, token_id: str, *, of_user: int | None) -> ApiToken:
        """Revoke a token by its public id, with immediate effect. `of_user` limits it to one account's tokens.

        Raises:
            NotFound: there is no such token, or it is revoked already.
        """
        query = _selection().where(api_tokens.c.public_id == token_id, api_tokens.c.revoked_at_ms.is_(None))
        if of_user is not None:
            query = query.where(api_tokens.c.user_id == of_user)
        statement = update(api_tokens).where(api_tokens.c.public_id == token_id)

        async def body(tx: Transaction) -> ApiToken:
            row = (await tx.execute(query)).mappings().first()
            if row is None:
                raise NotFound(f"There is no token {token_id} in use.")
            await tx.execute(statement.values(revoked_at_ms=self._clock.now_ms()))
            await self._audit.record(tx, actor, AuditEvent.TOKEN_REVOKED, row["user_name"], label=row["label"])
            await tx.bump_epoch()
            return _token(row)

        return await self._database.write(body)

    async def _read(self, query: Select[tuple[object, ...]]) -> list[ApiToken]:
        async with self._database.read() as connection:
            return [_token(row) for row in (await connection.execute(query)).mappings()]


def _selection() -> Select[tuple[object, ...]]:
    table = api_tokens
    return select(
        table.c.public_id,
        users.c.name.label("user_name"),
        table.c.label,
        table.c.scope,
        table.c.created_at_ms,
        table.c.last_used_at_ms,
        table.c.revoked_at_ms,
    ).join_from(table, users)


def _token(row: RowMapping) -> ApiToken:
    return ApiToken(**{**row, "scope": TokenScope(row["scope"])})
