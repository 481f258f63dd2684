"""Puts a restored database where the old one was. The old one is put aside, never deleted. All of it blocks.

Whatever happens in between, there is a database under the name: the old one gets a second name first, and the new one
takes the first name in one step.

A consistent copy of the database, made beside whoever writes it, and what it says that must be in stores.

Plain SQL on a file that nobody else has open, or on a copy of one: it knows the few tables that it names.

What a backup says of itself: whose it is, how old, which schema, and which objects it needs or holds.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from streamtime.database.engines import BUSY_TIMEOUT_MS, immutable_uri, read_only_uri
from streamtime.database.transaction import translate_error
from streamtime.errors import Conflict, DatabaseDamaged, Invalid, Unavailable
from streamtime.maintenance.backup.archive import BackupObject
from streamtime.storage.local.files import sync_directory

_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock: some tenths of a millisecond."""

_REFERENCED_OBJECTS = """
    SELECT o.id, o.store, o.key, o.kind, o.state, CASE o.state WHEN 'live' THEN o.bytes ELSE u.offset_bytes END,
           lower(hex(o.sha256))
    FROM objects AS o LEFT JOIN uploads AS u ON u.object_id = o.id
    WHERE o.state = 'live' OR (o.state = 'staging' AND u.id IS NOT NULL)
    ORDER BY o.id
"""
"""Everything whole, and of uploads under way what has been acknowledged. What is being made can be made again."""


def snapshot(database: Path, target: Path) -> None:
    """Copy the database as it is at this moment into a new file; writers go on meanwhile.

    Raises:
        DatabaseDamaged: the database cannot be read whole.
        StreamtimeError: it is busy, or there is no room.
    """
    with _translate_errors(), closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def referenced_objects(snapshot: Path) -> list[BackupObject]:
    """The objects that the database stands for.

    Raises:
        StreamtimeError: it cannot be read.
    """
    with _translate_errors(), closing(sqlite3.connect(read_only_uri(snapshot), uri=True)) as connection:
        rows = connection.execute(_REFERENCED_OBJECTS)
        return [
            BackupObject(object_id, store, key, kind, state, length_bytes, sha256 or None, held=False)
            for object_id, store, key, kind, state, length_bytes, sha256 in rows
        ]


def check(database: Path, *, full: bool = False) -> None:
    """Return where SQLite finds nothing wrong with a file that nobody has open.

    `whole` compares indexes with their tables too, and rows with the rows that they name.

    Raises:
        Invalid: it does.
    """
    try:
        _check(immutable_uri(database), full=full, timeout_s=None)
    except DatabaseDamaged as error:
        raise Invalid(f"The database in {database.name} is damaged: {error.message}.") from error


def check_live(database: Path, *, full: bool = False, timeout_s: float | None = None) -> bool:
    """The same of a database that is in use; writers go on meanwhile. False where `within_s` seconds did not do.

    Raises:
        DatabaseDamaged: something is wrong with it; the message says what.
        StreamtimeError: it cannot be read now.
    """
    return _check(read_only_uri(database), full=full, timeout_s=timeout_s)


def _check(address: str, *, full: bool, timeout_s: float | None) -> bool:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    late = False

    def broken_off() -> bool:
        nonlocal late
        late = deadline is not None and time.monotonic() > deadline
        return late

    try:
        with (
            _translate_errors(),
            closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as connection,
        ):
            connection.set_progress_handler(broken_off, _STEPS)
            pragma = "integrity_check" if full else "quick_check"
            (verdict,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
            dangling = connection.execute("PRAGMA foreign_key_check").fetchone() if full else None
    except (sqlite3.OperationalError, Unavailable):  # SQLITE_INTERRUPT, by `broken_off`
        if late:
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
        if (ours := translate_error(error)) is None:
            raise
        raise ours from error


WAL_SUFFIXES = ("-wal", "-shm")


def replace_database(new: Path, database: Path, *, now_ms: int) -> Path | None:
    """Give `new`, which nobody has open, the name of the database; where the old one went, if there was one.

    Raises:
        Conflict: somebody has the old one open.
    """
    aside = set_aside_database(database, f"{database.stem}-before-restore-{now_ms}{database.suffix}")
    new.replace(database)
    sync_directory(database.parent)
    return aside


def set_aside_database(database: Path, name: str) -> Path | None:
    """Give the database, with what is in its write-ahead log, a name in `backups/`; None where nothing was there.

    Without a log the first name stays, for `put_in_place` to take in one step. A log that has lost its database would
    be played into whatever takes that name, so it is moved away.

    Raises:
        Conflict: somebody has it open.
    """
    present = [path for path in (database, *(_sidecar(database, ending) for ending in WAL_SUFFIXES)) if path.exists()]
    if not present:
        return None
    folder = database.parent / "backups"
    folder.mkdir(exist_ok=True)
    aside = folder / name
    if database not in present or not database.stat().st_size:
        for path in present:
            path.replace(aside.with_name(aside.name + path.name.removeprefix(database.name)))
    else:
        _set_aside(database, aside)
    sync_directory(folder)
    sync_directory(database.parent)
    return aside


def _set_aside(database: Path, aside: Path) -> None:
    logs = [(_sidecar(database, ending), _sidecar(aside, ending)) for ending in WAL_SUFFIXES]
    for present, name in [(database, aside), *logs]:
        if present.exists():
            _link_or_copy(present, name)
    try:
        folded = _checkpoint_wal(database)
    except Conflict:
        for name in (aside, *(name for _, name in logs)):
            name.unlink(missing_ok=True)
        raise
    if folded and not aside.samefile(database):
        shutil.copy2(database, aside)
    for present, name in logs:
        present.unlink(missing_ok=True)
        if folded:
            name.unlink(missing_ok=True)  # what was in it is in the file


def _checkpoint_wal(database: Path) -> bool:
    """Write what is in the write-ahead log into the file itself; False where it is damaged, and stays as it is.

    Raises:
        Conflict: somebody has it open.
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


def _sidecar(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _link_or_copy(present: Path, name: Path) -> None:
    try:
        name.hardlink_to(present)
    except OSError:  # a file system without second names
        shutil.copy2(present, name)


def make_work_dir(folder: Path) -> Path:
    """A directory to work in, beside the database, so that what comes out of it can be renamed."""
    made = folder / f".restoring-{os.getpid()}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    return made
