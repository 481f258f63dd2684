"""Second factor of accounts: enrollment, enabling and disabling, recovery codes, and the challenge during sign-in.

Enabling or disabling it ends the account's other sessions. The TOTP secret is stored in plain text, since codes are
computed from it. The calling code checks the password first. A challenge is a signed cookie, valid for five minutes:
the password was verified and a code is still needed. It ends when the password, the factor or the account's state
changes.
"""

from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.mfa_codes import (
    SecondFactorCodes,
    delete_codes,
    generate_secret,
    provisioning_uri,
    replace_codes,
    unused_codes_query,
)
from streamtime.auth.sessions import Sessions
from streamtime.auth.sign_in import NewSession, VerifiedPassword, password_limit_keys
from streamtime.auth.signed_tokens import SignedTokens, TokenKeys, TokenKind, claim_fingerprint
from streamtime.auth.users import User, is_inactive, require_user
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Unauthenticated

CHALLENGE_LIFETIME_S = 300
"""Validity of a challenge: time enough to find the phone."""


class _ChallengeClaims(msgspec.Struct, frozen=True, rename={"user": "sub", "state": "fpt"}):
    user: str
    """The public id of the account."""
    state: bytes
    """The fingerprint of the password and the factor: a challenge ends when one of them changes."""


class MfaChallenges:
    """Issues and verifies challenges."""

    def __init__(self, database: Database, keys: TokenKeys, clock: Clock) -> None:
        self._database = database
        self._tokens = SignedTokens(TokenKind.MFA_CHALLENGE, _ChallengeClaims, keys, clock)
        self._clock = clock

    async def issue(self, verified: VerifiedPassword) -> str:
        """Issue a challenge after the password of an account was verified.

        Raises:
            Unauthenticated: the password was changed or the account deleted in the meantime.
        """
        row = await self._row(users.c.id == verified.user_id)
        if row is None or row["password_hash"] != verified.password_hash:
            raise Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
        claims = _ChallengeClaims(row["public_id"], _state(row))
        return (await self._tokens.issue(claims, self._clock.now_ms() + CHALLENGE_LIFETIME_S * 1000)).text

    async def verify(self, text: str, client: ClientInfo) -> VerifiedPassword | None:
        """Return the verified password of a challenge; None if it is expired or invalid."""
        token = await self._tokens.verify(text)
        row = None if token is None else await self._row(users.c.public_id == token.claims.user)
        if token is None or row is None or is_inactive(row) or token.claims.state != _state(row):
            return None
        return VerifiedPassword(row["id"], row["name"], row["password_hash"], password_limit_keys(row["name"], client))

    async def _row(self, which: ColumnElement[bool]) -> RowMapping | None:
        query = select(users).where(which, users.c.deleted_at_ms.is_(None))
        async with self._database.read() as connection:
            return (await connection.execute(query)).mappings().first()


def _state(row: RowMapping) -> bytes:
    return claim_fingerprint(f"{row['totp_since_ms']} {row['password_hash']}")


ALREADY_ENABLED_MESSAGE = "The second factor is on already."
NOT_ENABLED_MESSAGE = "There is no second factor."
_DISABLED_COLUMNS = {"totp_secret": None, "totp_since_ms": None, "totp_step": 0}


@dataclass(frozen=True, slots=True)
class TotpEnrollment:
    """A new TOTP secret, in base32 and as the `otpauth:` URI of a QR code. It is in force after `enable`."""

    secret: str
    provisioning_uri: str


@dataclass(frozen=True, slots=True)
class SecondFactorEnabled:
    """The new recovery codes, which are not available later, and the kept session with its new secret."""

    recovery_codes: list[str]
    session: NewSession | None


