"""Puts a restored database where the old one was. The old one is put aside, never deleted. All of it blocks.

Whatever happens in between, there is a database under the name: the old one gets a second name first, and the new one
takes the first name in one step.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from streamtime.errors import Conflict
from streamtime.storage.local.files import sync_directory

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
