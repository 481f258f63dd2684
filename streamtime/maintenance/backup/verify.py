"""Reads a backup, or a copy of the database, as a restore would, and says all that is wrong with it. It blocks.

Nothing is written but a database in a scratch folder of the caller's.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from streamtime.clock import EpochMs
from streamtime.database.engines import read_only_uri
from streamtime.database.migrate import migrate
from streamtime.errors import StreamtimeError
from streamtime.maintenance.backup import database_file
from streamtime.maintenance.backup.archive import DATABASE, OBJECTS, BackupObject
from streamtime.maintenance.backup.restore import RestoreSource, check_schema, open_restore_source

MAX_REPORTED = 100
"""Faults of one kind that are told one by one."""

ProgressCallback = Callable[[str, int, int], None]
"""Words for what is being done, bytes done, bytes in all."""


@dataclass(slots=True)
class VerifyReport:
    """What was found. `wrong` is empty where a restore would bring everything back."""

    schema: str = ""
    held: list[BackupObject] = field(default_factory=list)
    needed: list[BackupObject] = field(default_factory=list)
    """Objects that the database stands for and that have to be in a store already."""
    problems: list[str] = field(default_factory=list)


def verify(path: Path, scratch: Path, on_progress: ProgressCallback, *, now_ms: EpochMs) -> VerifyReport:
    """Restore the database of the file at `path` into the folder `scratch`, and read all objects that the file holds.

    Raises:
        OSError: the file cannot be read, or the scratch folder not be written.
    """
    found = VerifyReport()
    try:
        on_progress("Opening the file", 0, 0)
        with open_restore_source(path) as source:
            found.schema = source.schema
            check_schema(source)
            database = scratch / DATABASE
            on_progress("Restoring the database", 0, 0)
            source.save_database(database)
            found.problems += _database_faults(database, on_progress)
            if not found.problems:
                migrate(database, now_ms=now_ms)
                found.problems += _differences(source.objects(database), database_file.referenced_objects(database))
            _read_objects(source, database, found, on_progress)
    except StreamtimeError as error:
        found.problems.append(error.message)
    except sqlite3.DatabaseError as error:
        found.problems.append(f"Its database cannot be read: {error}.")
    return found


def _database_faults(database: Path, on_progress: ProgressCallback) -> list[str]:
    on_progress("Checking the database", 0, 0)
    with closing(sqlite3.connect(read_only_uri(database), uri=True)) as connection:
        verdicts = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MAX_REPORTED})")]
        if verdicts != ["ok"]:
            return [f"database: {' '.join(verdict.split())}" for verdict in verdicts]
        dangling = connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_REPORTED)
        return [
            f"database: row {row} of {table} names a row of {parent} that is not there"
            for table, row, parent, _ in dangling
        ]


def _differences(listed: list[BackupObject], rows: list[BackupObject]) -> list[str]:
    """Where the list of the backup and the rows of its database differ."""
    known = {one.id: (one.store, one.key, one.kind, one.state, one.bytes) for one in rows}
    said = {one.id: (one.store, one.key, one.kind, one.state, one.bytes) for one in listed}
    ids = sorted({one for one in known.keys() | said.keys() if known.get(one) != said.get(one)})
    return [f"object {one}: the list of the backup and its database differ" for one in ids[:MAX_REPORTED]]


def _read_objects(source: RestoreSource, database: Path, found: VerifyReport, on_progress: ProgressCallback) -> None:
    objects = source.objects(database) if not found.problems else []
    found.held = [one for one in objects if one.held]
    found.needed = [one for one in objects if not one.held]
    done, total = 0, sum(one.bytes for one in found.held)
    for one in found.held:
        on_progress("Reading objects", done, total)
        if words := _object_fault(source, one):
            found.problems.append(f"{one.key} ({one.kind}): {words}")
        done += one.bytes


def _object_fault(source: RestoreSource, one: BackupObject) -> str:
    digest, length = hashlib.sha256(), 0
    try:
        for piece in source.read(f"{OBJECTS}{one.key}"):
            digest.update(piece)
            length += len(piece)
    except StreamtimeError as error:
        return error.message
    if length != one.bytes:
        return f"it has {length} bytes instead of {one.bytes}."
    if one.sha256 not in {None, digest.hexdigest()}:
        return "its bytes are not those that were stored."
    return ""
