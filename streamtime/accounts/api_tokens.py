"""API tokens: random keys for scripts, shown once, stored hashed, revocable."""

from dataclasses import dataclass

from sqlalchemy import insert, select, update

from streamtime.accounts.users import Users
from streamtime.clock import Clock
from streamtime.database.people_tables import api_tokens, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NotFound
from streamtime.ids import fingerprint, public_id, secret

PREFIX = "st_"
"""Says what the secret is when it turns up somewhere it should not."""

MAX_LABEL = 100


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is listed: everything but its secret."""

    public_id: str
    user_name: str
    label: str
    created_at_ms: int
    last_used_at_ms: int | None
    revoked_at_ms: int | None


class ApiTokens:
    """All API tokens."""

    def __init__(self, database: Database, users: Users, clock: Clock) -> None:
        self._database = database
        self._users = users
        self._clock = clock

    async def create(self, user_name: str, label: str) -> str:
        """Make a token and give its secret, which is known here and never again.

        Raises:
            NotFound: there is no such account.
            Invalid: the label is empty or too long.
        """
        if not 1 <= len(label.strip()) <= MAX_LABEL:
            raise Invalid(f"Give the token a label of 1 to {MAX_LABEL} characters.", field="label")
        user = await self._users.by_name(user_name)
        token = secret(PREFIX)
        values = {
            "public_id": public_id(),
            "user_id": user.id,
            "label": label.strip(),
            "token_sha256": fingerprint(token),
            "created_at_ms": self._clock.now_ms(),
        }

        async def body(tx: Transaction) -> None:
            await tx.execute(insert(api_tokens).values(**values))

        await self._database.write(body)
        return token

    async def listed(self) -> list[ApiToken]:
        """All tokens ever made, the oldest first."""
        table = api_tokens
        query = select(
            table.c.public_id,
            users.c.name.label("user_name"),
            table.c.label,
            table.c.created_at_ms,
            table.c.last_used_at_ms,
            table.c.revoked_at_ms,
        ).join_from(table, users)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(table.c.id))).mappings()
            return [ApiToken(**row) for row in rows]

    async def revoke(self, token_id: str) -> None:
        """End a token's use at once, by its public id.

        Raises:
            NotFound: there is no such token, or it is revoked already.
        """
        table = api_tokens
        statement = update(table).where(table.c.public_id == token_id, table.c.revoked_at_ms.is_(None))

        async def body(tx: Transaction) -> None:
            done = await tx.execute(statement.values(revoked_at_ms=self._clock.now_ms()))
            if done.rowcount == 0:
                raise NotFound(f"There is no token {token_id} in use.")
            await tx.raise_epoch()

        await self._database.write(body)
