"""What SQLite's errors mean to us: the one place that knows their names. See https://sqlite.org/rescode.html."""

import sqlite3

from streamtime.errors import DatabaseDamaged, NoSpace, StreamtimeError, Unavailable

_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT_READ")
_DAMAGED_WORDS = ("no such table", "could not decode to utf-8")
"""Errors without a name of their own: a table of ours that is gone, text that is none."""

_OTHERS = {
    "SQLITE_IOERR": "The disk that holds the database does not answer.",
    "SQLITE_CANTOPEN": "The file of the database cannot be opened. Is its disk mounted?",
    "SQLITE_READONLY": "The database cannot be written: its file or disk is read-only.",
}


def explained(error: BaseException) -> StreamtimeError | None:
    """Our error for one of SQLite's, which may be wrapped by SQLAlchemy; None where it is no fault of the machine."""
    found = getattr(error, "orig", None) or error
    if not isinstance(found, sqlite3.Error) or isinstance(found, sqlite3.IntegrityError):
        return None
    name, words = getattr(found, "sqlite_errorname", "") or "", str(found)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or (not name and "locked" in words):
        return Unavailable("The database is busy. Try again in a moment.", code="database_busy")
    if name == "SQLITE_FULL":
        return NoSpace("The disk that holds the database is full. Nothing was changed.")
    if name.startswith(_DAMAGED) or words.lower().startswith(_DAMAGED_WORDS):
        return DatabaseDamaged(words)
    said = next((said for start, said in _OTHERS.items() if name.startswith(start)), None)
    return None if said is None else Unavailable(said, code="database_io")
