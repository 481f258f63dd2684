"""Sign-in and sign-out: verifies a password and a second factor, and creates sessions for browsers and API clients.

`PasswordVerifier.verify` and `SignIn.start_session` are separate since `verify_code` comes between them for accounts
with a second factor. The attempts are refunded only after all steps have succeeded.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, insert, select

from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.failed_login_log import FailedLoginLog
from streamtime.auth.mfa_codes import SecondFactorCodes
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.users import Users, is_inactive
from streamtime.clock import Clock
from streamtime.database.tables.auth import sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import SecondFactorRequired, TooManyRequests, Unauthenticated
from streamtime.ids import fingerprint, public_id, secret

MAX_NAME = 64
"""Characters of a name that count for rate limits; no existing name is longer."""


class SessionKind(StrEnum):
    """The kind of a session: its secret is a browser's cookie or an API client's refresh token."""

    BROWSER = "browser"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class VerifiedPassword:
    """An account with its verified password hash, and the rate limit keys of the attempt."""

    user_id: int
    name: str
    password_hash: str
    limit_keys: dict[RateLimit, str]
    factor_since_ms: int | None = None
    """When the verified second factor was enabled; None without one."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session with its secret, which is not available later."""

    secret: str
    lifetime_s: int
    public_id: str
    user_public_id: str


