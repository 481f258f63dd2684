"""The database: engines on one SQLite file, read and write transactions, and the translation of SQLite's errors.

There are many readers and one write connection that uses BEGIN IMMEDIATE. With the driver's default settings,
concurrent read-modify-write transactions lose updates without an error, and with an explicit BEGIN they fail with
"database is locked" when a reader becomes a writer.

The body of a write transaction runs in a task of its own under a shield. Otherwise a request that is cancelled during a
write would leave the single write connection with an open transaction, and every later write would fail. A cancelled
caller only misses the result: the transaction is committed or rolled back as a whole.
See https://sqlite.org/rescode.html for the names of errors.
"""

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote

import aiosqlite
from sqlalchemy import URL, CursorResult, Executable, event, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from streamtime.database.copies import restore_advice
from streamtime.database.tables.auth import permission_epoch
from streamtime.errors import DatabaseDamaged, NoSpace, StreamtimeError, Unavailable
from streamtime.logging import get_logger

BUSY_TIMEOUT_MS = 5_000
"""How long a statement waits for another process's lock before it fails."""

READER_CONNECTIONS = 4

_FETCH_ROWS = 64
"""Rows that the driver fetches in one step; its default."""

PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",  # first, since the others may have to wait for a lock
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # with NORMAL a power failure can lose acknowledged commits
    "PRAGMA foreign_keys=ON",
)


def reader_engine(path: Path) -> AsyncEngine:
    """An engine for reading: each transaction is a consistent snapshot and does not wait for writers."""
    engine = create_async_engine(
        _url(path),
        pool_size=READER_CONNECTIONS,
        max_overflow=0,
        pool_timeout=10,
        connect_args={"async_creator_fn": _connect},
    )
    _configure(engine, "BEGIN", extra=("PRAGMA query_only=ON",))
    return engine


def writer_engine(path: Path) -> AsyncEngine:
    """The engine for writing, with one connection. Only `transaction.py` may use it."""
    engine = create_async_engine(
        _url(path), pool_size=1, max_overflow=0, pool_timeout=30, connect_args={"async_creator_fn": _connect}
    )
    _configure(engine, "BEGIN IMMEDIATE")
    return engine


def read_only_uri(path: Path) -> str:
    """The URI with which `sqlite3` opens a file read-only; the path may contain any characters."""
    return f"file:{quote(str(path))}?mode=ro"


def immutable_uri(path: Path) -> str:
    """Like `read_only_uri`, for a file that nobody has open: SQLite creates no WAL files next to it."""
    log = path.with_name(f"{path.name}-wal")
    return read_only_uri(path) + ("" if log.exists() else "&immutable=1")


class _Connection(aiosqlite.Connection):
    """A connection whose file is closed wherever a read is cancelled.

    - While it is opened: the driver forgets the file that its thread is opening. `stop` closes it in that thread.
    - While SQLAlchemy sets it up: SQLAlchemy drops it without closing it.
    - Twice, as anyio does: SQLAlchemy begins to close it and then also stops it. The driver's thread ends at the first
      stop and never answers the second, for which `close` would wait forever.
    """

    def __init__(self, open_file: Callable[[], sqlite3.Connection]) -> None:
        self._files = files = ExitStack()
        super().__init__(lambda: files.enter_context(closing(open_file())), _FETCH_ROWS)
        self._thread.daemon = True  # as SQLAlchemy does with connections that it makes itself
        self._stopping: asyncio.Future[Any] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        """Close the file and stop the thread; the future completes when it has stopped."""
        if self._stopping is None:
            self._tx.put_nowait((None, self._files.close))
            self._stopping = super().stop()
        return self._stopping

    def __del__(self) -> None:
        """Stop a connection that SQLAlchemy has dropped."""
        if self._connection is not None:
            self.stop()


def _connect(database: str, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401  # the driver's signature
    return _Connection(partial(sqlite3.connect, database, **options))


def _url(path: Path) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(path))


def _configure(engine: AsyncEngine, begin: str, extra: tuple[str, ...] = ()) -> None:
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's signature, untyped
        connection.isolation_level = None  # `on_begin` issues BEGIN, not the driver
        cursor = connection.cursor()
        for pragma in (*PRAGMAS, *extra):
            cursor.execute(pragma)
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)


