"""Accounts: creates, finds and lists them. `administration.py` changes them, `sign_in.py` signs users in."""

import re
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import Role
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.notices import NewNotice, NoticeKind, Notices
from streamtime.auth.passwords import PasswordHashing
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import public_id
from streamtime.translation import gettext

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,30}[A-Za-z0-9])?")
"""User names: they appear in URLs (`/@name`), so they have no spaces and at most 32 characters."""


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
    """The storage quota in bytes; None for the configured default, 0 for no limit."""
    display_name: str = ""
    """Empty if the name is shown."""
    picture_version: int = 0
    """0 if there is no picture."""
    about: str = ""
    """What the person writes about themselves."""
    awaiting_at_ms: int | None = None
    """Since when the account waits for approval; None if it does not."""
    factor_since_ms: int | None = None
    """Since when a second factor is enabled; None without one."""

    @property
    def shown_name(self) -> str:
        """The display name, or the name if there is none."""
        return self.display_name or self.name


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to create. With `awaiting` it cannot sign in until it is approved."""

    name: str
    password_hash: str
    role: Role
    display_name: str = ""
    awaiting: bool = False


class Users:
    """Creates, finds and lists accounts."""

    def __init__(
        self, database: Database, passwords: PasswordHashing, notices: Notices, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._notices = notices
        self._passwords = passwords
        self._audit = audit
        self._clock = clock

    async def create(self, name: str, password: str, role: Role, *, actor: Actor) -> User:
        """Create an account.

        Raises:
            Invalid: the name or the password is not allowed.
            Conflict: the name is taken.
        """
        require_name(name)
        hashed = await self._passwords.hash(password)
        return await self._database.write(lambda tx: self.add(tx, NewUser(name, hashed, role), actor))

    async def create_first(self, name: str, password: str, *, actor: Actor) -> User:
        """Create the first account, an administrator.

        Raises:
            Invalid: the name or the password is not allowed.
            Conflict: there is an account already.
        """
        require_name(name)
        hashed = await self._passwords.hash(password)

        async def body(tx: Transaction) -> User:
            if (await tx.execute(select(users.c.id).limit(1))).first() is not None:
                raise Conflict("This server is set up already.", code="already_set_up")
            return await self.add(tx, NewUser(name, hashed, Role.ADMIN), actor)

        return await self._database.write(body)

    async def add(self, tx: Transaction, new: "NewUser", actor: Actor, **detail: str) -> User:
        """Insert an account and its audit entry, and tell administrators of one that waits.

        An actor without a name means that the user created it.

        Raises:
            Conflict: the name is taken.
        """
        folded = new.name.casefold()
        if (await tx.execute(select(users.c.id).where(users.c.name_folded == folded))).first() is not None:
            raise Conflict(gettext("The name %(name)s is taken.", name=new.name), code="name_taken")
        now = self._clock.now_ms()
        values = {
            "public_id": public_id(),
            "name": new.name,
            "name_folded": folded,
            "display_name": new.display_name,
            "role": new.role.value,
            "password_hash": new.password_hash,
            "created_at_ms": now,
            "awaiting_at_ms": now if new.awaiting else None,
        }
        user = user_from((await tx.execute(insert(users).values(**values).returning(users))).mappings().one())
        by = actor if actor.name else Actor(user.id, user.name, actor.address)
        await self._audit.record(tx, by, AuditEvent.ACCOUNT_CREATED, user.name, role=user.role.value, **detail)
        if new.awaiting:
            waiting = NewNotice(NoticeKind.REGISTRATION_WAITING, user.public_id, person_id=user.id)
            await self._notices.add_for_admins(tx, waiting)
        return user

    async def any_exists(self) -> bool:
        """Return whether there is any account."""
        async with self._database.read() as connection:
            return (await connection.execute(select(users.c.id).limit(1))).first() is not None

    async def by_name(self, name: str) -> User:
        """Return the account with that name, regardless of case.

        Raises:
            NotFound: there is no such account.
        """
        async with self._database.read() as connection:
            row = await _row_by_name(connection, name)
        if row is None:
            raise NotFound(f"There is no user named {name}.")
        return user_from(row)

    async def by_public_id(self, public_id: str) -> User:
        """Return the account with that public id.

        Raises:
            NotFound: there is no such account.
        """
        query = select(users).where(users.c.public_id == public_id, users.c.deleted_at_ms.is_(None))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound
        return user_from(row)

    async def password_hash(self, name: str) -> tuple[int, str] | None:
        """Return row id and password hash of an account; None if it does not exist or is disabled or deleted."""
        async with self._database.read() as connection:
            row = await _row_by_name(connection, name)
        if row is None or row["disabled_at_ms"] is not None or row["deleted_at_ms"] is not None:
            return None
        return row["id"], row["password_hash"]

    async def has_password(self, name: str) -> bool:
        """Return whether the account with that name has a password; one created by an OpenID sign-in has none."""
        async with self._database.read() as connection:
            row = await _row_by_name(connection, name)
        return row is not None and bool(row["password_hash"])

    async def list_all(self) -> list[User]:
        """Return all accounts, oldest first."""
        async with self._database.read() as connection:
            query = select(users).where(users.c.deleted_at_ms.is_(None)).order_by(users.c.id)
            return [user_from(row) for row in (await connection.execute(query)).mappings()]


def require_name(name: str) -> None:
    """Return if a user name is allowed.

    Raises:
        Invalid: it is not.
    """
    if not NAME.fullmatch(name):
        raise Invalid(
            "Choose a name of 1 to 32 letters, digits, dots, dashes or underscores.", field="name", code="name"
        )


async def require_user(tx: Transaction, user_id: int) -> RowMapping:
    """Return an account's row in a write transaction.

    Raises:
        NotFound: the account has been deleted.
    """
    query = select(users).where(users.c.id == user_id, users.c.deleted_at_ms.is_(None))
    row = (await tx.execute(query)).mappings().first()
    if row is None:
        raise NotFound("There is no such account any more.")
    return row


def is_inactive(row: RowMapping) -> bool:
    """Return whether the account of a row may not sign in: it is disabled, deleted, or waits for approval."""
    return any(row[column] is not None for column in ("disabled_at_ms", "deleted_at_ms", "awaiting_at_ms"))


async def _row_by_name(connection: AsyncConnection, name: str) -> RowMapping | None:
    found = await connection.execute(select(users).where(users.c.name_folded == name.casefold()))
    return found.mappings().first()


def user_from(row: RowMapping) -> User:
    """Return the account of a row of `users`."""
    return User(
        id=row["id"],
        public_id=row["public_id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at_ms=row["created_at_ms"],
        disabled_at_ms=row["disabled_at_ms"],
        quota_bytes=row["quota_bytes"],
        display_name=row["display_name"],
        about=row["about"],
        picture_version=row["picture_version"],
        awaiting_at_ms=row["awaiting_at_ms"],
        factor_since_ms=row["totp_since_ms"],
    )
