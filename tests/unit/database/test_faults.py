"""Errors of the driver come out as errors of ours, wherever they strike; errors of the program stay what they are."""

import errno
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from streamtime.database.tables.auth import permission_epoch
from streamtime.database.transaction import Database, Transaction, translate_error
from streamtime.errors import DatabaseDamaged, NoSpace, StreamtimeError, Unavailable


async def read(database: Database) -> int:
    async with database.read() as connection:
        value: int = (await connection.execute(select(permission_epoch.c.value))).scalar_one()
        return value


async def write(database: Database) -> None:
    await database.write(lambda tx: tx.bump_epoch())


def of_sqlite(kind: type[sqlite3.Error], name: str, words: str = "trouble") -> sqlite3.Error:
    error = kind(words)
    if name:
        error.sqlite_errorname = name
    return error


UNUSABLE = [
    of_sqlite(sqlite3.OperationalError, name)
    for name in (
        *("SQLITE_IOERR_WRITE", "SQLITE_CANTOPEN", "SQLITE_CANTOPEN_ISDIR", "SQLITE_READONLY_DBMOVED"),
        *("SQLITE_PROTOCOL", "SQLITE_NOMEM", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_ABORT_ROLLBACK", "SQLITE_SCHEMA"),
        *("SQLITE_NOLFS", "SQLITE_INTERRUPT", "SQLITE_A_NAME_OF_TOMORROW", ""),
    )
]
UNUSABLE += [
    of_sqlite(sqlite3.InternalError, "SQLITE_INTERNAL"),
    of_sqlite(sqlite3.DatabaseError, "SQLITE_SOMETHING"),
    of_sqlite(sqlite3.ProgrammingError, "", "Cannot operate on a closed database."),
]
OURS: list[tuple[BaseException, type[StreamtimeError], str]] = [
    *((error, Unavailable, "database_io") for error in UNUSABLE),
    (OSError(errno.EMFILE, "Too many open files"), Unavailable, "database_io"),
    (OSError(errno.ENFILE, "Too many open files in system"), Unavailable, "database_io"),
    (MemoryError(), Unavailable, "database_io"),
    (RuntimeError("can't start new thread"), Unavailable, "database_io"),
    (of_sqlite(sqlite3.OperationalError, "SQLITE_BUSY_SNAPSHOT"), Unavailable, "database_busy"),
    (of_sqlite(sqlite3.OperationalError, "SQLITE_LOCKED_SHAREDCACHE"), Unavailable, "database_busy"),
    (of_sqlite(sqlite3.OperationalError, "SQLITE_FULL"), NoSpace, "no_space"),
    (of_sqlite(sqlite3.DatabaseError, "SQLITE_CORRUPT_INDEX"), DatabaseDamaged, "database_damaged"),
]
PROGRAM: list[BaseException] = [
    of_sqlite(sqlite3.OperationalError, "SQLITE_ERROR", 'near "SELEC": syntax error'),
    of_sqlite(sqlite3.IntegrityError, "SQLITE_CONSTRAINT_UNIQUE"),
    of_sqlite(sqlite3.ProgrammingError, "", "Incorrect number of bindings supplied."),
    of_sqlite(sqlite3.InterfaceError, "SQLITE_MISUSE"),
    of_sqlite(sqlite3.DataError, "SQLITE_TOOBIG"),
    OSError(errno.ENOENT, "No such file"),
    RuntimeError("something else"),
    KeyError("of ours"),
]


def names(errors: list[BaseException]) -> list[str]:
    return [f"{type(error).__name__} {getattr(error, 'sqlite_errorname', error)}" for error in errors]


@pytest.mark.parametrize(("error", "kind", "code"), OURS, ids=names([error for error, _, _ in OURS]))
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "by SQLAlchemy"])
def test_errors_of_the_machine_are_ours(
    error: Exception, kind: type[StreamtimeError], code: str, *, wrapped: bool
) -> None:
    found = translate_error(DBAPIError("SELECT 1", None, error) if wrapped else error)
    assert type(found) is kind
    assert found.code == code


@pytest.mark.parametrize("error", PROGRAM, ids=names(PROGRAM))
def test_errors_of_the_program_stay(error: Exception) -> None:
    assert translate_error(error) is None


@contextmanager
def failing(error: Exception, verb: str) -> Iterator[None]:
    """Have the driver fail at statements that begin so."""

    def fail(_cursor: object, statement: str, _parameters: object, _context: object) -> None:
        if statement.startswith(verb):
            raise error

    event.listen(Engine, "do_execute", fail)
    try:
        yield
    finally:
        event.remove(Engine, "do_execute", fail)


@pytest.mark.parametrize("error", UNUSABLE, ids=names([*UNUSABLE]))
async def test_whatever_statement_fails_is_told_and_the_next_one_works(database: Database, error: Exception) -> None:
    for verb in ("SELECT", "BEGIN"):
        with failing(error, verb), pytest.raises(Unavailable) as told:
            await read(database)
        assert told.value.code == "database_io"
    before = await read(database)
    for verb in ("UPDATE", "BEGIN"):
        with failing(error, verb), pytest.raises(Unavailable):
            await write(database)
    assert await read(database) == before
    await write(database)
    assert await read(database) == before + 1


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process may open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_connection_without_descriptors_is_told_and_comes_later(database: Database) -> None:
    for use in (read, write):
        with pytest.raises(Unavailable) as told, no_descriptors():
            await use(database)
        assert told.value.code == "database_io"
        assert "more files" in told.value.message
    await write(database)
    assert await read(database) >= 1


async def test_a_file_that_is_away_is_told_and_comes_back(database: Database) -> None:
    aside = database.path.with_name("aside")
    database.path.rename(aside)
    database.path.mkdir()
    for use in (read, write):
        with pytest.raises(Unavailable) as told:
            await use(database)
        assert told.value.code == "database_io"
    database.path.rmdir()
    aside.rename(database.path)
    await write(database)
    assert await read(database) >= 1


async def test_constraints_and_wrong_statements_stay_errors_of_the_program(database: Database) -> None:
    async def twice(tx: Transaction) -> None:
        await tx.execute(insert(permission_epoch).values(id=1, value=1))

    async def wrong(tx: Transaction) -> None:
        await tx.execute(text("SELECT nothing FROM epoch"))

    with pytest.raises(IntegrityError):
        await database.write(twice)
    with pytest.raises(OperationalError):
        await database.write(wrong)
