"""Reads whole objects again, the longest unread first, and compares them with what was written down when they came.

Slowly: it keeps to a rate, whatever the disk could do. A store that is away is no damage. What cannot be read from a
store that answers otherwise, or is other bytes, is; so is what is missing.
"""

import asyncio
import hashlib
from contextlib import aclosing
from dataclasses import dataclass, field

from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import NotFound, StreamtimeError
from streamtime.maintenance.reconcile import MISSING
from streamtime.storage.objects.ledger import DamagedObject, Inventory, ObjectRow
from streamtime.storage.objects.stores import Stores

READ_ATTEMPTS = 2
"""A disk that failed to read once may have been busy failing over."""


@dataclass(frozen=True, slots=True)
class ScrubPolicy:
    """How often each object is read (0: never), and how fast."""

    every_ms: int
    bytes_per_s: int


@dataclass(slots=True)
class ScrubReport:
    """What one stretch of scrubbing came to."""

    objects: int = 0
    length_bytes: int = 0
    damaged: list[DamagedObject] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    more: bool = False
    """Whether there is something left that is due."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an object turned out to be; `words` tell what is wrong with it."""

    length_bytes: int = 0
    sha256: bytes = b""
    damage: str = ""


class Scrubber:
    """Goes on where it stopped: the order is in the rows."""

    def __init__(
        self, database: Database, inventory: Inventory, stores: Stores, clock: Clock, policy: ScrubPolicy
    ) -> None:
        self._database = database
        self._inventory = inventory
        self._stores = stores
        self._clock = clock
        self._policy = policy

    async def due(self) -> bool:
        """Whether any object is to be read."""
        return await self._next([*self._stores.object_stores], self._before_ms()) is not None

    async def scrub(self, *, for_s: float) -> ScrubReport:
        """Read what is due, for so many seconds; the object under way is read to its end."""
        report, end = ScrubReport(), self._clock.monotonic() + for_s
        stores, before_ms = [*self._stores.object_stores], self._before_ms()  # what it reads is not due again within it
        while row := await self._next(stores, before_ms):
            if self._clock.monotonic() >= end:
                report.more = True
                break
            try:
                reading = await self._read(row)
            except StreamtimeError:
                stores.remove(row.store)
                report.unavailable.append(row.store)
            else:
                await self._record(row, reading, report)
        return report

    def _before_ms(self) -> int:
        return self._clock.now_ms() - self._policy.every_ms

    async def _next(self, stores: list[str], before_ms: int) -> ObjectRow | None:
        return await self._inventory.next_to_scrub(stores, before_ms=before_ms) if self._policy.every_ms else None

    async def _record(self, row: ObjectRow, reading: _Reading, report: ScrubReport) -> None:
        words = reading.damage or _difference(row, reading)
        sha256 = reading.sha256 if row.sha256 is None and not words else None
        still = await self._database.write(
            lambda tx: self._inventory.set_damage(tx, row, words or None, sha256=sha256, scrubbed=True)
        )
        if not still:
            return  # deleted or moved meanwhile
        report.objects += 1
        report.length_bytes += reading.length_bytes
        if words:
            report.damaged.append(DamagedObject(row.id, row.store, row.key, row.kind, words))

    async def _read(self, row: ObjectRow) -> _Reading:
        """Read it to its end. Raises what the store raises where it is the store that is away."""
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return await self._hashed(row)
            except NotFound:
                return _Reading(damage=MISSING)
            except StreamtimeError as error:
                await self._stores.object_stores[row.store].check()
                if attempt == READ_ATTEMPTS:
                    return _Reading(damage=f"It cannot be read. {error.message}")
        raise AssertionError

    async def _hashed(self, row: ObjectRow) -> _Reading:
        digest, length, started = hashlib.sha256(), 0, self._clock.monotonic()
        async with aclosing(self._stores.readable(row.store).stream(row.key)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                length += len(piece)
                ahead = length / self._policy.bytes_per_s - (self._clock.monotonic() - started)
                await asyncio.sleep(max(0.0, ahead))
        return _Reading(length, digest.digest())


def _difference(row: ObjectRow, reading: _Reading) -> str:
    if reading.length_bytes != row.length_bytes:
        return f"It has {reading.length_bytes} bytes instead of {row.length_bytes}."
    if row.sha256 is not None and reading.sha256 != row.sha256:
        return "Its bytes are not those that were written."
    return ""
