"""Signing in and out with a password: sessions that a cookie stands for."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from streamtime.accounts.passwords import PasswordHashing
from streamtime.accounts.users import Users, shut_out
from streamtime.clock import Clock
from streamtime.database.people_tables import sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Unauthenticated
from streamtime.ids import fingerprint, public_id, secret

MAX_USER_AGENT = 300


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just made: the cookie's value is known here and never again."""

    cookie: str
    lifetime_s: int


class SignIn:
    """Makes and ends sessions."""

    def __init__(
        self, database: Database, users: Users, passwords: PasswordHashing, clock: Clock, *, lifetime_s: int
    ) -> None:
        self._database = database
        self._users = users
        self._passwords = passwords
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def with_password(self, name: str, password: str, *, user_agent: str) -> NewSession:
        """Start a session. A wrong name and a wrong password look and take the same.

        Raises:
            Unauthenticated: one of the two is wrong.
        """
        known = await self._users.password_hash(name)
        if not await self._passwords.verify(known[1] if known else None, password) or known is None:
            raise Unauthenticated("That name and password do not belong together.", code="wrong_password")
        return await self._start(known[0], known[1], user_agent=user_agent)

    async def _start(self, user_id: int, proved_hash: str, *, user_agent: str) -> NewSession:
        """Start a session for an account that has proved itself against `proved_hash`. Its id is always a new one.

        Raises:
            Unauthenticated: the password was changed, or the account shut out, while it was being proved.
        """
        cookie = secret()
        now = self._clock.now_ms()
        values = {
            "public_id": public_id(),
            "user_id": user_id,
            "token_sha256": fingerprint(cookie),
            "user_agent": user_agent[:MAX_USER_AGENT],
            "created_at_ms": now,
            "last_used_at_ms": now,
            "expires_at_ms": now + self._lifetime_s * 1000,
        }

        async def body(tx: Transaction) -> None:
            still = select(users).where(users.c.id == user_id, users.c.password_hash == proved_hash)
            row = (await tx.execute(still)).mappings().first()
            if row is not None and row["awaiting_at_ms"] is not None:
                raise Unauthenticated("This account waits for approval by whoever runs this server.", code="awaiting")
            if row is None or shut_out(row):
                raise Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
            await tx.execute(delete(sessions).where(sessions.c.expires_at_ms < now))
            await tx.execute(insert(sessions).values(**values))

        await self._database.write(body)
        return NewSession(cookie=cookie, lifetime_s=self._lifetime_s)

    async def end(self, session_id: int) -> None:
        """End a session, whoever holds its cookie."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(sessions).where(sessions.c.id == session_id))
            await tx.raise_epoch()

        await self._database.write(body)
