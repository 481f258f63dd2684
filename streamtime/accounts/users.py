"""Accounts: made, found, listed, disabled. It knows names and roles, not how people sign in."""

import re
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.access.caller import Role
from streamtime.accounts.passwords import PasswordHashing
from streamtime.clock import Clock
from streamtime.database.people_tables import sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import public_id

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,30}[A-Za-z0-9])?")
"""What a user name looks like: it stands in URLs (`/@name`), so it has no spaces and at most 32 characters."""


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: int
    public_id: str
    name: str
    role: Role
    created_at_ms: int
    disabled_at_ms: int | None
    quota_bytes: int | None = None
    """What their files may take together; None is what the configuration says, 0 no limit."""


class Users:
    """All accounts."""

    def __init__(self, database: Database, passwords: PasswordHashing, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def create(self, name: str, password: str, role: Role) -> User:
        """Make an account.

        Raises:
            Invalid: the name or the password will not do.
            Conflict: the name is taken.
        """
        return await self._create(name, password, role, first=False)

    async def create_first(self, name: str, password: str) -> User:
        """Make the first account, an admin.

        Raises:
            Invalid: the name or the password will not do.
            Conflict: there is an account already.
        """
        return await self._create(name, password, Role.ADMIN, first=True)

    async def any_exists(self) -> bool:
        """Whether the server has been set up."""
        async with self._database.read() as connection:
            return (await connection.execute(select(users.c.id).limit(1))).first() is not None

    async def by_name(self, name: str) -> User:
        """The account of that name, however it is capitalised.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as connection:
            row = await _row_by_name(connection, name)
        if row is None:
            raise NotFound(f"There is no user named {name}.")
        return _user(row)

    async def password_hash(self, name: str) -> tuple[int, str] | None:
        """The id and password hash of an account that may sign in, or None."""
        async with self._database.read() as connection:
            row = await _row_by_name(connection, name)
        if row is None or shut_out(row):
            return None
        return row["id"], row["password_hash"]

    async def listed(self) -> list[User]:
        """All accounts, the oldest first."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(users).order_by(users.c.id))).mappings()
            return [_user(row) for row in rows]

    async def set_password(self, name: str, password: str) -> None:
        """Replace a password and end every session of the account.

        Raises:
            NotFound: there is no such account.
            Invalid: the password will not do.
        """
        user = await self.by_name(name)
        hashed = await self._passwords.hash(password)

        async def body(tx: Transaction) -> None:
            await tx.execute(update(users).where(users.c.id == user.id).values(password_hash=hashed))
            await tx.execute(sessions.delete().where(sessions.c.user_id == user.id))
            await tx.raise_epoch()

        await self._database.write(body)

    async def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Let an account sign in, or shut it out at once.

        Raises:
            NotFound: there is no such account.
        """
        user = await self.by_name(name)
        disabled_at = None if enabled else self._clock.now_ms()

        async def body(tx: Transaction) -> None:
            await tx.execute(update(users).where(users.c.id == user.id).values(disabled_at_ms=disabled_at))
            await tx.raise_epoch()

        await self._database.write(body)

    async def set_quota(self, name: str, quota_bytes: int | None) -> None:
        """Say what somebody's files may take: None leaves it to the configuration, 0 is no limit.

        Raises:
            NotFound: there is no such account.
        """
        user = await self.by_name(name)

        async def body(tx: Transaction) -> None:
            await tx.execute(update(users).where(users.c.id == user.id).values(quota_bytes=quota_bytes))

        await self._database.write(body)

    async def _create(self, name: str, password: str, role: Role, *, first: bool) -> User:
        if not NAME.fullmatch(name):
            raise Invalid(
                "Choose a name of 1 to 32 letters, digits, dots, dashes or underscores.", field="name", code="name"
            )
        hashed = await self._passwords.hash(password)

        async def body(tx: Transaction) -> User:
            count = (await tx.execute(select(func.count()).select_from(users))).scalar_one()
            if first and count:
                raise Conflict("This server is set up already.", code="already_set_up")
            taken = await tx.execute(select(users.c.id).where(users.c.name_folded == name.casefold()))
            if taken.first() is not None:
                raise Conflict(f"The name {name} is taken.", code="name_taken")
            values = {
                "public_id": public_id(),
                "name": name,
                "role": role.value,
                "created_at_ms": self._clock.now_ms(),
                "disabled_at_ms": None,
            }
            made = await tx.execute(
                insert(users).values(**values, name_folded=name.casefold(), password_hash=hashed).returning(users)
            )
            return _user(made.mappings().one())

        return await self._database.write(body)


def shut_out(row: RowMapping) -> bool:
    """Whether the account of that row may not sign in: disabled, deleted, or not approved yet."""
    return any(row[since] is not None for since in ("disabled_at_ms", "deleted_at_ms", "awaiting_at_ms"))


async def _row_by_name(connection: AsyncConnection, name: str) -> RowMapping | None:
    found = await connection.execute(select(users).where(users.c.name_folded == name.casefold()))
    return found.mappings().first()


def _user(row: RowMapping) -> User:
    return User(
        id=row["id"],
        public_id=row["public_id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at_ms=row["created_at_ms"],
        disabled_at_ms=row["disabled_at_ms"],
        quota_bytes=row["quota_bytes"],
    )
