"""Automatic copies and integrity checks of the database while the server runs.

The name of a copy is `<stem>-<UTC time>-<first 16 digits of its SHA-256>.db`. The name alone distinguishes copies from
other files of the folder, which are never deleted, and allows to verify the content. Copies and checks run in a thread
with connections of their own; in WAL mode they do not block writers. The status is kept in memory for pages, metrics
and health checks. A copy that failed or was missed is made at the next check.
"""

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Conflict, DatabaseDamaged, Invalid, NoSpace, StreamtimeError
from streamtime.logging import get_logger
from streamtime.maintenance.backup import database_file
from streamtime.periodic import every

MIN_FREE_BYTES = 64 * 2**20
"""The free space that must remain on the disk after a copy."""

_NAME = re.compile(r"[\w.-]+?-(\d{8}T\d{6}Z)-([0-9a-f]{16})\.db")
_PARTIAL = ".partial-copy"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AutomaticBackup:
    """An automatic copy."""

    path: Path
    created_at_ms: int
    length_bytes: int


class AutomaticBackups:
    """The automatic copies of one database in one folder. Its methods block."""

    def __init__(self, database: Path, folder: Path, *, keep: int) -> None:
        self._database = database
        self.folder = folder
        self.keep = keep

    def all(self) -> list[AutomaticBackup]:
        """All copies, the newest first.

        Raises:
            OSError: the folder cannot be read.
        """
        if not self.folder.exists():
            return []
        found = [
            AutomaticBackup(path, at_ms, path.stat().st_size)
            for path in self.folder.iterdir()
            if (at_ms := _created_at_ms(path.name)) is not None and path.name.startswith(f"{self._database.stem}-")
        ]
        return sorted(found, key=lambda copy: copy.path.name, reverse=True)

    def make(self, *, now_ms: int) -> AutomaticBackup:
        """Make a copy and verify it, then delete the oldest copies in excess of `keep`.

        Raises:
            NoSpace: the copy would leave too little free space.
            Conflict: the folder cannot be used.
            DatabaseDamaged: the database is damaged; no copies are deleted.
            Invalid: the copy is damaged; no copies are deleted.
        """
        partial = self.folder / f".{self._database.stem}{_PARTIAL}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clear(partial)
            self._require_space()
            try:
                database_file.check_live(self._database)
                database_file.snapshot(self._database, partial)
                database_file.check(partial, full=True)
                made = self._place(partial, now_ms)
            finally:
                self._clear(partial)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Conflict(f"The folder {self.folder} of the copies cannot be used: {reason}.") from error
        self._rotate(made)
        return made

    def _require_space(self) -> None:
        log = self._database.with_name(f"{self._database.name}-wal")
        needed = self._database.stat().st_size + (log.stat().st_size if log.exists() else 0) + MIN_FREE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise NoSpace(
                f"The disk of {self.folder} is too full for a copy of the database: {free >> 20} MiB are free, "
                f"{-(-needed >> 20)} MiB are needed."
            )

    def _place(self, partial: Path, now_ms: int) -> AutomaticBackup:
        partial.chmod(0o600)
        digest = sha256_of(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        at = datetime.fromtimestamp(now_ms / 1000, UTC)
        target = self.folder / f"{self._database.stem}-{at:%Y%m%dT%H%M%SZ}-{digest[:16]}.db"
        partial.rename(target)
        _sync_directory(self.folder)
        return AutomaticBackup(target, now_ms, target.stat().st_size)

    def _rotate(self, made: AutomaticBackup) -> None:
        """Delete the oldest copies, but never the one just made, even if the clock was set back."""
        others = [copy for copy in self.all() if copy.path != made.path]
        for copy in others[self.keep - 1 :]:
            copy.path.unlink(missing_ok=True)

    @staticmethod
    def _clear(partial: Path) -> None:
        """Delete partial copies."""
        for path in partial.parent.glob(f"{partial.name}*"):
            path.unlink()


def verify_named_digest(path: Path) -> None:
    """Check the bytes of an automatic copy against its name; other names are accepted.

    Raises:
        Invalid: the bytes do not match.
    """
    found = _NAME.fullmatch(path.name)
    if found is not None and sha256_of(path)[:16] != found[2]:
        raise Invalid(f"{path} is damaged: its bytes are not those that were written.")


def sha256_of(path: Path, on_progress: Callable[[int], None] = lambda _: None) -> str:
    """The SHA-256 of a file, in hexadecimal; `on_progress` is called with the number of bytes read."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(_CHUNK_BYTES):
            digest.update(data)
            done += len(data)
            on_progress(done)
    return digest.hexdigest()


def _created_at_ms(name: str) -> int | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        at = datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp() * 1000)


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


CHECK_INTERVAL_S = 60.0

_log = get_logger("maintenance")


@dataclass(slots=True)
class BackupStatus:
    """The newest copy, the number of copies, and the error of the last attempt (empty: it succeeded)."""

    newest: AutomaticBackup | None = None
    count: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class MaintenanceIntervals:
    """The intervals of copies and checks in seconds; 0 is never."""

    copy_every_s: int
    check_every_s: int


class DatabaseBackups:
    """Makes copies and checks when they are due, while the server runs."""

    def __init__(
        self, database: Database, copies: AutomaticBackups, clock: Clock, intervals: MaintenanceIntervals
    ) -> None:
        self._database = database
        self._copies = copies
        self._clock = clock
        self.intervals = intervals
        self._checked_at = clock.monotonic()
        self.status = BackupStatus()

    @property
    def folder(self) -> str:
        """The folder of the copies."""
        return str(self._copies.folder)

    def keep(self, count: int) -> None:
        """Keep that many copies from the next one on."""
        self._copies.keep = count

    @property
    def copy_every_s(self) -> int:
        """The interval of copies in seconds."""
        return self.intervals.copy_every_s

    @property
    def backups_enabled(self) -> bool:
        """Whether automatic copies are configured."""
        return bool(self.intervals.copy_every_s)

    async def run_forever(self) -> None:
        """Check periodically whether a copy or check is due, until cancelled."""
        interval_s = min(
            filter(None, (self.intervals.copy_every_s, self.intervals.check_every_s)), default=CHECK_INTERVAL_S
        )
        interval_s = min(CHECK_INTERVAL_S, interval_s)
        async with asyncio.TaskGroup() as loops:
            loops.create_task(every(interval_s, self._copy_if_due, "database-copies"))
            loops.create_task(every(interval_s, self._check_if_due, "database-checks"))

    async def _copy_if_due(self) -> None:
        if self.intervals.copy_every_s and await self._copy_due():
            await self._copy()

    async def _check_if_due(self) -> None:
        waited_s = self._clock.monotonic() - self._checked_at
        if self.intervals.check_every_s and waited_s >= self.intervals.check_every_s:
            await self._check()
            self._checked_at = self._clock.monotonic()

    async def look(self) -> bool:
        """Update the status from the folder; return whether it can be read."""
        try:
            await self._refresh_status()
        except OSError as error:
            self._set_error(f"The folder {self._copies.folder} of the copies cannot be read: {error.strerror}.")
            return False
        return True

    async def _copy_due(self) -> bool:
        if not await self.look():
            return False
        newest = self.status.newest
        if newest is None or self.status.error:
            return True
        age_ms = self._clock.now_ms() - newest.created_at_ms
        return age_ms >= self.intervals.copy_every_s * 1000 or age_ms < 0  # negative: the clock was set back

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
        copies = await asyncio.to_thread(self._copies.all)
        self.status.newest, self.status.count = (copies[0] if copies else None), len(copies)

    async def _check(self) -> None:
        try:
            await asyncio.to_thread(database_file.check_live, self._database.path)
        except DatabaseDamaged as error:
            self._database.mark_damaged(error.message)
        else:
            _log.info("database_checked")

    def _set_error(self, message: str) -> None:
        if message != self.status.error:
            _log.warning("database_backup_failed", error=message)
        self.status.error = message
