"""Signing in and out: a proof first, a session after it. A session is what a cookie or a refresh token stands for.

`prove` and `begin` are apart on purpose: `verify_code` stands between them where an account has a second factor, and
only who has passed all of it gets back the tries that were spent.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, insert, select

from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.failed_logins import FailedLoginLog
from streamtime.auth.mfa_codes import SecondFactorCodes
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.users import Users, is_inactive
from streamtime.clock import Clock
from streamtime.database.people_tables import sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import SecondFactorRequired, TooManyRequests, Unauthenticated
from streamtime.ids import fingerprint, public_id, secret

MAX_NAME = 64
"""What of a name counts for the limits: none that exists is longer."""


class SessionKind(StrEnum):
    """What a session's secret is: a browser's cookie, or a client's refresh token."""

    BROWSER = "browser"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class VerifiedPassword:
    """Somebody who knows the password of an account, and the tries that this cost."""

    user_id: int
    name: str
    password_hash: str
    limit_keys: dict[RateLimit, str]
    factor_since_ms: int | None = None
    """Which second factor they have shown a code of: the one that was turned on then."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just made: its secret is known here and never again."""

    secret: str
    lifetime_s: int
    public_id: str
    user_public_id: str


class SignIn:
    """Makes sessions, and ends the one that somebody signs out of."""

    def __init__(
        self,
        database: Database,
        users: Users,
        passwords: PasswordHashing,
        codes: SecondFactorCodes,
        rate_limiter: RateLimiter,
        audit: AuditLog,
        failed_logins: FailedLoginLog,
        clock: Clock,
        *,
        lifetime_s: int,
    ) -> None:
        self._database = database
        self._users = users
        self._passwords = passwords
        self._codes = codes
        self._rate_limiter = rate_limiter
        self._audit = audit
        self._failed_logins = failed_logins
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def sign_in_with_password(
        self, name: str, password: str, client: ClientInfo, kind: SessionKind = SessionKind.BROWSER, *, code: str = ""
    ) -> NewSession:
        """Start a session by name and password, and by a code where the account has a second factor.

        Raises:
            SecondFactorRequired: it has one, and there is no code.
            WrongCode: the code is none of it.
            Unauthenticated: name or password is wrong.
            TooManyRequests: it was tried too often.
        """
        verified = await self.verify_password(name, password, client)
        if code:
            verified = await self.verify_code(verified, code, client)
        return await self.start_session(verified, client, kind)

    async def verify_password(self, name: str, password: str, client: ClientInfo) -> VerifiedPassword:
        """Look whether a password is that of an account. A wrong name and a wrong password look and take the same.

        Raises:
            Unauthenticated: one of the two is wrong.
            TooManyRequests: it was tried too often, at this account or from this address.
        """
        tries = password_limit_keys(name, client)
        try:
            self._rate_limiter.consume(tries)
        except TooManyRequests:
            self._failed_logins.count(client)
            raise
        known = await self._users.password_hash(name)
        try:  # an account without a password takes as long to say no
            right = await self._passwords.verify((known[1] or None) if known else None, password)
        except TooManyRequests:  # it was never looked at
            self._rate_limiter.refund(tries)
            raise
        if not right or known is None:
            await self._failed_logins.record(name, client)
            raise Unauthenticated("That name and password do not belong together.", code="wrong_password")
        return VerifiedPassword(known[0], name, known[1], tries)

    async def verify_code(self, verified: VerifiedPassword, typed: str, client: ClientInfo) -> VerifiedPassword:
        """Look whether somebody who knows the password has a code too, and use it up. Without a factor all are right.

        Raises:
            WrongCode: it is none.
            Unauthenticated: the account was deleted meanwhile.
            TooManyRequests: it was tried too often, at this account or at it from this address.
        """
        shown = await self._codes.verify(verified.user_id, verified.name, typed, client)
        return replace(verified, factor_since_ms=shown.since_ms, limit_keys=verified.limit_keys | shown.limit_keys)

    async def start_session(
        self, verified: VerifiedPassword, client: ClientInfo, kind: SessionKind = SessionKind.BROWSER
    ) -> NewSession:
        """Start a session for somebody who has proved themselves. Its id is always a new one.

        Raises:
            SecondFactorRequired: the account has a second factor, and no code of it was shown.
            Unauthenticated: the password was changed, or the account shut out, while it was being proved.
        """
        still = select(users).where(users.c.id == verified.user_id, users.c.password_hash == verified.password_hash)
        changed = Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
        session = await self._start_session(still, client, kind, changed, verified=verified)
        self.refund(verified)
        return session

    async def start_oidc_session(self, user_id: int, client: ClientInfo, *, by: str) -> NewSession:
        """Start a browser's session for somebody for whom a provider vouches; `by` is its name, for the audit.

        Raises:
            Unauthenticated: the account is shut out.
        """
        theirs = select(users).where(users.c.id == user_id)
        inactive_error = Unauthenticated("This account is disabled. Ask whoever runs this server.", code="disabled")
        return await self._start_session(theirs, client, SessionKind.BROWSER, inactive_error, by=by)

    async def _start_session(
        self,
        whose: Select[Any],
        client: ClientInfo,
        kind: SessionKind,
        inactive_error: Unauthenticated,
        *,
        verified: VerifiedPassword | None = None,
        **detail: str,
    ) -> NewSession:
        """Start a session for the account of that query; `shut` is raised where there is none that may come in.

        What was `proved` here is held against the account as it is now; a provider's word stands without it.
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
            row = (await tx.execute(whose)).mappings().first()
            if row is not None and row["awaiting_at_ms"] is not None:
                raise Unauthenticated("This account waits for approval by whoever runs this server.", code="awaiting")
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

    def refund(self, verified: VerifiedPassword) -> None:
        """Give back the tries of somebody who has passed all that was asked."""
        self._rate_limiter.refund(verified.limit_keys)

    async def sign_out(self, actor: Actor, session_id: int) -> None:
        """Sign out: end a session, whoever holds its cookie."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(sessions).where(sessions.c.id == session_id))
            await self._audit.record(tx, actor, AuditEvent.SIGNED_OUT, actor.name)
            await tx.bump_epoch()

        await self._database.write(body)


def password_limit_keys(name: str, client: ClientInfo) -> dict[RateLimit, str]:
    """What a try at the password of that account, from there, is counted under."""
    account = name.casefold()[:MAX_NAME]
    return {
        RateLimit.SIGN_IN_ACCOUNT: account,
        RateLimit.SIGN_IN_PAIR: f"{account} {client.network}",
        RateLimit.SIGN_IN_ADDRESS: client.network,
    }