POLL_INTERVAL_S = 0.005


class EpochWatch:
    """Detects changes of permissions: at once if this process made them, else within milliseconds.

    `PRAGMA data_version` changes when another connection has committed. It costs microseconds and a few system calls,
    so it is read in the event loop, at most every `POLL_INTERVAL_S`, which is less than any command that runs beside
    the server needs to end. The `epoch` row is read only after a change. `invalidate` reports our own commits.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._polled_at = -POLL_INTERVAL_S
        self._connection = sqlite3.connect(
            read_only_uri(path), uri=True, isolation_level=None, timeout=0, check_same_thread=False
        )
        self._data_version = -1
        self._epoch = 0
        self._unreadable = 0

    def current(self) -> int:
        """The current epoch. If it cannot be read, a new number is returned, so that caches are invalidated."""
        now = self._clock()
        if now - self._polled_at < POLL_INTERVAL_S:
            return self._epoch
        self._polled_at = now
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:
                (self._epoch,) = self._connection.execute("SELECT value FROM epoch WHERE id = 1").fetchone()
                self._data_version = version
        except sqlite3.DatabaseError:  # also for a damaged file, which the next query reports
            self._unreadable -= 1
            self._epoch, self._data_version = self._unreadable, -1
        return self._epoch

    def invalidate(self) -> None:
        """Something was just committed: the next call of `current` reads the file."""
        self._polled_at = -POLL_INTERVAL_S

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT_READ")
_DAMAGED_MESSAGES = ("no such table", "could not decode to utf-8")
"""Messages of damage that has no error name: a missing table, invalid text."""

_UNAVAILABLE = {
    "SQLITE_IOERR": "The disk that holds the database does not answer.",
    "SQLITE_CANTOPEN": "The file of the database cannot be opened. Is its disk mounted, and may more files be open?",
    "SQLITE_READONLY": "The database cannot be written: its file or disk is read-only.",
    "SQLITE_NOMEM": "There is no memory for the database.",
}

_BUGS = ("SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_RANGE", "SQLITE_TOOBIG", "SQLITE_MISMATCH")
"""Errors caused by a wrong statement or value: bugs, not failures of the machine."""

_BUG_TYPES = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError, sqlite3.NotSupportedError)
_CLOSED = "Cannot operate on a closed"

_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


def translate_error(error: BaseException) -> StreamtimeError | None:
    """Translate an error of SQLite, of the driver or of SQLAlchemy; None if it is a bug.

    Violated constraints (IntegrityError) and wrong statements are bugs, and so are errors that no driver has raised.
    """
    original = getattr(error, "orig", None) or error
    if isinstance(original, OSError) and original.errno in _NO_DESCRIPTORS:
        return _unusable("The server may open no more files: its limit of descriptors is reached.")
    if isinstance(original, MemoryError):
        return _unusable(_UNAVAILABLE["SQLITE_NOMEM"])
    if isinstance(original, RuntimeError) and "can't start new thread" in str(original):
        return _unusable("The server may start no more threads, and the database needs one for each connection.")
    if isinstance(original, sqlite3.Error):
        return _translate_sqlite_error(original)
    return _unusable("The connection to the database has failed.") if isinstance(error, DBAPIError) else None


def _translate_sqlite_error(error: sqlite3.Error) -> StreamtimeError | None:
    if isinstance(error, sqlite3.IntegrityError):
        return None
    name, message = getattr(error, "sqlite_errorname", "") or "", str(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or (not name and "locked" in message):
        return Unavailable("The database is busy. Try again in a moment.", code="database_busy")
    if name == "SQLITE_FULL":
        return NoSpace("The disk that holds the database is full. Nothing was changed.")
    if name.startswith(_DAMAGED) or message.lower().startswith(_DAMAGED_MESSAGES):
        return DatabaseDamaged(message)
    if name in _BUGS or (isinstance(error, _BUG_TYPES) and not message.startswith(_CLOSED)):
        return None
    known = next((text for prefix, text in _UNAVAILABLE.items() if name.startswith(prefix)), None)
    return _unusable(known or f"The database cannot be used now ({name or message}).")


def _unusable(message: str) -> Unavailable:
    return Unavailable(message, code="database_io")


T = TypeVar("T")
Hook = Callable[[], None]

_log = get_logger("database")
_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)


class Transaction:
    """A write transaction. Functions take it as a parameter; only the outermost service opens one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._hooks: list[Hook] = []
        self.epoch_bumped = False

    async def execute(self, statement: Executable) -> CursorResult[Any]:
        """Execute a statement; returns the result with its rows already fetched."""
        return await self._connection.execute(statement)

    async def execute_many(self, statement: Executable, rows: list[dict[str, Any]]) -> None:
        """Execute a statement once for each row of values."""
        if rows:
            await self._connection.execute(statement, rows)

    async def bump_epoch(self) -> None:
        """Record that permissions have changed: this commit invalidates all caches of them."""
        if self.epoch_bumped:
            return
        self.epoch_bumped = True
        await self.execute(update(permission_epoch).values(value=permission_epoch.c.value + 1))

    def after_commit(self, hook: Hook) -> None:
        """Call `hook` after the commit, in the order of registration; never after a rollback."""
        self._hooks.append(hook)

    def run_hooks(self) -> None:
        """Call the registered hooks; an error is logged and does not stop the others."""
        for hook in self._hooks:
            try:
                hook()
            except Exception:  # noqa: BLE001  # the commit stands whatever a hook does
                _log.exception("after_commit_hook_failed")


