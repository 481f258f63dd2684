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
from streamtime.objects.inventory import Damaged, Inventory
from streamtime.objects.ledger import ObjectRow
from streamtime.objects.reconcile import MISSING
from streamtime.objects.stores import Stores

TRIES = 2
"""A disk that failed to read once may have been busy failing over."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each object is read (0: never), and how fast."""

    every_ms: int
    bytes_per_s: int


@dataclass(slots=True)
class ScrubReport:
    """What one stretch of scrubbing came to."""

    objects: int = 0
    length_bytes: int = 0
    damaged: list[Damaged] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    more: bool = False
    """Whether there is something left that is due."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an object turned out to be; `words` tell what is wrong with it."""

    length_bytes: int = 0
    sha256: bytes = b""
    words: str = ""


class Scrubber:
    """Goes on where it stopped: the order is in the rows."""

    def __init__(self, database: Database, inventory: Inventory, stores: Stores, clock: Clock, pace: Pace) -> None:
        self._database = database
        self._inventory = inventory
        self._stores = stores
        self._clock = clock
        self._pace = pace

    async def due(self) -> bool:
        """Whether any object is to be read."""
        return await self._next([*self._stores.settled]) is not None

    async def scrub(self, *, for_s: float) -> ScrubReport:
        """Read what is due, for so many seconds; the object under way is read to its end."""
        report, end = ScrubReport(), self._clock.monotonic() + for_s
        stores = [*self._stores.settled]
        while row := await self._next(stores):
            if self._clock.monotonic() >= end:
                report.more = True
                break
            try:
                reading = await self._read(row)
            except StreamtimeError:
                stores.remove(row.store)
                report.away.append(row.store)
            else:
                await self._note(row, reading, report)
        return report

    async def _next(self, stores: list[str]) -> ObjectRow | None:
        if not self._pace.every_ms:
            return None
        return await self._inventory.unchecked(stores, before_ms=self._clock.now_ms() - self._pace.every_ms)

    async def _note(self, row: ObjectRow, reading: _Reading, report: ScrubReport) -> None:
        words = reading.words or _difference(row, reading)
        sha256 = reading.sha256 if row.sha256 is None and not words else None
        still = await self._database.write(
            lambda tx: self._inventory.mark(tx, row, words or None, sha256=sha256, scrubbed=True)
        )
        if not still:
            return  # deleted or moved meanwhile
        report.objects += 1
        report.length_bytes += reading.length_bytes
        if words:
            report.damaged.append(Damaged(row.id, row.store, row.key, row.kind, words))

    async def _read(self, row: ObjectRow) -> _Reading:
        """Read it to its end. Raises what the store raises where it is the store that is away."""
        for attempt in range(1, TRIES + 1):
            try:
                return await self._hashed(row)
            except NotFound:
                return _Reading(words=MISSING)
            except StreamtimeError as error:
                await self._stores.settled[row.store].check()
                if attempt == TRIES:
                    return _Reading(words=f"It cannot be read. {error.message}")
        raise AssertionError

    async def _hashed(self, row: ObjectRow) -> _Reading:
        digest, length, started = hashlib.sha256(), 0, self._clock.monotonic()
        async with aclosing(self._stores.readable(row.store).stream(row.key)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                length += len(piece)
                ahead = length / self._pace.bytes_per_s - (self._clock.monotonic() - started)
                await asyncio.sleep(max(0.0, ahead))
        return _Reading(length, digest.digest())


def _difference(row: ObjectRow, reading: _Reading) -> str:
    if reading.length_bytes != row.length_bytes:
        return f"It has {reading.length_bytes} bytes instead of {row.length_bytes}."
    if row.sha256 is not None and reading.sha256 != row.sha256:
        return "Its bytes are not those that were written."
    return ""
