"""Reads stored objects again at a limited rate, the longest unread first, and compares them with their recorded hashes.

An unavailable store is not damage. An object is damaged if it is missing, differs from its hash, or cannot be read
although its store is available.
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
"""A read error may be temporary, for example during a failover."""


@dataclass(frozen=True, slots=True)
class ScrubPolicy:
    """How often each object is read, in milliseconds (0: never), and the rate in bytes per second."""

    every_ms: int
    bytes_per_s: int


@dataclass(slots=True)
class ScrubReport:
    """The result of one call of `scrub`."""

    objects: int = 0
    length_bytes: int = 0
    damaged: list[DamagedObject] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    more: bool = False
    """Whether more objects are due."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The length and hash of an object as read; `damage` is a message, empty if it could be read."""

    length_bytes: int = 0
    sha256: bytes = b""
    damage: str = ""


class Scrubber:
    """Scrubs objects. The progress is in the rows, so each call continues where the last one stopped."""

    def __init__(
        self, database: Database, inventory: Inventory, stores: Stores, clock: Clock, policy: ScrubPolicy
    ) -> None:
        self._database = database
        self._inventory = inventory
        self._stores = stores
        self._clock = clock
        self._policy = policy

    async def due(self) -> bool:
        """Whether any object is due."""
        return await self._next([*self._stores.object_stores], self._before_ms()) is not None

    async def scrub(self, *, for_s: float) -> ScrubReport:
        """Read due objects for `for_s` seconds; the last object is read to its end."""
        report, end = ScrubReport(), self._clock.monotonic() + for_s
        # A fixed time, so that an object read in this call does not become due again in it.
        stores, before_ms = [*self._stores.object_stores], self._before_ms()
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
        damage = reading.damage or _difference(row, reading)
        sha256 = reading.sha256 if row.sha256 is None and not damage else None
        recorded = await self._database.write(
            lambda tx: self._inventory.set_damage(tx, row, damage or None, sha256=sha256, scrubbed=True)
        )
        if not recorded:
            return  # deleted or moved meanwhile
        report.objects += 1
        report.length_bytes += reading.length_bytes
        if damage:
            report.damaged.append(DamagedObject(row.id, row.store, row.key, row.kind, damage))

    async def _read(self, row: ObjectRow) -> _Reading:
        """Read an object to its end. Raises the store's error if the store is unavailable."""
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return await self._hash(row)
            except NotFound:
                return _Reading(damage=MISSING)
            except StreamtimeError as error:
                await self._stores.object_stores[row.store].check()
                if attempt == READ_ATTEMPTS:
                    return _Reading(damage=f"It cannot be read. {error.message}")
        raise AssertionError

    async def _hash(self, row: ObjectRow) -> _Reading:
        digest, length, started = hashlib.sha256(), 0, self._clock.monotonic()
        async with aclosing(self._stores.readable(row.store).stream(row.key)) as chunks:
            async for chunk in chunks:
                digest.update(chunk)
                length += len(chunk)
                ahead_s = length / self._policy.bytes_per_s - (self._clock.monotonic() - started)
                await asyncio.sleep(max(0.0, ahead_s))
        return _Reading(length, digest.digest())


def _difference(row: ObjectRow, reading: _Reading) -> str:
    if reading.length_bytes != row.length_bytes:
        return f"It has {reading.length_bytes} bytes instead of {row.length_bytes}."
    if row.sha256 is not None and reading.sha256 != row.sha256:
        return "Its bytes are not those that were written."
    return ""
