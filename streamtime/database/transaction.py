"""The only door to the writer: one transaction at a time, never nested, never broken off in the middle.

The body runs in a task of its own under a shield. A request that is cancelled in the middle of a write would otherwise
leave the single writer connection with an open transaction, and every later write would fail. A caller that goes away
loses only the answer: what it began is committed or rolled back as a whole.

What SQLite's errors mean to us: the one place that knows their names. See https://sqlite.org/rescode.html.
"""

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from streamtime.database.copies import restore_advice
from streamtime.database.engines import reader_engine, writer_engine
from streamtime.database.tables import epoch
from streamtime.errors import DatabaseDamaged, NoSpace, StreamtimeError, Unavailable
from streamtime.logging import get_logger

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


T = TypeVar("T")
Hook = Callable[[], None]

_log = get_logger("database")
_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)


class Transaction:
    """One write transaction. Rooms' functions take it; only the outermost service opens one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._hooks: list[Hook] = []
        self.epoch_bumped = False

    async def execute(self, statement: Executable) -> CursorResult[Any]:
        """Run one statement and give its result, with its rows already fetched."""
        return await self._connection.execute(statement)

    async def execute_many(self, statement: Executable, rows: list[dict[str, Any]]) -> None:
        """Run one statement once for each row of values."""
        if rows:
            await self._connection.execute(statement, rows)

    async def bump_epoch(self) -> None:
        """Say that who may see what has changed: every cache of permissions falls with this commit."""
        self.epoch_bumped = True
        await self.execute(update(epoch).values(value=epoch.c.value + 1))

    def after_commit(self, hook: Hook) -> None:
        """Call `hook` once the transaction is on disk, in order; never if it is rolled back."""
        self._hooks.append(hook)

    def run_hooks(self) -> None:
        """Call what was registered; one that fails is logged and does not stop the others."""
        for hook in self._hooks:
            try:
                hook()
            except Exception:  # noqa: BLE001  # the commit stands whatever a listener does
                _log.exception("after_commit_hook_failed")


class Database:
    """A database file with its readers and its writer.

    Once damage was seen nothing is written any more: whatever was acknowledged would be lost by the restore that has
    to follow. `copies` are the folders where copies of it lie.
    """

    def __init__(self, path: Path, *, copies: Sequence[Path] = ()) -> None:
        self.path = path
        self.damage = ""
        """What is wrong with it, and what to do, in words; empty where no damage was seen."""
        self.logs_faults = False
        """Whether faults are logged, once each: by a server. A command says them itself."""
        self._damage_with_paths = ""
        self._copies = [*copies] or [path.parent / "backups"]
        self._logged: set[str] = set()
        self._reader: AsyncEngine = reader_engine(path)
        self._writer: AsyncEngine = writer_engine(path)
        self._running: set[asyncio.Task[Any]] = set()
        self.on_epoch_bumped: Hook = lambda: None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent snapshot to read from. Do not await anything else than its queries inside.

        Raises:
            Unavailable: the database cannot be read in time, or not at all.
            DatabaseDamaged: what is asked for lies in a damaged part.
        """
        with self._translate_errors():
            async with self._reader.begin() as connection:
                yield connection

    async def write(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` in a write transaction of its own and give what it returns, once that is on disk.

        Raises:
            Unavailable: another process holds the write lock for longer than the busy timeout.
            NoSpace: the disk is full; nothing was changed.
            DatabaseDamaged: damage was seen, now or earlier; nothing was changed.
            RuntimeError: called inside another write transaction.
        """
        if _inside.get():
            raise RuntimeError("A write transaction is open already: pass it on instead of opening another.")
        if self.damage:
            raise self.damage_error()
        task = asyncio.get_running_loop().create_task(self._run(body))
        self._running.add(task)
        task.add_done_callback(self._discard_task)
        return await asyncio.shield(task)

    def mark_damaged(self, reason: str) -> None:
        """Damage was seen: it is logged once, with the way back, and nothing is written from now on."""
        if self.damage:
            return
        reason = " ".join(reason.split()).rstrip(".")
        words = restore_advice(self._copies, replace=True, inside=self.path.parent)
        self.damage = f"The database is damaged ({reason}). {words}"
        words = restore_advice(self._copies, replace=True)
        self._damage_with_paths = f"The database {self.path} is damaged ({reason}). {words}"
        if self.logs_faults:
            _log.error("database_damaged", database=str(self.path), error=reason, words=words)

    def damage_error(self) -> DatabaseDamaged:
        """The error for whoever meets the damage that was noted."""
        return DatabaseDamaged(self.damage, message_with_paths=self._damage_with_paths)

    async def close(self) -> None:
        """Wait for the writes under way, then end the driver's threads."""
        while self._running:
            await asyncio.wait(self._running)
        await self._writer.dispose()
        await self._reader.dispose()

    async def _run(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        _inside.set(True)
        with self._translate_errors():
            async with self._writer.begin() as connection:
                transaction = Transaction(connection)
                result = await body(transaction)
        if transaction.epoch_bumped:
            self.on_epoch_bumped()
        transaction.run_hooks()
        return result

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Turn the driver's complaints into ours, and tell each kind of them once."""
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable("The database is busy. Try again in a moment.", code="database_busy") from error
        except StreamtimeError:
            raise
        except Exception as error:
            ours = translate_error(error)
            if ours is None:
                raise
            if isinstance(ours, DatabaseDamaged):
                self.mark_damaged(ours.message)
                ours = self.damage_error()
            elif self.logs_faults and ours.code == "database_io" and ours.message not in self._logged:
                self._logged.add(ours.message)
                _log.error("database_unavailable", database=str(self.path), error=ours.message)
            raise ours from error

    def _discard_task(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Its caller may be gone; reading the exception keeps the loop from reporting it as never retrieved.
            _log.debug("write_failed", error=repr(task.exception()))
