"""A copy of the database alone, read like a backup: its objects are those that lie in the stores already."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from streamtime.backups import snapshot
from streamtime.backups.automatic import verify_named_digest
from streamtime.backups.manifest import BackupObject
from streamtime.database.migrate import present_revision
from streamtime.errors import ConfigError, Invalid


class DatabaseCopyReader:
    """A copy of a database: an automatic one, one from before a migration, or one that was put aside.

    Raises:
        Invalid: it is no database of Streamtime, or is damaged.
    """

    version = "unknown"
    """Copies do not say which version wrote them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        verify_named_digest(path)
        snapshot.check(path)
        try:
            found = present_revision(path, offline=True)
        except ConfigError as error:
            raise Invalid(f"{path} cannot be read: the file is damaged.") from error
        if found is None:
            raise Invalid(f"{path} is a database, but none of Streamtime.")
        self.schema = found

    def save_database(self, target: Path) -> None:
        """Write it to a new file, with what is in a write-ahead log beside it; on disk when this returns.

        Raises:
            Invalid: it cannot be read whole.
        """
        shutil.copyfile(self._path, target)
        log = self._path.with_name(f"{self._path.name}-wal")
        if log.exists():
            shutil.copyfile(log, target.with_name(f"{target.name}-wal"))
        try:
            with closing(sqlite3.connect(target, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.DatabaseError as error:
            raise Invalid(f"{self._path} cannot be read: {error}.") from error
        with target.open("rb") as file:
            os.fsync(file.fileno())

    def objects(self, database: Path) -> list[BackupObject]:
        """The objects that it stands for; `database` is the copy that was saved, brought to the newest schema."""
        return snapshot.referenced_objects(database)

    def read(self, name: str) -> Iterator[bytes]:
        """A copy holds no objects. Raises `Invalid`."""
        raise Invalid(f"{name} is not in {self._path}, which is the database alone.")
