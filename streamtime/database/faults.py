"""What SQLite's errors mean to us: the one place that knows their names. See https://sqlite.org/rescode.html."""

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError

from streamtime.errors import DatabaseDamaged, NoSpace, StreamtimeError, Unavailable

_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT_READ")
_DAMAGED_WORDS = ("no such table", "could not decode to utf-8")
"""Errors without a name of their own: a table of ours that is gone, text that is none."""

_OTHERS = {
    "SQLITE_IOERR": "The disk that holds the database does not answer.",
    "SQLITE_CANTOPEN": "The file of the database cannot be opened. Is its disk mounted, and may more files be open?",
    "SQLITE_READONLY": "The database cannot be written: its file or disk is read-only.",
    "SQLITE_NOMEM": "There is no memory for the database.",
}

_PROGRAM = ("SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_RANGE", "SQLITE_TOOBIG", "SQLITE_MISMATCH")
"""What a wrong statement or value of ours gives: errors of the program, not of the machine."""

_PROGRAM_TYPES = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError, sqlite3.NotSupportedError)
_CLOSED = "Cannot operate on a closed"

_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


def translate_error(error: BaseException) -> StreamtimeError | None:
    """Our error for one of the driver's, of SQLite or of SQLAlchemy around it; None for an error of the program.

    Constraints (IntegrityError) and wrong statements are errors of the program, and so is what no driver has raised.
    """
    found = getattr(error, "orig", None) or error
    if isinstance(found, OSError) and found.errno in _NO_DESCRIPTORS:
        return _unusable("The server may open no more files: its limit of descriptors is reached.")
    if isinstance(found, MemoryError):
        return _unusable(_OTHERS["SQLITE_NOMEM"])
    if isinstance(found, RuntimeError) and "can't start new thread" in str(found):
        return _unusable("The server may start no more threads, and the database needs one for each connection.")
    if isinstance(found, sqlite3.Error):
        return _of_sqlite(found)
    return _unusable("The connection to the database has failed.") if isinstance(error, DBAPIError) else None


def _of_sqlite(found: sqlite3.Error) -> StreamtimeError | None:
    if isinstance(found, sqlite3.IntegrityError):
        return None
    name, words = getattr(found, "sqlite_errorname", "") or "", str(found)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or (not name and "locked" in words):
        return Unavailable("The database is busy. Try again in a moment.", code="database_busy")
    if name == "SQLITE_FULL":
        return NoSpace("The disk that holds the database is full. Nothing was changed.")
    if name.startswith(_DAMAGED) or words.lower().startswith(_DAMAGED_WORDS):
        return DatabaseDamaged(words)
    if name in _PROGRAM or (isinstance(found, _PROGRAM_TYPES) and not words.startswith(_CLOSED)):
        return None
    said = next((said for start, said in _OTHERS.items() if name.startswith(start)), None)
    return _unusable(said or f"The database cannot be used now ({name or words}).")


def _unusable(words: str) -> Unavailable:
    return Unavailable(words, code="database_io")
