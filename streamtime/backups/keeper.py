"""Keeps the database well while the server runs: an automatic copy when one is due, and a check now and then.

Both read in a thread, on connections of their own: in WAL mode neither keeps a writer waiting. What came of them is
kept in memory, for pages, metrics and health; a copy that failed or was missed is made at the next look.
"""

import asyncio
from dataclasses import dataclass

from streamtime.backups import snapshot
from streamtime.backups.automatic import AutomaticBackup, AutomaticBackups
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import DatabaseDamaged, StreamtimeError
from streamtime.logging import get_logger
from streamtime.periodic import every

CHECK_INTERVAL_S = 60.0

_log = get_logger("database")


@dataclass(slots=True)
class BackupStatus:
    """What is known of the copies: the newest of them, how many there are, and what kept the last one from its end."""

    newest: AutomaticBackup | None = None
    count: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class MaintenanceIntervals:
    """How often, in seconds; 0 is never."""

    copy_every_s: int
    check_every_s: int


class DatabaseBackups:
    """Looks every minute, for as long as the server runs."""

    def __init__(
        self, database: Database, copies: AutomaticBackups, clock: Clock, intervals: MaintenanceIntervals
    ) -> None:
        self._database = database
        self._copies = copies
        self._clock = clock
        self._intervals = intervals
        self._checked_at = clock.monotonic()
        self.status = BackupStatus()

    @property
    def folder(self) -> str:
        """Where the copies go."""
        return str(self._copies.folder)

    @property
    def backups_enabled(self) -> bool:
        """Whether copies are made at all."""
        return bool(self._intervals.copy_every_s)

    async def run_forever(self) -> None:
        """Make copies and checks when they are due, until cancelled."""
        interval_s = min(
            filter(None, (self._intervals.copy_every_s, self._intervals.check_every_s)), default=CHECK_INTERVAL_S
        )
        interval_s = min(CHECK_INTERVAL_S, interval_s)
        async with asyncio.TaskGroup() as loops:
            loops.create_task(every(interval_s, self._copy_if_due, "database-copies"))
            loops.create_task(every(interval_s, self._check_if_due, "database-checks"))

    async def _copy_if_due(self) -> None:
        if self._intervals.copy_every_s and await self._copy_due():
            await self._copy()

    async def _check_if_due(self) -> None:
        waited_s = self._clock.monotonic() - self._checked_at
        if self._intervals.check_every_s and waited_s >= self._intervals.check_every_s:
            await self._check()
            self._checked_at = self._clock.monotonic()

    async def _copy_due(self) -> bool:
        try:
            await self._refresh_status()
        except OSError as error:
            self._set_error(f"The folder {self._copies.folder} of the copies cannot be read: {error.strerror}.")
            return False
        newest = self.status.newest
        if newest is None or self.status.error:
            return True
        age_ms = self._clock.now_ms() - newest.created_at_ms
        return age_ms >= self._intervals.copy_every_s * 1000 or age_ms < 0  # one of the future: the clock was set back

    async def _copy(self) -> None:
        try:
            made = await asyncio.to_thread(self._copies.make, now_ms=self._clock.now_ms())
            await self._refresh_status()
        except DatabaseDamaged as error:
            self._database.mark_damaged(error.message)
            self._set_error(self._database.damage)
        except (StreamtimeError, OSError) as error:
            self._set_error(error.message if isinstance(error, StreamtimeError) else str(error))
        else:
            self.status.error = ""
            _log.info("database_copied", to=str(made.path), bytes=made.length_bytes)

    async def _refresh_status(self) -> None:
        found = await asyncio.to_thread(self._copies.all)
        self.status.newest, self.status.count = (found[0] if found else None), len(found)

    async def _check(self) -> None:
        try:
            await asyncio.to_thread(snapshot.check_live, self._database.path)
        except DatabaseDamaged as error:
            self._database.mark_damaged(error.message)
        else:
            _log.info("database_checked")

    def _set_error(self, words: str) -> None:
        if words != self.status.error:
            _log.warning("database_backup_failed", error=words)
        self.status.error = words