class SecondFactor:
    """Enables and disables the second factor of accounts."""

    def __init__(
        self, database: Database, sessions: Sessions, codes: SecondFactorCodes, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._codes = codes
        self._audit = audit
        self._clock = clock

    async def recovery_codes_left(self, user: User) -> int:
        """Return how many unused recovery codes an account has."""
        async with self._database.read() as connection:
            return int((await connection.execute(unused_codes_query(user.id))).scalar_one())

    async def begin_enrollment(self, user: User) -> TotpEnrollment:
        """Create a TOTP secret for an account without a second factor; it replaces one from an earlier enrollment.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has a second factor.
        """
        key = generate_secret()

        async def body(tx: Transaction) -> None:
            _require_disabled(await require_user(tx, user.id))
            await _set(tx, user, totp_secret=key, totp_step=0)

        await self._database.write(body)
        return TotpEnrollment(key, provisioning_uri(key, user.name))

    async def enable(
        self, user: User, typed: str, client: ClientInfo, actor: Actor, *, kept_session: int | None = None
    ) -> SecondFactorEnabled:
        """Enable the second factor, confirmed by the first code `typed`; `kept_session` stays signed in.

        Raises:
            NotFound: the account has been deleted.
            Conflict: there is no enrollment, or the second factor is enabled already.
            WrongCode: the code is wrong.
            TooManyRequests: too many attempts.
        """

        async def body(tx: Transaction) -> SecondFactorEnabled | None:
            row = await require_user(tx, user.id)
            _require_disabled(row)
            if row["totp_secret"] is None:
                raise Conflict("No key was made yet. Begin again with your password.", code="no_key")
            if not await self._codes.use_step(tx, row, typed):
                return None
            await _set(tx, user, totp_since_ms=self._clock.now_ms())
            codes = await replace_codes(tx, user.id)
            await self._audit.record(tx, actor, AuditEvent.SECOND_FACTOR_ON, user.name)
            return SecondFactorEnabled(codes, await self._end_other_sessions(tx, user, kept_session))

        enabled, limit_keys = await self._codes.rate_limited(user.id, user.name, client, body)
        self._codes.refund(limit_keys)
        return enabled

    async def regenerate_recovery_codes(self, tx: Transaction, user: User, actor: Actor) -> list[str]:
        """Replace the recovery codes and return them; they are not available later.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has no second factor.
        """
        _require_enabled(await require_user(tx, user.id))
        codes = await replace_codes(tx, user.id)
        await self._audit.record(tx, actor, AuditEvent.RECOVERY_CODES_MADE, user.name)
        return codes

    async def disable(
        self, tx: Transaction, user: User, actor: Actor, *, kept_session: int | None = None
    ) -> NewSession | None:
        """Disable the second factor and return the kept session with its new secret, if there is one.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has no second factor.
        """
        _require_enabled(await require_user(tx, user.id))
        await _set(tx, user, **_DISABLED_COLUMNS)
        await delete_codes(tx, user.id)
        await self._audit.record(tx, actor, AuditEvent.SECOND_FACTOR_OFF, user.name)
        return await self._end_other_sessions(tx, user, kept_session)

    async def admin_disable(self, tx: Transaction, user: User, actor: Actor) -> None:
        """Disable the second factor of another account on behalf of an administrator; all its sessions end.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has no second factor, or it is the actor's own account, which requires a code.
        """
        if user.id == actor.user_id:
            raise Conflict("Turn your own second factor off in your settings: that takes a code.", code="own_factor")
        await self.disable(tx, user, actor)

    async def _end_other_sessions(self, tx: Transaction, user: User, kept_session: int | None) -> NewSession | None:
        await self._sessions.end_all(tx, user.id, except_id=kept_session)
        return None if kept_session is None else await self._sessions.rotate_secret(tx, kept_session)


def _require_disabled(row: RowMapping) -> None:
    if row["totp_since_ms"] is not None:
        raise Conflict(ALREADY_ENABLED_MESSAGE, code="factor_on")


def _require_enabled(row: RowMapping) -> None:
    if row["totp_since_ms"] is None:
        raise Conflict(NOT_ENABLED_MESSAGE, code="no_factor")


async def _set(tx: Transaction, user: User, **values: object) -> None:
    await tx.execute(update(users).where(users.c.id == user.id).values(**values))
