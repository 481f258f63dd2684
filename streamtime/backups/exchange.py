"""Puts a restored database where the old one was. The old one is put aside, never deleted. All of it blocks.

Whatever happens in between, there is a database under the name: the old one gets a second name first, and the new one
takes the first name in one step.
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from streamtime.errors import Conflict
from streamtime.storage.file_tree import sync_directory

BESIDE = ("-wal", "-shm")


def put_in_place(new: Path, database: Path, *, now_ms: int) -> Path | None:
    """Give `new`, which nobody has open, the name of the database; where the old one went, if there was one.

    Raises:
        Conflict: somebody has the old one open.
    """
    aside = _put_aside(database, now_ms) if database.exists() else None
    new.replace(database)
    sync_directory(database.parent)
    return aside


def _put_aside(database: Path, now_ms: int) -> Path:
    folder = database.parent / "backups"
    folder.mkdir(exist_ok=True)
    aside = folder / f"{database.stem}-before-restore-{now_ms}{database.suffix}"
    with suppress(sqlite3.DatabaseError):  # a damaged one is put aside as it is, with its log
        _fold(database)
    try:
        aside.hardlink_to(database)
    except OSError:  # a file system without second names
        shutil.copy2(database, aside)
    for ending in BESIDE:
        with suppress(FileNotFoundError):
            database.with_name(database.name + ending).rename(aside.with_name(aside.name + ending))
    sync_directory(folder)
    return aside


def _fold(database: Path) -> None:
    """Write what is in the write-ahead log into the file itself."""
    with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as connection:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Conflict("Another command has the database open. Try again when it has ended.")
        connection.execute("PRAGMA journal_mode=DELETE")


def free_name(folder: Path) -> Path:
    """A directory to work in, beside the database, so that what comes out of it can be renamed."""
    made = folder / f".restoring-{os.getpid()}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    return made
