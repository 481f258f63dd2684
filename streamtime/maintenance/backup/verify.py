"""Verifies a backup or a copy of the database by reading it like a restore, and reports all problems. It blocks."""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from streamtime.clock import EpochMs
from streamtime.database.migrate import migrate
from streamtime.database.transaction import read_only_uri
from streamtime.errors import StreamtimeError
from streamtime.maintenance.backup import database_file
from streamtime.maintenance.backup.archive import DATABASE, OBJECTS, BackupObject
from streamtime.maintenance.backup.restore import RestoreSource, check_schema, open_restore_source

MAX_REPORTED = 100
"""The most problems of one kind that are listed."""

ProgressCallback = Callable[[str, int, int], None]
"""The current step, bytes done, and total bytes."""


@dataclass(slots=True)
class VerifyReport:
    """The result. If `problems` is empty, a restore would succeed."""

    schema: str = ""
    included: list[BackupObject] = field(default_factory=list)
    """Objects whose bytes are in the backup."""
    external: list[BackupObject] = field(default_factory=list)
    """Objects that the database needs and the stores must contain already."""
    problems: list[str] = field(default_factory=list)


def verify(path: Path, scratch: Path, on_progress: ProgressCallback, *, now_ms: EpochMs) -> VerifyReport:
    """Restore the database of the file at `path` into the folder `scratch`, and read all objects of the backup.

    Raises:
        OSError: the file cannot be read, or the scratch folder cannot be written.
    """
    report = VerifyReport()
    try:
        on_progress("Opening the file", 0, 0)
        with open_restore_source(path) as source:
            report.schema = source.schema
            check_schema(source)
            database = scratch / DATABASE
            on_progress("Restoring the database", 0, 0)
            source.save_database(database)
            report.problems += _database_problems(database, on_progress)
            if not report.problems:
                migrate(database, now_ms=now_ms)
                report.problems += _differences(source.objects(database), database_file.referenced_objects(database))
            _read_objects(source, database, report, on_progress)
    except StreamtimeError as error:
        report.problems.append(error.message)
    except sqlite3.DatabaseError as error:
        report.problems.append(f"Its database cannot be read: {error}.")
    return report


def _database_problems(database: Path, on_progress: ProgressCallback) -> list[str]:
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
    """Differences between the manifest of the backup and the rows of its database."""
    by_row = {each.id: (each.store, each.key, each.kind, each.state, each.bytes) for each in rows}
    by_manifest = {each.id: (each.store, each.key, each.kind, each.state, each.bytes) for each in listed}
    ids = sorted({each for each in by_row.keys() | by_manifest.keys() if by_row.get(each) != by_manifest.get(each)})
    return [f"object {each}: the list of the backup and its database differ" for each in ids[:MAX_REPORTED]]


def _read_objects(source: RestoreSource, database: Path, report: VerifyReport, on_progress: ProgressCallback) -> None:
    objects = source.objects(database) if not report.problems else []
    report.included = [each for each in objects if each.held]
    report.external = [each for each in objects if not each.held]
    done, total = 0, sum(each.bytes for each in report.included)
    for each in report.included:
        on_progress("Reading objects", done, total)
        if problem := _object_problem(source, each):
            report.problems.append(f"{each.key} ({each.kind}): {problem}")
        done += each.bytes


def _object_problem(source: RestoreSource, expected: BackupObject) -> str:
    digest, length = hashlib.sha256(), 0
    try:
        for chunk in source.read(f"{OBJECTS}{expected.key}"):
            digest.update(chunk)
            length += len(chunk)
    except StreamtimeError as error:
        return error.message
    if length != expected.bytes:
        return f"it has {length} bytes instead of {expected.bytes}."
    if expected.sha256 not in {None, digest.hexdigest()}:
        return "its bytes are not those that were stored."
    return ""
