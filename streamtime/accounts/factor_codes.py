"""Codes of a second factor at the moment that they are shown: by time or from the paper, each good once.

Whoever shows one has proved the password before. `second_factor.py` turns factors on and off.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.engine import RowMapping

from streamtime.accounts.audit import Actor, AuditEvent, AuditLog
from streamtime.accounts.failures import FailedLoginLog
from streamtime.accounts.limits import RateLimit, RateLimiter
from streamtime.accounts.recovery_codes import normalize_code, unused_codes_query, use_code
from streamtime.accounts.totp import DIGITS, matching_step
from streamtime.accounts.visit import ClientInfo
from streamtime.clock import Clock
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import TooManyRequests, Unauthenticated, WrongCode

T = TypeVar("T")
LimitKeys = dict[RateLimit, str]


@dataclass(frozen=True, slots=True)
class VerifiedCode:
    """That a code was right: of the factor turned on then (None where there is none), and the tries it cost."""

    since_ms: int | None
    limit_keys: LimitKeys


class SecondFactorCodes:
    """Judges codes, within limits."""

    def __init__(
        self,
        database: Database,
        rate_limiter: RateLimiter,
        audit: AuditLog,
        failed_logins: FailedLoginLog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._rate_limiter = rate_limiter
        self._audit = audit
        self._failed_logins = failed_logins
        self._clock = clock

    async def verify(self, user_id: int, name: str, typed: str, client: ClientInfo) -> VerifiedCode:
        """Use up a code of an account's second factor. Where it has none, whatever is typed is right.

        Raises:
            WrongCode: it is none, or was used.
            Unauthenticated: the account was deleted meanwhile.
            TooMany: it was tried too often.
        """

        async def body(tx: Transaction) -> tuple[int | None] | None:
            row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().first()
            if row is None:
                raise Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
            if row["totp_since_ms"] is not None and not await self._use(tx, row, typed, client):
                return None
            return (row["totp_since_ms"],)

        (since_ms,), tries = await self.rate_limited(user_id, name, client, body)
        return VerifiedCode(since_ms, tries)

    async def rate_limited(
        self, user_id: int, name: str, client: ClientInfo, body: Callable[[Transaction], Awaitable[T | None]]
    ) -> tuple[T, LimitKeys]:
        """Do what takes a code, in a transaction, within the limits: None from it is a wrong one. The tries stay spent.

        Raises:
            WrongCode: it was wrong.
            TooMany: it was tried too often, at this account or at it from this address.
        """
        tries = {RateLimit.FACTOR_ACCOUNT: str(user_id), RateLimit.FACTOR_PAIR: f"{user_id} {client.network}"}
        try:
            self._rate_limiter.consume(tries)
        except TooManyRequests:
            self._failed_logins.count(client)
            raise
        done = await self._database.write(body)
        if done is None:
            await self._failed_logins.record(name, client, why="wrong code")
            raise WrongCode
        return done, tries

    def refund(self, tries: LimitKeys) -> None:
        """Undo what a right code has cost."""
        self._rate_limiter.refund(tries)

    async def use_step(self, tx: Transaction, row: RowMapping, typed: str) -> bool:
        """Use up the step of a code by time. The row is the account's; its key need not count yet."""
        step = matching_step(row["totp_secret"], normalize_code(typed), self._clock.now_ms(), after=row["totp_step"])
        if step is None:
            return False
        await tx.execute(update(users).where(users.c.id == row["id"]).values(totp_step=step))
        return True

    async def _use(self, tx: Transaction, row: RowMapping, typed: str, client: ClientInfo) -> bool:
        if len(normalize_code(typed)) == DIGITS:
            return await self.use_step(tx, row, typed)
        if not await use_code(tx, row["id"], typed, self._clock.now_ms()):
            return False
        left = (await tx.execute(unused_codes_query(row["id"]))).scalar_one()
        actor = Actor(row["id"], row["name"], client.address)
        await self._audit.record(tx, actor, AuditEvent.RECOVERY_CODE_USED, row["name"], left=str(left))
        return True
