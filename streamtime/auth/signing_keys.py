"""Keys of signed tokens: those in the database are created when needed and rotated monthly."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, insert, select

from streamtime.clock import Clock
from streamtime.database.tables.auth import signing_keys
from streamtime.database.transaction import Database, EpochWatch, Transaction
from streamtime.ids import public_id

ROTATE_AFTER_MS = 30 * 86_400_000
"""A new key signs after a month."""

VERIFY_OVERLAP_MS = 86_400_000
"""How long a rotated key still verifies: longer than the lifetime of everything that is signed."""


class Purpose(StrEnum):
    """The purpose of a key."""

    ACCESS = "access"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of 256 random bits, and the key id that signed tokens contain."""

    public_id: str
    secret: bytes
    created_at_ms: int


class SigningKeys:
    """The keys of one purpose, cached until the epoch changes."""

    def __init__(self, database: Database, epoch: EpochWatch, clock: Clock, purpose: Purpose) -> None:
        self._database = database
        self._epoch = epoch
        self._clock = clock
        self._purpose = purpose
        self._cache: dict[str, SigningKey] = {}
        self._cache_epoch = -1

    async def current(self) -> SigningKey:
        """Return the key to sign with; create one if there is none."""
        newest = self._newest(await self._valid_keys())
        if newest is None:
            await self._database.write(self._rotate)
            newest = self._newest(await self._valid_keys())
        assert newest is not None, "one was written just now"  # noqa: S101  # for the type checker
        return newest

    async def find(self, key_id: str) -> SigningKey | None:
        """Return the key with that id, or None if it is unknown or no longer valid."""
        return (await self._valid_keys()).get(key_id)

    async def _valid_keys(self) -> dict[str, SigningKey]:
        epoch = self._epoch.current()
        if epoch != self._cache_epoch:
            query = select(signing_keys).where(signing_keys.c.purpose == self._purpose.value)
            async with self._database.read() as connection:
                rows = (await connection.execute(query.order_by(signing_keys.c.id))).mappings().all()
            self._cache = {
                row["public_id"]: SigningKey(row["public_id"], row["secret"], row["created_at_ms"]) for row in rows
            }
            self._cache_epoch = epoch
        oldest = self._clock.now_ms() - ROTATE_AFTER_MS - VERIFY_OVERLAP_MS
        return {name: key for name, key in self._cache.items() if key.created_at_ms > oldest}

    def _newest(self, keys: dict[str, SigningKey]) -> SigningKey | None:
        """Return the newest key that is not due for rotation."""
        oldest = self._clock.now_ms() - ROTATE_AFTER_MS
        current = [key for key in keys.values() if key.created_at_ms > oldest]
        return max(current, key=lambda key: key.created_at_ms, default=None)

    async def _rotate(self, tx: Transaction) -> None:
        now = self._clock.now_ms()
        table = signing_keys
        of_purpose = table.c.purpose == self._purpose.value
        await tx.execute(
            delete(table).where(of_purpose, table.c.created_at_ms <= now - ROTATE_AFTER_MS - VERIFY_OVERLAP_MS)
        )
        current = select(table.c.id).where(of_purpose, table.c.created_at_ms > now - ROTATE_AFTER_MS)
        if (await tx.execute(current)).first() is None:  # another request may have rotated it
            values = {"public_id": public_id(), "secret": secrets.token_bytes(32), "created_at_ms": now}
            await tx.execute(insert(table).values(**values, purpose=self._purpose.value))
        await tx.bump_epoch()


class ProcessKey:
    """One key that exists only in this process: a restart invalidates what it signed."""

    def __init__(self, clock: Clock) -> None:
        self._key = SigningKey(public_id(), secrets.token_bytes(32), clock.now_ms())

    async def current(self) -> SigningKey:
        """Return the key."""
        return self._key

    async def find(self, key_id: str) -> SigningKey | None:
        """Return the key if that is its id."""
        return self._key if key_id == self._key.public_id else None
