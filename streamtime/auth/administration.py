"""What is changed about an account by those who run the server: role, room, whether it may come in, its password.

Each deed raises the epoch and is written down in the transaction that it is a part of. The last admin stays one.
"""

from sqlalchemy import func, select, update

from streamtime.auth.access import Role
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.sessions import Sessions
from streamtime.auth.users import User, is_inactive, require_user
from streamtime.clock import Clock
from streamtime.database.people_tables import api_tokens, sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.ids import new_password


class Administration:
    """Changes accounts."""

    def __init__(
        self, database: Database, passwords: PasswordHashing, sessions: Sessions, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    async def set_role(self, tx: Transaction, user: User, role: Role, actor: Actor) -> None:
        """Say what an account is for.

        Raises:
            NotFound: it has been deleted.
            Conflict: it is the last admin's.
        """
        row = await require_user(tx, user.id)
        if row["role"] == role.value:
            return
        if role is not Role.ADMIN:
            await require_another_admin(tx, user.id)
        await _set(tx, user, role=role.value)
        await self._audit.record(tx, actor, AuditEvent.ROLE_CHANGED, user.name, before=row["role"], now=role.value)

    async def set_enabled(self, tx: Transaction, user: User, actor: Actor, *, enabled: bool) -> None:
        """Let an account sign in, or shut it out at once.

        Raises:
            NotFound: it has been deleted.
            Conflict: it is the last admin's.
        """
        row = await require_user(tx, user.id)
        if (row["disabled_at_ms"] is None) == enabled:
            return
        if not enabled:
            await require_another_admin(tx, user.id)
        await _set(tx, user, disabled_at_ms=None if enabled else self._clock.now_ms())
        deed = AuditEvent.ACCOUNT_ENABLED if enabled else AuditEvent.ACCOUNT_DISABLED
        await self._audit.record(tx, actor, deed, user.name)

    async def approve(self, tx: Transaction, user: User, actor: Actor) -> None:
        """Let somebody in who has registered and waits.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it does not wait.
        """
        row = await require_user(tx, user.id)
        if row["awaiting_at_ms"] is None:
            raise Conflict("This account does not wait for approval.", code="not_awaiting")
        await _set(tx, user, awaiting_at_ms=None)
        await self._audit.record(tx, actor, AuditEvent.ACCOUNT_APPROVED, user.name)

    async def set_quota(self, tx: Transaction, user: User, quota_bytes: int | None, actor: Actor) -> None:
        """Say what somebody's files may take: None leaves it to the configuration, 0 is no limit.

        Raises:
            NotFound: the account has been deleted.
        """
        row = await require_user(tx, user.id)
        if row["quota_bytes"] == quota_bytes:
            return
        await tx.execute(update(users).where(users.c.id == user.id).values(quota_bytes=quota_bytes))
        before, now = (_quota_words(quota) for quota in (row["quota_bytes"], quota_bytes))
        await self._audit.record(tx, actor, AuditEvent.QUOTA_CHANGED, user.name, before=before, now=now)

    async def set_password(self, user: User, password: str, actor: Actor, *, keep_session: int | None = None) -> None:
        """Replace a password and end every session of the account but the one to be kept, if any.

        Raises:
            NotFound: the account has been deleted.
            Invalid: the password will not do.
        """
        hashed = await self._passwords.hash(password)

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            await _set(tx, user, password_hash=hashed)
            await self._sessions.end_all(tx, user.id, except_id=keep_session)
            await self._audit.record(tx, actor, AuditEvent.PASSWORD_CHANGED, user.name)

        await self._database.write(body)

    async def reset_password(self, user: User, actor: Actor) -> str:
        """Give an account a new password, which is known here and never again, and end its sessions.

        Raises:
            NotFound: the account has been deleted.
        """
        password = new_password()
        await self.set_password(user, password, actor)
        return password

    async def end_sessions(self, tx: Transaction, user: User, actor: Actor) -> None:
        """Sign an account out wherever it is signed in. API tokens stay.

        Raises:
            NotFound: the account has been deleted.
        """
        await require_user(tx, user.id)
        count = await self._sessions.end_all(tx, user.id)
        await self._audit.record(tx, actor, AuditEvent.SESSION_ENDED, user.name, count=str(count))

    async def last_seen(self) -> dict[int, int]:
        """When each account last used a session or a token, by row id; those who never did are not in it."""
        used = [
            select(sessions.c.user_id, sessions.c.last_used_at_ms.label("at")),
            select(api_tokens.c.user_id, api_tokens.c.last_used_at_ms.label("at")).where(
                api_tokens.c.last_used_at_ms.is_not(None)
            ),
        ]
        either = used[0].union_all(used[1]).subquery()
        query = select(either.c.user_id, func.max(either.c.at)).group_by(either.c.user_id)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}


async def require_another_admin(tx: Transaction, user_id: int) -> None:
    """Let an account stop to run the server, or raise.

    Raises:
        Conflict: it is the only one that does.
    """
    row = await require_user(tx, user_id)
    if row["role"] != Role.ADMIN or is_inactive(row):
        return
    others = select(users.c.id).where(
        users.c.id != user_id,
        users.c.role == Role.ADMIN.value,
        users.c.disabled_at_ms.is_(None),
        users.c.deleted_at_ms.is_(None),
        users.c.awaiting_at_ms.is_(None),
    )
    if (await tx.execute(others.limit(1))).first() is None:
        words = f"{row['name']} is the last administrator: nobody could run this server. Make another one first."
        raise Conflict(words, code="last_admin")


async def _set(tx: Transaction, user: User, **values: object) -> None:
    await tx.execute(update(users).where(users.c.id == user.id).values(**values))
    await tx.bump_epoch()


def _quota_words(quota_bytes: int | None) -> str:
    return {None: "default", 0: "none"}.get(quota_bytes, f"{quota_bytes} bytes")
