"""Codes of a second factor at the moment that they are shown: by time or from the paper, each good once.

Whoever shows one has proved the password before. `second_factor.py` turns factors on and off.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.engine import RowMapping

from streamtime.accounts.audit import Actor, Audit, Deed
from streamtime.accounts.failures import Failures
from streamtime.accounts.limits import Limited, Limits
from streamtime.accounts.recovery_codes import codes_left, plain, use_code
from streamtime.accounts.totp import DIGITS, step_of
from streamtime.accounts.visit import Visit
from streamtime.clock import Clock
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import TooMany, Unauthenticated, WrongCode

T = TypeVar("T")
Tries = dict[Limited, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """That a code was right: of the factor turned on then (None where there is none), and the tries it cost."""

    since_ms: int | None
    tries: Tries


class FactorCodes:
    """Judges codes, within limits."""

    def __init__(self, database: Database, limits: Limits, audit: Audit, failures: Failures, clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._audit = audit
        self._failures = failures
        self._clock = clock

    async def prove(self, user_id: int, name: str, typed: str, visit: Visit) -> Shown:
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
            if row["totp_since_ms"] is not None and not await self._use(tx, row, typed, visit):
                return None
            return (row["totp_since_ms"],)

        (since_ms,), tries = await self.trying(user_id, name, visit, body)
        return Shown(since_ms, tries)

    async def trying(
        self, user_id: int, name: str, visit: Visit, body: Callable[[Transaction], Awaitable[T | None]]
    ) -> tuple[T, Tries]:
        """Do what takes a code, in a transaction, within the limits: None from it is a wrong one. The tries stay spent.

        Raises:
            WrongCode: it was wrong.
            TooMany: it was tried too often, at this account or at it from this address.
        """
        tries = {Limited.FACTOR_ACCOUNT: str(user_id), Limited.FACTOR_PAIR: f"{user_id} {visit.network}"}
        try:
            self._limits.spend(tries)
        except TooMany:
            self._failures.count(visit)
            raise
        done = await self._database.write(body)
        if done is None:
            await self._failures.note(name, visit, why="wrong code")
            raise WrongCode
        return done, tries

    def give_back(self, tries: Tries) -> None:
        """Undo what a right code has cost."""
        self._limits.give_back(tries)

    async def use_step(self, tx: Transaction, row: RowMapping, typed: str) -> bool:
        """Use up the step of a code by time. The row is the account's; its key need not count yet."""
        step = step_of(row["totp_secret"], plain(typed), self._clock.now_ms(), after=row["totp_step"])
        if step is None:
            return False
        await tx.execute(update(users).where(users.c.id == row["id"]).values(totp_step=step))
        return True

    async def _use(self, tx: Transaction, row: RowMapping, typed: str, visit: Visit) -> bool:
        if len(plain(typed)) == DIGITS:
            return await self.use_step(tx, row, typed)
        if not await use_code(tx, row["id"], typed, self._clock.now_ms()):
            return False
        left = (await tx.execute(codes_left(row["id"]))).scalar_one()
        actor = Actor(row["id"], row["name"], visit.address)
        await self._audit.note(tx, actor, Deed.RECOVERY_CODE_USED, row["name"], left=str(left))
        return True
