"""Codes of the second factor: TOTP (RFC 6238: six digits, SHA-1, 30 seconds) and recovery codes, each valid once.

The calling code has verified the password. `mfa.py` enables and disables second factors.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import pyotp
from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.failed_login_log import FailedLoginLog
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.clock import Clock, EpochMs
from streamtime.database.tables.auth import recovery_codes, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import TooManyRequests, Unauthenticated, WrongCode
from streamtime.ids import fingerprint, recovery_code

STEP_MS = 30_000
DIGITS = 6

DRIFT_STEPS = 1
"""Accepted clock drift of a phone in either direction, in steps (RFC 6238, section 6)."""

ISSUER = "Streamtime"
"""The issuer that authenticator apps show beside the account's name."""


def generate_secret() -> str:
    """Return a TOTP secret of 160 random bits, in base32 (RFC 4226, section 4)."""
    return pyotp.random_base32()


def provisioning_uri(key: str, account: str) -> str:
    """Return the `otpauth:` URI for a QR code."""
    return pyotp.TOTP(key).provisioning_uri(name=account, issuer_name=ISSUER)


def matching_step(key: str, code: str, now_ms: EpochMs, *, after: int) -> int | None:
    """Return the time step of `code`, if it is within the accepted drift and later than `after`; else None."""
    codes, now = pyotp.TOTP(key, digits=DIGITS), now_ms // STEP_MS
    for step in range(max(now - DRIFT_STEPS, after + 1), now + DRIFT_STEPS + 1):
        if hmac.compare_digest(codes.generate_otp(step).encode(), code.encode()):
            return step
    return None


CODE_COUNT = 10


def normalize_code(typed: str) -> str:
    """Return a typed code in lower case, without dashes and spaces."""
    return "".join(letter for letter in typed.casefold() if letter.isascii() and letter.isalnum())


async def replace_codes(tx: Transaction, user_id: int) -> list[str]:
    """Replace an account's recovery codes and return them; only their hashes are stored."""
    await delete_codes(tx, user_id)
    codes = [recovery_code() for _ in range(CODE_COUNT)]
    rows = [{"user_id": user_id, "code_sha256": fingerprint(normalize_code(code))} for code in codes]
    await tx.execute_many(insert(recovery_codes), rows)
    return codes


async def use_code(tx: Transaction, user_id: int, typed: str, now_ms: EpochMs) -> bool:
    """Use a recovery code; return False if it is not one of the account's or was used before."""
    ours = (recovery_codes.c.user_id == user_id, recovery_codes.c.code_sha256 == fingerprint(normalize_code(typed)))
    unused = update(recovery_codes).where(*ours, recovery_codes.c.used_at_ms.is_(None))
    return (await tx.execute(unused.values(used_at_ms=now_ms))).rowcount == 1


async def delete_codes(tx: Transaction, user_id: int) -> None:
    """Delete all recovery codes of an account."""
    await tx.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))


def unused_codes_query(user_id: int) -> Select[int]:
    """Return the query for the number of an account's unused recovery codes."""
    unused = (recovery_codes.c.user_id == user_id, recovery_codes.c.used_at_ms.is_(None))
    return select(func.count()).select_from(recovery_codes).where(*unused)


T = TypeVar("T")
LimitKeys = dict[RateLimit, str]


@dataclass(frozen=True, slots=True)
class VerifiedCode:
    """A verified code: since when its factor is enabled (None without a factor), and the attempts it used."""

    since_ms: int | None
    limit_keys: LimitKeys


class SecondFactorCodes:
    """Verifies codes, rate limited."""

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
        """Verify and use a code of an account's second factor. Without a second factor any code is accepted.

        Raises:
            WrongCode: the code is wrong or was used before.
            Unauthenticated: the account was deleted in the meantime.
            TooManyRequests: too many attempts.
        """

        async def body(tx: Transaction) -> tuple[int | None] | None:
            row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().first()
            if row is None:
                raise Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
            if row["totp_since_ms"] is not None and not await self._use(tx, row, typed, client):
                return None
            return (row["totp_since_ms"],)

        (since_ms,), limit_keys = await self.rate_limited(user_id, name, client, body)
        return VerifiedCode(since_ms, limit_keys)

    async def rate_limited(
        self, user_id: int, name: str, client: ClientInfo, body: Callable[[Transaction], Awaitable[T | None]]
    ) -> tuple[T, LimitKeys]:
        """Run `body`, which checks a code, in a transaction. It returns None for a wrong code.

        Return its result and the rate limit keys; the calling code refunds the attempt when the sign-in succeeds.

        Raises:
            WrongCode: the code is wrong.
            TooManyRequests: too many attempts at this account, or at it from this network.
        """
        limit_keys = {RateLimit.FACTOR_ACCOUNT: str(user_id), RateLimit.FACTOR_PAIR: f"{user_id} {client.network}"}
        try:
            self._rate_limiter.consume(limit_keys)
        except TooManyRequests:
            self._failed_logins.count(client)
            raise
        result = await self._database.write(body)
        if result is None:
            await self._failed_logins.record(name, client, why="wrong code")
            raise WrongCode
        return result, limit_keys

    def refund(self, limit_keys: LimitKeys) -> None:
        """Give back the attempt of a right code."""
        self._rate_limiter.refund(limit_keys)

    async def use_step(self, tx: Transaction, row: RowMapping, typed: str) -> bool:
        """Check a TOTP code and mark its time step as used. The factor of the account's `row` may be disabled."""
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
