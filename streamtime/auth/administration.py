"""Changes that administrators make to accounts: role, quota, approval, disabling, and password.

Each change bumps the epoch and writes an audit entry in the same transaction. The last administrator keeps the role.
"""

from sqlalchemy import func, select, update

from streamtime.auth.access import Role
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.sessions import Sessions
from streamtime.auth.users import User, is_inactive, require_user
from streamtime.clock import Clock
from streamtime.database.tables.auth import api_tokens, sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.ids import new_password


class Administration:
    """Changes accounts on behalf of an administrator."""

    def __init__(
        self, database: Database, passwords: PasswordHashing, sessions: Sessions, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    async def set_role(self, tx: Transaction, user: User, role: Role, actor: Actor) -> None:
        """Set an account's role.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it is the last administrator.
        """
        row = await require_user(tx, user.id)
        if row["role"] == role.value:
            return
        if role is not Role.ADMIN:
            await require_another_admin(tx, user.id)
        await _set(tx, user, role=role.value)
        await self._audit.record(tx, actor, AuditEvent.ROLE_CHANGED, user.name, before=row["role"], now=role.value)

    async def set_enabled(self, tx: Transaction, user: User, actor: Actor, *, enabled: bool) -> None:
        """Enable an account, or disable it with immediate effect.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it is the last administrator.
        """
        row = await require_user(tx, user.id)
        if (row["disabled_at_ms"] is None) == enabled:
            return
        if not enabled:
            await require_another_admin(tx, user.id)
        await _set(tx, user, disabled_at_ms=None if enabled else self._clock.now_ms())
        event = AuditEvent.ACCOUNT_ENABLED if enabled else AuditEvent.ACCOUNT_DISABLED
        await self._audit.record(tx, actor, event, user.name)

    async def approve(self, tx: Transaction, user: User, actor: Actor) -> None:
        """Approve an account that registered and waits for approval.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it is not waiting for approval.
        """
        row = await require_user(tx, user.id)
        if row["awaiting_at_ms"] is None:
            raise Conflict("This account does not wait for approval.", code="not_awaiting")
        await _set(tx, user, awaiting_at_ms=None)
        await self._audit.record(tx, actor, AuditEvent.ACCOUNT_APPROVED, user.name)

    async def set_quota(self, tx: Transaction, user: User, quota_bytes: int | None, actor: Actor) -> None:
        """Set an account's storage quota in bytes: None for the configured default, 0 for no limit.

        Raises:
            NotFound: the account has been deleted.
        """
        row = await require_user(tx, user.id)
        if row["quota_bytes"] == quota_bytes:
            return
        await tx.execute(update(users).where(users.c.id == user.id).values(quota_bytes=quota_bytes))
        before, now = (_quota_text(quota) for quota in (row["quota_bytes"], quota_bytes))
        await self._audit.record(tx, actor, AuditEvent.QUOTA_CHANGED, user.name, before=before, now=now)

    async def set_password(self, user: User, password: str, actor: Actor, *, keep_session: int | None = None) -> None:
        """Set a password and end all sessions of the account, except `keep_session`.

        Raises:
            NotFound: the account has been deleted.
            Invalid: the password is too short or too long.
        """
        hashed = await self._passwords.hash(password)

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            await _set(tx, user, password_hash=hashed)
            await self._sessions.end_all(tx, user.id, except_id=keep_session)
            await self._audit.record(tx, actor, AuditEvent.PASSWORD_CHANGED, user.name)

        await self._database.write(body)

    async def reset_password(self, user: User, actor: Actor) -> str:
        """Set a generated password, end all sessions, and return the password; it is not stored in plain text.

        Raises:
            NotFound: the account has been deleted.
        """
        password = new_password()
        await self.set_password(user, password, actor)
        return password

    async def end_sessions(self, tx: Transaction, user: User, actor: Actor) -> None:
        """End all sessions of an account. API tokens stay valid.

        Raises:
            NotFound: the account has been deleted.
        """
        await require_user(tx, user.id)
        count = await self._sessions.end_all(tx, user.id)
        await self._audit.record(tx, actor, AuditEvent.SESSION_ENDED, user.name, count=str(count))

    async def last_seen(self) -> dict[int, int]:
        """Return when each account last used a session or token, by row id; accounts that never did are left out."""
        sources = [
            select(sessions.c.user_id, sessions.c.last_used_at_ms.label("at")),
            select(api_tokens.c.user_id, api_tokens.c.last_used_at_ms.label("at")).where(
                api_tokens.c.last_used_at_ms.is_not(None)
            ),
        ]
        uses = sources[0].union_all(sources[1]).subquery()
        query = select(uses.c.user_id, func.max(uses.c.at)).group_by(uses.c.user_id)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}


async def require_another_admin(tx: Transaction, user_id: int) -> None:
    """Return if an account may lose the administrator role.

    Raises:
        Conflict: it is the only active administrator.
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
        message = f"{row['name']} is the last administrator: nobody could run this server. Make another one first."
        raise Conflict(message, code="last_admin")


async def _set(tx: Transaction, user: User, **values: object) -> None:
    await tx.execute(update(users).where(users.c.id == user.id).values(**values))
    await tx.bump_epoch()


def _quota_text(quota_bytes: int | None) -> str:
    return {None: "default", 0: "none"}.get(quota_bytes, f"{quota_bytes} bytes")
