"""Signing in and out: a proof first, a session after it. A session is what a cookie or a refresh token stands for.

`prove` and `begin` are apart on purpose: `prove_code` stands between them where an account has a second factor, and
only who has passed all of it gets back the tries that were spent.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, insert, select

from streamtime.accounts.audit import Actor, Audit, Deed
from streamtime.accounts.factor_codes import FactorCodes
from streamtime.accounts.failures import Failures
from streamtime.accounts.limits import Limited, Limits
from streamtime.accounts.passwords import PasswordHashing
from streamtime.accounts.users import Users, shut_out
from streamtime.accounts.visit import Visit
from streamtime.clock import Clock
from streamtime.database.people_tables import sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import CodeNeeded, TooMany, Unauthenticated
from streamtime.ids import fingerprint, public_id, secret

MAX_NAME = 64
"""What of a name counts for the limits: none that exists is longer."""


class SessionKind(StrEnum):
    """What a session's secret is: a browser's cookie, or a client's refresh token."""

    BROWSER = "browser"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Proved:
    """Somebody who knows the password of an account, and the tries that this cost."""

    user_id: int
    name: str
    password_hash: str
    tries: dict[Limited, str]
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
        codes: FactorCodes,
        limits: Limits,
        audit: Audit,
        failures: Failures,
        clock: Clock,
        *,
        lifetime_s: int,
    ) -> None:
        self._database = database
        self._users = users
        self._passwords = passwords
        self._codes = codes
        self._limits = limits
        self._audit = audit
        self._failures = failures
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def with_password(
        self, name: str, password: str, visit: Visit, kind: SessionKind = SessionKind.BROWSER, *, code: str = ""
    ) -> NewSession:
        """Start a session by name and password, and by a code where the account has a second factor.

        Raises:
            CodeNeeded: it has one, and there is no code.
            WrongCode: the code is none of it.
            Unauthenticated: name or password is wrong.
            TooMany: it was tried too often.
        """
        proved = await self.prove(name, password, visit)
        if code:
            proved = await self.prove_code(proved, code, visit)
        return await self.begin(proved, visit, kind)

    async def prove(self, name: str, password: str, visit: Visit) -> Proved:
        """Look whether a password is that of an account. A wrong name and a wrong password look and take the same.

        Raises:
            Unauthenticated: one of the two is wrong.
            TooMany: it was tried too often, at this account or from this address.
        """
        tries = tries_of(name, visit)
        try:
            self._limits.spend(tries)
        except TooMany:
            self._failures.count(visit)
            raise
        known = await self._users.password_hash(name)
        try:  # an account without a password takes as long to say no
            right = await self._passwords.verify((known[1] or None) if known else None, password)
        except TooMany:  # it was never looked at
            self._limits.give_back(tries)
            raise
        if not right or known is None:
            await self._failures.note(name, visit)
            raise Unauthenticated("That name and password do not belong together.", code="wrong_password")
        return Proved(known[0], name, known[1], tries)

    async def prove_code(self, proved: Proved, typed: str, visit: Visit) -> Proved:
        """Look whether somebody who knows the password has a code too, and use it up. Without a factor all are right.

        Raises:
            WrongCode: it is none.
            Unauthenticated: the account was deleted meanwhile.
            TooMany: it was tried too often, at this account or at it from this address.
        """
        shown = await self._codes.prove(proved.user_id, proved.name, typed, visit)
        return replace(proved, factor_since_ms=shown.since_ms, tries=proved.tries | shown.tries)

    async def begin(self, proved: Proved, visit: Visit, kind: SessionKind = SessionKind.BROWSER) -> NewSession:
        """Start a session for somebody who has proved themselves. Its id is always a new one.

        Raises:
            CodeNeeded: the account has a second factor, and no code of it was shown.
            Unauthenticated: the password was changed, or the account shut out, while it was being proved.
        """
        still = select(users).where(users.c.id == proved.user_id, users.c.password_hash == proved.password_hash)
        changed = Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
        session = await self._begin(still, visit, kind, changed, proved=proved)
        self.passed(proved)
        return session

    async def begin_vouched(self, user_id: int, visit: Visit, *, by: str) -> NewSession:
        """Start a browser's session for somebody for whom a provider vouches; `by` is its name, for the audit.

        Raises:
            Unauthenticated: the account is shut out.
        """
        theirs = select(users).where(users.c.id == user_id)
        shut = Unauthenticated("This account is disabled. Ask whoever runs this server.", code="disabled")
        return await self._begin(theirs, visit, SessionKind.BROWSER, shut, by=by)

    async def _begin(
        self,
        whose: Select[Any],
        visit: Visit,
        kind: SessionKind,
        shut: Unauthenticated,
        *,
        proved: Proved | None = None,
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
            "user_agent": visit.user_agent,
            "address": visit.address,
            "created_at_ms": now,
            "last_used_at_ms": now,
            "expires_at_ms": now + self._lifetime_s * 1000,
        }

        async def body(tx: Transaction) -> str:
            row = (await tx.execute(whose)).mappings().first()
            if row is not None and row["awaiting_at_ms"] is not None:
                raise Unauthenticated("This account waits for approval by whoever runs this server.", code="awaiting")
            if row is None or shut_out(row):
                raise shut
            if proved is not None and row["totp_since_ms"] not in {None, proved.factor_since_ms}:
                raise CodeNeeded
            await tx.execute(delete(sessions).where(sessions.c.expires_at_ms < now))
            await tx.execute(insert(sessions).values(**values, user_id=row["id"]))
            actor = Actor(row["id"], row["name"], visit.address)
            await self._audit.note(tx, actor, Deed.SIGNED_IN, row["name"], kind=kind.value, **detail)
            user_public_id: str = row["public_id"]
            return user_public_id

        user_public_id = await self._database.write(body)
        return NewSession(value, self._lifetime_s, session_id, user_public_id)

    def passed(self, proved: Proved) -> None:
        """Give back the tries of somebody who has passed all that was asked."""
        self._limits.give_back(proved.tries)

    async def end(self, actor: Actor, session_id: int) -> None:
        """Sign out: end a session, whoever holds its cookie."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(sessions).where(sessions.c.id == session_id))
            await self._audit.note(tx, actor, Deed.SIGNED_OUT, actor.name)
            await tx.raise_epoch()

        await self._database.write(body)


def tries_of(name: str, visit: Visit) -> dict[Limited, str]:
    """What a try at the password of that account, from there, is counted under."""
    account = name.casefold()[:MAX_NAME]
    return {
        Limited.SIGN_IN_ACCOUNT: account,
        Limited.SIGN_IN_PAIR: f"{account} {visit.network}",
        Limited.SIGN_IN_ADDRESS: visit.network,
    }
