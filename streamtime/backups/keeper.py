"""Keeps the database well while the server runs: an automatic copy when one is due, and a check now and then.

Both read in a thread, on connections of their own: in WAL mode neither keeps a writer waiting. What came of them is
kept in memory, for pages, metrics and health; a copy that failed or was missed is made at the next look.
"""

import asyncio
from dataclasses import dataclass

from streamtime.backups import snapshot
from streamtime.backups.automatic import AutomaticCopies, AutomaticCopy
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import DatabaseDamaged, StreamtimeError
from streamtime.logging import get_logger
from streamtime.periodic import every

LOOKS_EVERY_S = 60.0

_log = get_logger("database")


@dataclass(slots=True)
class KeeperState:
    """What is known of the copies: the newest of them, how many there are, and what kept the last one from its end."""

    newest: AutomaticCopy | None = None
    count: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, in seconds; 0 is never."""

    copy_every_s: int
    check_every_s: int


class DatabaseKeeper:
    """Looks every minute, for as long as the server runs."""

    def __init__(self, database: Database, copies: AutomaticCopies, clock: Clock, pace: Pace) -> None:
        self._database = database
        self._copies = copies
        self._clock = clock
        self._pace = pace
        self._checked_at = clock.monotonic()
        self.state = KeeperState()

    @property
    def folder(self) -> str:
        """Where the copies go."""
        return str(self._copies.folder)

    @property
    def makes_copies(self) -> bool:
        """Whether copies are made at all."""
        return bool(self._pace.copy_every_s)

    async def keep(self) -> None:
        """Make copies and checks when they are due, until cancelled."""
        interval_s = min(filter(None, (self._pace.copy_every_s, self._pace.check_every_s)), default=LOOKS_EVERY_S)
        interval_s = min(LOOKS_EVERY_S, interval_s)
        async with asyncio.TaskGroup() as loops:
            loops.create_task(every(interval_s, self._copy_if_due, "database-copies"))
            loops.create_task(every(interval_s, self._check_if_due, "database-checks"))

    async def _copy_if_due(self) -> None:
        if self._pace.copy_every_s and await self._copy_due():
            await self._copy()

    async def _check_if_due(self) -> None:
        waited_s = self._clock.monotonic() - self._checked_at
        if self._pace.check_every_s and waited_s >= self._pace.check_every_s:
            await self._check()
            self._checked_at = self._clock.monotonic()

    async def _copy_due(self) -> bool:
        try:
            await self._find()
        except OSError as error:
            self._failed(f"The folder {self._copies.folder} of the copies cannot be read: {error.strerror}.")
            return False
        newest = self.state.newest
        if newest is None or self.state.trouble:
            return True
        age_ms = self._clock.now_ms() - newest.made_at_ms
        return age_ms >= self._pace.copy_every_s * 1000 or age_ms < 0  # one of the future: the clock was set back

    async def _copy(self) -> None:
        try:
            made = await asyncio.to_thread(self._copies.make, now_ms=self._clock.now_ms())
            await self._find()
        except DatabaseDamaged as error:
            self._database.note_damage(error.message)
            self._failed(self._database.damage)
        except (StreamtimeError, OSError) as error:
            self._failed(error.message if isinstance(error, StreamtimeError) else str(error))
        else:
            self.state.trouble = ""
            _log.info("database_copied", to=str(made.path), bytes=made.length_bytes)

    async def _find(self) -> None:
        found = await asyncio.to_thread(self._copies.all)
        self.state.newest, self.state.count = (found[0] if found else None), len(found)

    async def _check(self) -> None:
        try:
            await asyncio.to_thread(snapshot.check_live, self._database.path)
        except DatabaseDamaged as error:
            self._database.note_damage(error.message)
        else:
            _log.info("database_checked")

    def _failed(self, words: str) -> None:
        if words != self.state.trouble:
            _log.warning("database_not_copied", error=words)
        self.state.trouble = words
