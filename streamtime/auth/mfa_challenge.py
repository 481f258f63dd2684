"""Half way in: the password is proved and the code is not, as a signed note in a cookie. It is no session.

What is signed covers the password and the second factor as they were, and both are looked up again: a note ends with
either, when its account is shut out, and after five minutes.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import ClientInfo
from streamtime.auth.sign_in import VerifiedPassword, password_limit_keys
from streamtime.auth.signing_keys import SigningKey, SigningKeys
from streamtime.auth.users import is_inactive
from streamtime.clock import Clock
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database
from streamtime.errors import Unauthenticated

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
