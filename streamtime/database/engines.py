"""SQLAlchemy engines on one SQLite file, for many readers and one writer, and a watch on its `epoch` row.

With the driver's default settings, concurrent read-modify-write transactions lose updates without an error, and with an
explicit BEGIN they fail with "database is locked" when a reader becomes a writer. A single write connection that uses
BEGIN IMMEDIATE avoids both.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import aiosqlite
from sqlalchemy import URL, event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

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
    """A connection whose `stop` may be called twice.

    When a read is cancelled twice, as anyio does, SQLAlchemy begins to close the connection and then also stops it.
    The driver's thread ends at the first stop and never answers the second, for which `close` would wait forever.
    """

    _stopping: asyncio.Future[Any] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        """Stop the thread; the future completes when it has stopped."""
        if self._stopping is None:
            self._stopping = super().stop()
        return self._stopping


def _connect(database: str, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401  # the driver's signature
    connection = _Connection(partial(sqlite3.connect, database, **options), _FETCH_ROWS)
    connection._thread.daemon = True  # noqa: SLF001  # as SQLAlchemy does with connections that it makes itself
    return connection


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
