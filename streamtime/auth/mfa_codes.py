"""Codes of a second factor at the moment that they are shown: by time or from the paper, each good once.

Whoever shows one has proved the password before. `mfa.py` turns factors on and off.

Codes by time (RFC 6238): six digits from SHA-1, another each half minute, as every app makes them.

It knows keys and codes alone: `mfa_codes.py` says that none is good twice.

Recovery codes: ten ways in for whoever has lost the second factor, each good once, stored hashed.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import pyotp
from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.failed_logins import FailedLoginLog
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.clock import Clock, EpochMs
from streamtime.database.people_tables import recovery_codes, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import TooManyRequests, Unauthenticated, WrongCode
from streamtime.ids import fingerprint, recovery_code

STEP_MS = 30_000
DIGITS = 6

DRIFT_STEPS = 1
"""How far the clock of a phone may be off, either way (RFC 6238, section 6)."""

ISSUER = "Streamtime"
"""What apps call the account, beside its name."""


def generate_secret() -> str:
    """A key of 160 random bits, in base32 (RFC 4226, section 4)."""
    return pyotp.random_base32()


def provisioning_uri(key: str, account: str) -> str:
    """The `otpauth:` address that a QR code hands to an app."""
    return pyotp.TOTP(key).provisioning_uri(name=account, issuer_name=ISSUER)


def matching_step(key: str, code: str, now_ms: EpochMs, *, after: int) -> int | None:
    """The step that `code` is of, if it is near enough to now and later than the step `after`; else None."""
    codes, now = pyotp.TOTP(key, digits=DIGITS), now_ms // STEP_MS
    for step in range(max(now - DRIFT_STEPS, after + 1), now + DRIFT_STEPS + 1):
        if hmac.compare_digest(codes.generate_otp(step).encode(), code.encode()):
            return step
    return None


CODE_COUNT = 10


def normalize_code(typed: str) -> str:
    """A code as it was typed, without dashes, spaces and capitals."""
    return "".join(letter for letter in typed.casefold() if letter.isascii() and letter.isalnum())


async def replace_codes(tx: Transaction, user_id: int) -> list[str]:
    """Other codes for an account, which are known here and never again; those before are good no more."""
    await delete_codes(tx, user_id)
    codes = [recovery_code() for _ in range(CODE_COUNT)]
    rows = [{"user_id": user_id, "code_sha256": fingerprint(normalize_code(code))} for code in codes]
    await tx.execute_many(insert(recovery_codes), rows)
    return codes


async def use_code(tx: Transaction, user_id: int, typed: str, now_ms: EpochMs) -> bool:
    """Use a code up; False where it is none of the account's, or was used."""
    ours = (recovery_codes.c.user_id == user_id, recovery_codes.c.code_sha256 == fingerprint(normalize_code(typed)))
    unused = update(recovery_codes).where(*ours, recovery_codes.c.used_at_ms.is_(None))
    return (await tx.execute(unused.values(used_at_ms=now_ms))).rowcount == 1


async def delete_codes(tx: Transaction, user_id: int) -> None:
    """Drop all of an account."""
    await tx.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))


def unused_codes_query(user_id: int) -> Select[int]:
    """The question how many an account has not used."""
    unused = (recovery_codes.c.user_id == user_id, recovery_codes.c.used_at_ms.is_(None))
    return select(func.count()).select_from(recovery_codes).where(*unused)


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
            TooManyRequests: it was tried too often.
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
            TooManyRequests: it was tried too often, at this account or at it from this address.
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
