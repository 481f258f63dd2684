"""Works on the database file: consistent snapshots, integrity checks, and its replacement by a restored one.

The checks use plain SQL on the few tables that they name. When the file is replaced, the old one is set aside in
`backups/`, never deleted, and a complete database exists under the name at any time: the old file is hard-linked first,
and the new one replaces it in one rename. All functions block.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from streamtime.database.transaction import BUSY_TIMEOUT_MS, immutable_uri, read_only_uri, translate_error
from streamtime.errors import Conflict, DatabaseDamaged, Invalid, Unavailable
from streamtime.maintenance.backup.archive import BackupObject
from streamtime.storage.local.files import sync_directory

_STEPS = 10_000
"""Instructions of SQLite's virtual machine between two checks of the deadline: some tenths of a millisecond."""

_REFERENCED_OBJECTS = """
    SELECT o.id, o.store, o.key, o.kind, o.state, CASE o.state WHEN 'live' THEN o.bytes ELSE u.offset_bytes END,
           lower(hex(o.sha256))
    FROM objects AS o LEFT JOIN uploads AS u ON u.object_id = o.id
    WHERE o.state = 'live' OR (o.state = 'staging' AND u.id IS NOT NULL)
    ORDER BY o.id
"""
"""Complete objects, and the acknowledged bytes of unfinished uploads. Unfinished renditions can be encoded again."""


def snapshot(database: Path, target: Path) -> None:
    """Copy the current state of the database into a new file, without blocking writers.

    Raises:
        DatabaseDamaged: the database cannot be read completely.
        StreamtimeError: it is busy, or the disk is full.
    """
    with _translate_errors(), closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def referenced_objects(database: Path) -> list[BackupObject]:
    """The objects that a database needs.

    Raises:
        StreamtimeError: the file cannot be read.
    """
    with _translate_errors(), closing(sqlite3.connect(read_only_uri(database), uri=True)) as connection:
        rows = connection.execute(_REFERENCED_OBJECTS)
        return [
            BackupObject(object_id, store, key, kind, state, length_bytes, sha256 or None, held=False)
            for object_id, store, key, kind, state, length_bytes, sha256 in rows
        ]


def check(database: Path, *, full: bool = False) -> None:
    """Check a database file that nobody has open.

    `full` also compares indexes with their tables, and checks foreign keys.

    Raises:
        Invalid: the file is damaged.
    """
    try:
        _check(immutable_uri(database), full=full, timeout_s=None)
    except DatabaseDamaged as error:
        raise Invalid(f"The database in {database.name} is damaged: {error.message}.") from error


def check_live(database: Path, *, full: bool = False, timeout_s: float | None = None) -> bool:
    """Check a database that is in use, without blocking writers. Returns False if it took longer than `timeout_s`.

    Raises:
        DatabaseDamaged: the database is damaged; the message says how.
        StreamtimeError: it cannot be read now.
    """
    return _check(read_only_uri(database), full=full, timeout_s=timeout_s)


def _check(address: str, *, full: bool, timeout_s: float | None) -> bool:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    timed_out = False

    def is_timed_out() -> bool:
        nonlocal timed_out
        timed_out = deadline is not None and time.monotonic() > deadline
        return timed_out

    try:
        with (
            _translate_errors(),
            closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as connection,
        ):
            connection.set_progress_handler(is_timed_out, _STEPS)
            pragma = "integrity_check" if full else "quick_check"
            (verdict,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
            dangling = connection.execute("PRAGMA foreign_key_check").fetchone() if full else None
    except (sqlite3.OperationalError, Unavailable):  # SQLITE_INTERRUPT, caused by `is_timed_out`
        if timed_out:
            return False
        raise
    if verdict != "ok":
        raise DatabaseDamaged(" ".join(verdict.split()))
    if dangling is not None:
        raise DatabaseDamaged(f"row {dangling[1]} of {dangling[0]} names a row of {dangling[2]} that is not there")
    return True


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if (translated := translate_error(error)) is None:
            raise
        raise translated from error


WAL_SUFFIXES = ("-wal", "-shm")


def replace_database(new: Path, database: Path, *, now_ms: int) -> Path | None:
    """Replace the database by `new`, which nobody has open; returns the path where the old one was set aside, or None.

    Raises:
        Conflict: another process has the old one open.
    """
    old = set_aside_database(database, f"{database.stem}-before-restore-{now_ms}{database.suffix}")
    new.replace(database)
    sync_directory(database.parent)
    return old


def set_aside_database(database: Path, name: str) -> Path | None:
    """Set the database and its write-ahead log aside in `backups/`; returns the path, or None if there was nothing.

    A usable database is hard-linked, so that `replace_database` can replace it in one rename. A log without a database
    is moved, since SQLite would replay it into the next file with that name.

    Raises:
        Conflict: another process has it open.
    """
    present = [path for path in (database, *(_sidecar(database, suffix) for suffix in WAL_SUFFIXES)) if path.exists()]
    if not present:
        return None
    folder = database.parent / "backups"
    folder.mkdir(exist_ok=True)
    target = folder / name
    if database not in present or not database.stat().st_size:
        for path in present:
            path.replace(target.with_name(target.name + path.name.removeprefix(database.name)))
    else:
        _set_aside(database, target)
    sync_directory(folder)
    sync_directory(database.parent)
    return target


def _set_aside(database: Path, target: Path) -> None:
    logs = [(_sidecar(database, suffix), _sidecar(target, suffix)) for suffix in WAL_SUFFIXES]
    for source, copy in [(database, target), *logs]:
        if source.exists():
            _link_or_copy(source, copy)
    try:
        checkpointed = _checkpoint_wal(database)
    except Conflict:
        for copy in (target, *(copy for _, copy in logs)):
            copy.unlink(missing_ok=True)
        raise
    if checkpointed and not target.samefile(database):
        shutil.copy2(database, target)
    for source, copy in logs:
        source.unlink(missing_ok=True)
        if checkpointed:
            copy.unlink(missing_ok=True)  # its content is in the database file


def _checkpoint_wal(database: Path) -> bool:
    """Write the write-ahead log into the database file; returns False if the file is damaged and was left unchanged.

    Raises:
        Conflict: another process has it open.
    """
    try:
        with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as connection:
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise Conflict("Another command has the database open. Try again when it has ended.")
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Conflict("Another command has the database open. Try again when it has ended.") from error
        return False
    except sqlite3.DatabaseError:
        return False
    return True


def _sidecar(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def make_work_dir(folder: Path) -> Path:
    """Create an empty temporary directory on the file system of the database, so that files can be renamed from it."""
    path = folder / f".restoring-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path
