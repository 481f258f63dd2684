"""Notices to administrators about the machine: the disk is almost full, the database could not be copied."""

from datetime import UTC, datetime

from streamtime.auth.notices import NewNotice, NoticeKind, Notices
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.maintenance.backup.automatic import DatabaseBackups
from streamtime.periodic import every
from streamtime.storage.spool import Spool

CHECK_INTERVAL_S = 60.0


class AdminAlerts:
    """Looks every minute, and adds one notice a day of each kind for as long as the fault lasts."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        spool: Spool,
        backups: DatabaseBackups,
        clock: Clock,
        *,
        minimum_free_bytes: int,
    ) -> None:
        self._database = database
        self._notices = notices
        self._spool = spool
        self._backups = backups
        self._clock = clock
        self.minimum_free_bytes = minimum_free_bytes
        self._told: dict[NoticeKind, str] = {}

    async def run_forever(self) -> None:
        """Look periodically, until cancelled."""
        await every(CHECK_INTERVAL_S, self.run_once, "admin-alerts")

    async def run_once(self) -> None:
        """Add the notices of today that are due."""
        free = await self._spool.free_bytes()
        if free < self.minimum_free_bytes:
            await self._tell(NoticeKind.DISK_LOW, free_bytes=str(free))
        if error := self._backups.status.error:
            await self._tell(NoticeKind.BACKUP_FAILED, error=error)

    async def _tell(self, kind: NoticeKind, **detail: str) -> None:
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date().isoformat()
        if self._told.get(kind) == today:
            return
        new = NewNotice(kind, today, detail=detail)
        await self._database.write(lambda tx: self._notices.add_for_admins(tx, new))
        self._told[kind] = today