class Database:
    """A database file with its readers and its writer.

    After damage was detected nothing is written, since the necessary restore would lose it. `copies` are the folders
    that contain copies of the file.
    """

    def __init__(self, path: Path, *, copies: Sequence[Path] = ()) -> None:
        self.path = path
        self.damage = ""
        """The detected damage and what to do about it, as a message; empty if there is none."""
        self.logs_faults = False
        """Whether faults are logged, once each: the server does, commands print them instead."""
        self._damage_with_paths = ""
        self._copies = [*copies] or [path.parent / "backups"]
        self._logged: set[str] = set()
        self._reader: AsyncEngine = reader_engine(path)
        self._writer: AsyncEngine = writer_engine(path)
        self._running: set[asyncio.Task[Any]] = set()
        self.on_epoch_bumped: Hook = lambda: None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent snapshot for reading. Await nothing but its queries inside.

        Raises:
            Unavailable: the database cannot be read, or not in time.
            DatabaseDamaged: the query reads a damaged part.
        """
        with self._translate_errors():
            async with self._reader.begin() as connection:
                yield connection

    async def write(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` in a write transaction; returns its result after the commit.

        Raises:
            Unavailable: another process holds the write lock for longer than the busy timeout, or the disk fails.
            NoSpace: the disk is full; nothing was changed.
            DatabaseDamaged: damage was detected, now or earlier; nothing was changed.
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
        """Record detected damage: it is logged once, with advice, and nothing is written from now on."""
        if self.damage:
            return
        reason = " ".join(reason.split()).rstrip(".")
        advice = restore_advice(self._copies, replace=True, inside=self.path.parent)
        self.damage = f"The database is damaged ({reason}). {advice}"
        advice = restore_advice(self._copies, replace=True)
        self._damage_with_paths = f"The database {self.path} is damaged ({reason}). {advice}"
        if self.logs_faults:
            _log.error("database_damaged", database=str(self.path), error=reason, advice=advice)

    def damage_error(self) -> DatabaseDamaged:
        """The error that reports the recorded damage."""
        return DatabaseDamaged(self.damage, message_with_paths=self._damage_with_paths)

    async def close(self) -> None:
        """Wait for running writes, then close all connections."""
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
        """Translate errors of the driver, and log each kind of them once."""
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable("The database is busy. Try again in a moment.", code="database_busy") from error
        except StreamtimeError:
            raise
        except Exception as error:
            translated = translate_error(error)
            if translated is None:
                raise
            if isinstance(translated, DatabaseDamaged):
                self.mark_damaged(translated.message)
                translated = self.damage_error()
            elif self.logs_faults and translated.code == "database_io" and translated.message not in self._logged:
                self._logged.add(translated.message)
                _log.error("database_unavailable", database=str(self.path), error=translated.message)
            raise translated from error

    def _discard_task(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # If the caller was cancelled, asyncio would report the exception as never retrieved.
            _log.debug("write_failed", error=repr(task.exception()))
