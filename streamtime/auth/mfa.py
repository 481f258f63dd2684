"""The second factor of an account: offered, turned on with the first code, turned off; its recovery codes.

Turning it on or off ends the other sessions: they were begun under another rule. The key lies in the database as it is,
since each code is computed from it. What is asked for before any of it is for the caller to see.

Half way in: the password is proved and the code is not, as a signed note in a cookie. It is no session.

What is signed covers the password and the second factor as they were, and both are looked up again: a note ends with
either, when its account is shut out, and after five minutes.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass

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
from streamtime.auth.signing_keys import SigningKey, SigningKeys
from streamtime.auth.users import User, is_inactive, require_user
from streamtime.clock import Clock
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Unauthenticated

CHALLENGE_LIFETIME_S = 300
"""Time enough to find the phone."""

_SHAPE = re.compile(
    r"(?P<ends_s>[0-9a-f]{1,10})-(?P<user>[A-Za-z0-9]{1,64})-(?P<key>[A-Za-z0-9]{1,64})-(?P<signature>[A-Za-z0-9_-]{43})"
)


class MfaChallenges:
    """Makes such notes and reads them."""

    def __init__(self, database: Database, keys: SigningKeys, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    async def issue(self, verified: VerifiedPassword) -> str:
        """A note that somebody has proved the password just now.

        Raises:
            Unauthenticated: it was changed meanwhile, or the account is gone.
        """
        row = await self._row(users.c.id == verified.user_id)
        if row is None or row["password_hash"] != verified.password_hash:
            raise Unauthenticated("This account was changed a moment ago. Sign in again.", code="wrong_password")
        ends_s = self._clock.now_ms() // 1000 + CHALLENGE_LIFETIME_S
        key = await self._keys.current()
        return f"{ends_s:x}-{row['public_id']}-{key.public_id}-{_signature(key, row, ends_s)}"

    async def verify(self, text: str, client: ClientInfo) -> VerifiedPassword | None:
        """Who has come half way by that note; None where it is over or none of ours."""
        parts = _SHAPE.fullmatch(text)
        key = await self._keys.find(parts["key"]) if parts else None
        row = await self._row(users.c.public_id == parts["user"]) if parts and key else None
        if parts is None or key is None or row is None or is_inactive(row):
            return None
        ends_s = int(parts["ends_s"], 16)
        if not hmac.compare_digest(_signature(key, row, ends_s), parts["signature"]):
            return None
        if ends_s * 1000 <= self._clock.now_ms():
            return None
        return VerifiedPassword(row["id"], row["name"], row["password_hash"], password_limit_keys(row["name"], client))

    async def _row(self, which: ColumnElement[bool]) -> RowMapping | None:
        query = select(users).where(which, users.c.deleted_at_ms.is_(None))
        async with self._database.read() as connection:
            return (await connection.execute(query)).mappings().first()


def _signature(key: SigningKey, row: RowMapping, ends_s: int) -> str:
    words = f"half way {row['public_id']} {ends_s} {row['totp_since_ms']} {row['password_hash']}"
    return urlsafe_b64encode(hmac.new(key.secret, words.encode(), hashlib.sha256).digest()).decode().rstrip("=")


ALREADY_ENABLED_MESSAGE = "The second factor is on already."
NOT_ENABLED_MESSAGE = "There is no second factor."
_DISABLED_COLUMNS = {"totp_secret": None, "totp_since_ms": None, "totp_step": 0}


@dataclass(frozen=True, slots=True)
class TotpEnrollment:
    """A key to be put into an app: as text, and as the address in a QR code. It counts after its first code."""

    secret: str
    provisioning_uri: str


@dataclass(frozen=True, slots=True)
class SecondFactorEnabled:
    """The recovery codes, which are known here and never again, and the session that goes on, by another secret."""

    recovery_codes: list[str]
    session: NewSession | None


class SecondFactor:
    """Turns it on and off."""

    def __init__(
        self, database: Database, sessions: Sessions, codes: SecondFactorCodes, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._codes = codes
        self._audit = audit
        self._clock = clock

    async def recovery_codes_left(self, user: User) -> int:
        """How many recovery codes of an account are still good."""
        async with self._database.read() as connection:
            return int((await connection.execute(unused_codes_query(user.id))).scalar_one())

    async def begin_enrollment(self, user: User) -> TotpEnrollment:
        """Another key for an account that has no factor; one that was offered before is good no more.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has a factor.
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
        """Ask for codes of the offered key from now on, which `typed` is the first of; one session may go on.

        Raises:
            NotFound: the account has been deleted.
            Conflict: nothing was offered, or it has a factor.
            WrongCode: that is no code of it.
            TooManyRequests: it was tried too often.
        """

        async def body(tx: Transaction) -> SecondFactorEnabled | None:
            row = await require_user(tx, user.id)
            _require_disabled(row)
            if row["totp_secret"] is None:
                raise Conflict("No key was made yet. Begin again with your password.", code="no_key")
            if not await self._codes.use_step(tx, row, typed):
                return None
            await _set(tx, user, totp_since_ms=self._clock.now_ms())
            made = await replace_codes(tx, user.id)
            await self._audit.record(tx, actor, AuditEvent.SECOND_FACTOR_ON, user.name)
            return SecondFactorEnabled(made, await self._end_other_sessions(tx, user, kept_session))

        done, tries = await self._codes.rate_limited(user.id, user.name, client, body)
        self._codes.refund(tries)
        return done

    async def regenerate_recovery_codes(self, tx: Transaction, user: User, actor: Actor) -> list[str]:
        """Other recovery codes, which are known here and never again.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has no factor.
        """
        _require_enabled(await require_user(tx, user.id))
        made = await replace_codes(tx, user.id)
        await self._audit.record(tx, actor, AuditEvent.RECOVERY_CODES_MADE, user.name)
        return made

    async def disable(
        self, tx: Transaction, user: User, actor: Actor, *, kept_session: int | None = None
    ) -> NewSession | None:
        """Ask for no code any more; the session that goes on, by another secret, if one may.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has no factor.
        """
        _require_enabled(await require_user(tx, user.id))
        await _set(tx, user, **_DISABLED_COLUMNS)
        await delete_codes(tx, user.id)
        await self._audit.record(tx, actor, AuditEvent.SECOND_FACTOR_OFF, user.name)
        return await self._end_other_sessions(tx, user, kept_session)

    async def admin_disable(self, tx: Transaction, user: User, actor: Actor) -> None:
        """The same for somebody who has lost it, by those who run the server: all sessions of the account end.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it has no factor, or is the actor's own: that takes the password and a code.
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
