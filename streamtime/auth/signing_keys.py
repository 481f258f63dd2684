"""The keys that tokens and tickets are signed with: made when needed, changed now and then, believed a day longer."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, insert, select

from streamtime.clock import Clock
from streamtime.database.epoch import EpochWatch
from streamtime.database.people_tables import signing_keys
from streamtime.database.transaction import Database, Transaction
from streamtime.ids import public_id

ROTATE_AFTER_MS = 30 * 86_400_000
"""After a month another key signs."""

VERIFY_OVERLAP_MS = 86_400_000
"""How long an older key is believed after that: longer than anything that is signed lasts."""


class Purpose(StrEnum):
    """What a key is for."""

    ACCESS = "access"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of 256 random bits, and the name that what it signed carries."""

    public_id: str
    secret: bytes
    created_at_ms: int


class SigningKeys:
    """The keys of one purpose. They are read once, and again when a restore or a command has changed them."""

    def __init__(self, database: Database, epoch: EpochWatch, clock: Clock, purpose: Purpose) -> None:
        self._database = database
        self._epoch = epoch
        self._clock = clock
        self._purpose = purpose
        self._cache: dict[str, SigningKey] = {}
        self._cache_epoch = -1

    async def current(self) -> SigningKey:
        """The key to sign with now."""
        newest = self._newest(await self._valid_keys())
        if newest is None:
            await self._database.write(self._rotate)
            newest = self._newest(await self._valid_keys())
        assert newest is not None, "one was written just now"  # noqa: S101  # for the reader and the type checker
        return newest

    async def find(self, key_id: str) -> SigningKey | None:
        """The key of that name, or None where it is not believed any more."""
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
        """The youngest key that still signs."""
        oldest = self._clock.now_ms() - ROTATE_AFTER_MS
        young = [key for key in keys.values() if key.created_at_ms > oldest]
        return max(young, key=lambda key: key.created_at_ms, default=None)

    async def _rotate(self, tx: Transaction) -> None:
        now = self._clock.now_ms()
        table = signing_keys
        ours = table.c.purpose == self._purpose.value
        await tx.execute(delete(table).where(ours, table.c.created_at_ms <= now - ROTATE_AFTER_MS - VERIFY_OVERLAP_MS))
        there = select(table.c.id).where(ours, table.c.created_at_ms > now - ROTATE_AFTER_MS)
        if (await tx.execute(there)).first() is None:  # two may have asked at once
            values = {"public_id": public_id(), "secret": secrets.token_bytes(32), "created_at_ms": now}
            await tx.execute(insert(table).values(**values, purpose=self._purpose.value))
        await tx.bump_epoch()