class PasswordVerifier:
    """Verifies passwords, limits the attempts and logs those that fail."""

    def __init__(
        self, users: Users, passwords: PasswordHashing, rate_limiter: RateLimiter, failed_logins: FailedLoginLog
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._rate_limiter = rate_limiter
        self._failed_logins = failed_logins

    async def verify(self, name: str, password: str, client: ClientInfo) -> VerifiedPassword:
        """Verify the password of an account. A wrong name and a wrong password give the same error in the same time.

        Raises:
            Unauthenticated: the name or the password is wrong.
            TooManyRequests: too many attempts at this account or from this network.
        """
        limit_keys = password_limit_keys(name, client)
        try:
            self._rate_limiter.consume(limit_keys)
        except TooManyRequests:
            self._failed_logins.count(client)
            raise
        stored = await self._users.password_hash(name)
        try:  # an account without a password takes as long to reject
            matches = await self._passwords.verify((stored[1] or None) if stored else None, password)
        except TooManyRequests:  # the password was not checked
            self._rate_limiter.refund(limit_keys)
            raise
        if not matches or stored is None:
            await self._failed_logins.record(name, client)
            raise Unauthenticated("That name and password do not belong together.", code="wrong_password")
        return VerifiedPassword(stored[0], name, stored[1], limit_keys)

    def refund(self, verified: VerifiedPassword) -> None:
        """Give back the attempts of a successful sign-in."""
        self._rate_limiter.refund(verified.limit_keys)


class SignIn:
    """Creates sessions, and ends them on sign-out."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordVerifier,
        codes: SecondFactorCodes,
        audit: AuditLog,
        clock: Clock,
        *,
        lifetime_s: int,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._codes = codes
        self._audit = audit
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def sign_in_with_password(
        self, name: str, password: str, client: ClientInfo, kind: SessionKind = SessionKind.BROWSER, *, code: str = ""
    ) -> NewSession:
        """Sign in with name and password, and with a code if the account has a second factor.

        Raises:
            SecondFactorRequired: the account has a second factor, and no code is given.
            WrongCode: the code is wrong.
            Unauthenticated: the name or the password is wrong.
            TooManyRequests: too many attempts.
        """
        verified = await self._passwords.verify(name, password, client)
        if code:
            verified = await self.verify_code(verified, code, client)
        return await self.start_session(verified, client, kind)

    async def verify_code(self, verified: VerifiedPassword, typed: str, client: ClientInfo) -> VerifiedPassword:
        """Verify and use a code after the password. Without a second factor any code is accepted.

        Raises:
            WrongCode: the code is wrong.
            Unauthenticated: the account was deleted in the meantime.
            TooManyRequests: too many attempts at this account, or at it from this network.
        """
        code = await self._codes.verify(verified.user_id, verified.name, typed, client)
        return replace(verified, factor_since_ms=code.since_ms, limit_keys=verified.limit_keys | code.limit_keys)

    async def start_session(
        self, verified: VerifiedPassword, client: ClientInfo, kind: SessionKind = SessionKind.BROWSER
    ) -> NewSession:
        """Create a session with a new id, after the password, and a code if needed, were verified.

        Raises:
            SecondFactorRequired: the account has a second factor, and no code was verified.
            Unauthenticated: the password was changed or the account disabled in the meantime.
        """
        unchanged = select(users).where(users.c.id == verified.user_id, users.c.password_hash == verified.password_hash)
        changed_error = Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
        session = await self._start_session(unchanged, client, kind, changed_error, verified=verified)
        self._passwords.refund(verified)
        return session

    async def start_oidc_session(self, user_id: int, client: ClientInfo, *, by: str) -> NewSession:
        """Create a browser session after a sign-in with an OpenID provider; `by` is its name, for the audit log.

        Raises:
            Unauthenticated: the account is disabled, deleted or not approved yet.
        """
        query = select(users).where(users.c.id == user_id)
        inactive_error = Unauthenticated("This account is disabled. Ask an administrator.", code="disabled")
        return await self._start_session(query, client, SessionKind.BROWSER, inactive_error, by=by)

    async def _start_session(
        self,
        query: Select[Any],
        client: ClientInfo,
        kind: SessionKind,
        inactive_error: Unauthenticated,
        *,
        verified: VerifiedPassword | None = None,
        **detail: str,
    ) -> NewSession:
        """Create a session for the account that `query` finds; raise `inactive_error` if it finds no active account.

        With `verified`, the verified second factor must be the account's current one. A provider's sign-in needs none.
        """
        value = secret()
        now = self._clock.now_ms()
        session_id = public_id()
        values = {
            "public_id": session_id,
            "kind": kind.value,
            "token_sha256": fingerprint(value),
            "user_agent": client.user_agent,
            "address": client.address,
            "created_at_ms": now,
            "last_used_at_ms": now,
            "expires_at_ms": now + self._lifetime_s * 1000,
        }

        async def body(tx: Transaction) -> str:
            row = (await tx.execute(query)).mappings().first()
            if row is not None and row["awaiting_at_ms"] is not None:
                raise Unauthenticated("This account waits for approval by an administrator.", code="awaiting")
            if row is None or is_inactive(row):
                raise inactive_error
            if verified is not None and row["totp_since_ms"] not in {None, verified.factor_since_ms}:
                raise SecondFactorRequired
            await tx.execute(delete(sessions).where(sessions.c.expires_at_ms < now))
            await tx.execute(insert(sessions).values(**values, user_id=row["id"]))
            actor = Actor(row["id"], row["name"], client.address)
            await self._audit.record(tx, actor, AuditEvent.SIGNED_IN, row["name"], kind=kind.value, **detail)
            user_public_id: str = row["public_id"]
            return user_public_id

        user_public_id = await self._database.write(body)
        return NewSession(value, self._lifetime_s, session_id, user_public_id)

    async def sign_out(self, actor: Actor, session_id: int) -> None:
        """End the session that the user signs out of."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(sessions).where(sessions.c.id == session_id))
            await self._audit.record(tx, actor, AuditEvent.SIGNED_OUT, actor.name)
            await tx.bump_epoch()

        await self._database.write(body)


def password_limit_keys(name: str, client: ClientInfo) -> dict[RateLimit, str]:
    """Return the rate limit keys of a password attempt at an account by a client."""
    account = name.casefold()[:MAX_NAME]
    return {
        RateLimit.SIGN_IN_ACCOUNT: account,
        RateLimit.SIGN_IN_PAIR: f"{account} {client.network}",
        RateLimit.SIGN_IN_ADDRESS: client.network,
    }
