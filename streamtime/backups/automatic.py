"""Copies of the database that the server makes by itself: written whole or not at all, verified, and rotated.

`<stem>-<UTC time>-<the first 16 digits of its SHA-256>.db`: the name alone tells these from all other files of the
folder, which are never deleted, and tells whether the bytes are those that were written. All of it blocks.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from streamtime.backups import snapshot
from streamtime.errors import Conflict, Invalid, NoSpace

MIN_FREE_BYTES = 64 * 2**20
"""What a copy leaves free on its disk, beside its own size."""

_NAME = re.compile(r"[\w.-]+?-(\d{8}T\d{6}Z)-([0-9a-f]{16})\.db")
_PARTIAL = ".partial-copy"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AutomaticBackup:
    """A copy that was made by itself."""

    path: Path
    created_at_ms: int
    length_bytes: int


class AutomaticBackups:
    """The copies of one database in one folder."""

    def __init__(self, database: Path, folder: Path, *, keep: int) -> None:
        self._database = database
        self.folder = folder
        self._keep = keep

    def all(self) -> list[AutomaticBackup]:
        """Those that are there, the newest first.

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
        """Make one, then let go of the oldest beyond those that are kept.

        Raises:
            NoSpace: the disk would be nearly full.
            Conflict: the folder cannot be used.
            DatabaseDamaged: the database is damaged; older copies stay.
        Invalid: what was written of it cannot be read back whole; older copies stay.
        """
        partial = self.folder / f".{self._database.stem}{_PARTIAL}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clear(partial)
            self._require_space()
            try:
                snapshot.check_live(self._database)
                snapshot.take(self._database, partial)
                snapshot.check(partial, full=True)
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
        """Let go of the oldest; the one just made stays, whatever the clock says of the others."""
        others = [copy for copy in self.all() if copy.path != made.path]
        for copy in others[self._keep - 1 :]:
            copy.path.unlink(missing_ok=True)

    @staticmethod
    def _clear(partial: Path) -> None:
        """Delete what a copy that was broken off has left."""
        for left in partial.parent.glob(f"{partial.name}*"):
            left.unlink()


def verify_named_digest(path: Path) -> None:
    """Return where a file has the bytes that its name tells, or no such name.

    Raises:
        Invalid: it has others.
    """
    found = _NAME.fullmatch(path.name)
    if found is not None and sha256_of(path)[:16] != found[2]:
        raise Invalid(f"{path} is damaged: its bytes are not those that were written.")


def sha256_of(path: Path, on_progress: Callable[[int], None] = lambda _: None) -> str:
    """The SHA-256 of a file, in hexadecimal; `told` hears how many bytes were read."""
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
