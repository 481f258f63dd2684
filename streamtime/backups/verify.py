"""Reads a backup, or a copy of the database, as a restore would, and says all that is wrong with it. It blocks.

Nothing is written but a database in a scratch folder of the caller's.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from streamtime.backups import snapshot
from streamtime.backups.archive import DATABASE, OBJECTS
from streamtime.backups.manifest import NeededObject
from streamtime.backups.restore import Source, check_schema, source_at
from streamtime.clock import EpochMs
from streamtime.database.engines import read_only_uri
from streamtime.database.migrate import migrate
from streamtime.errors import StreamtimeError

MOST_TOLD = 100
"""Faults of one kind that are told one by one."""

Told = Callable[[str, int, int], None]
"""Words for what is being done, bytes done, bytes in all."""


@dataclass(slots=True)
class Verified:
    """What was found. `wrong` is empty where a restore would bring everything back."""

    schema: str = ""
    held: list[NeededObject] = field(default_factory=list)
    needed: list[NeededObject] = field(default_factory=list)
    """Objects that the database stands for and that have to be in a store already."""
    wrong: list[str] = field(default_factory=list)


def verify(path: Path, scratch: Path, told: Told, *, now_ms: EpochMs) -> Verified:
    """Restore the database of the file at `path` into the folder `scratch`, and read all objects that the file holds.

    Raises:
        OSError: the file cannot be read, or the scratch folder not be written.
    """
    found = Verified()
    try:
        told("Opening the file", 0, 0)
        with source_at(path) as source:
            found.schema = source.schema
            check_schema(source)
            database = scratch / DATABASE
            told("Restoring the database", 0, 0)
            source.save_database(database)
            found.wrong += _database_faults(database, told)
            if not found.wrong:
                migrate(database, now_ms=now_ms)
                found.wrong += _unlike(source.objects(database), snapshot.needed(database))
            _read_objects(source, database, found, told)
    except StreamtimeError as error:
        found.wrong.append(error.message)
    except sqlite3.DatabaseError as error:
        found.wrong.append(f"Its database cannot be read: {error}.")
    return found


def _database_faults(database: Path, told: Told) -> list[str]:
    told("Checking the database", 0, 0)
    with closing(sqlite3.connect(read_only_uri(database), uri=True)) as connection:
        verdicts = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_TOLD})")]
        if verdicts != ["ok"]:
            return [f"database: {' '.join(verdict.split())}" for verdict in verdicts]
        dangling = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_TOLD)
        return [
            f"database: row {row} of {table} names a row of {parent} that is not there"
            for table, row, parent, _ in dangling
        ]


def _unlike(listed: list[NeededObject], rows: list[NeededObject]) -> list[str]:
    """Where the list of the backup and the rows of its database differ."""
    known = {one.id: (one.store, one.key, one.kind, one.state, one.bytes) for one in rows}
    said = {one.id: (one.store, one.key, one.kind, one.state, one.bytes) for one in listed}
    ids = sorted({one for one in known.keys() | said.keys() if known.get(one) != said.get(one)})
    return [f"object {one}: the list of the backup and its database differ" for one in ids[:MOST_TOLD]]


def _read_objects(source: Source, database: Path, found: Verified, told: Told) -> None:
    objects = source.objects(database) if not found.wrong else []
    found.held = [one for one in objects if one.held]
    found.needed = [one for one in objects if not one.held]
    done, total = 0, sum(one.bytes for one in found.held)
    for one in found.held:
        told("Reading objects", done, total)
        if words := _object_fault(source, one):
            found.wrong.append(f"{one.key} ({one.kind}): {words}")
        done += one.bytes


def _object_fault(source: Source, one: NeededObject) -> str:
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
