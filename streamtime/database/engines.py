"""Two engines on one SQLite file: many readers, and one writer that takes its lock at BEGIN.

With the driver's stock settings concurrent read-modify-writes lose updates without an error, and with an explicit
BEGIN they fail with "database is locked" when a reader wants to become a writer. One connection that says
BEGIN IMMEDIATE does neither.

Notices that who may see what has changed: at once when this process did it, within milliseconds when another did.

`PRAGMA data_version` moves when another connection has committed. Asking costs microseconds and some system calls,
so it is asked on the loop, but not more often than every few milliseconds, which is less than any command beside the
server needs to end. Only when it moved is the `epoch` row read again. Our own commits are told by `invalidate`.
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
"""How long a statement waits for a lock that another process holds before it fails."""

READER_CONNECTIONS = 4

_ROWS_AT_ONCE = 64
"""How many rows the driver fetches in one step; its own default."""

PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",  # first: the others too may have to wait
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # with NORMAL a power cut takes back commits that were acknowledged
    "PRAGMA foreign_keys=ON",
)


def reader_engine(path: Path) -> AsyncEngine:
    """An engine for reading: each transaction is one consistent snapshot and waits for no writer."""
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
    """The engine for writing, of one connection. Only `transaction.py` and the migrations may use it."""
    engine = create_async_engine(
        _url(path), pool_size=1, max_overflow=0, pool_timeout=30, connect_args={"async_creator_fn": _connect}
    )
    _configure(engine, "BEGIN IMMEDIATE")
    return engine


def read_only_uri(path: Path) -> str:
    """What the standard library's driver takes to open a file for reading only, whatever its path is made of."""
    return f"file:{quote(str(path))}?mode=ro"


def immutable_uri(path: Path) -> str:
    """The same for a file that nobody has open: nothing is made beside it, as WAL mode would otherwise have it."""
    log = path.with_name(f"{path.name}-wal")
    return read_only_uri(path) + ("" if log.exists() else "&immutable=1")


class _Connection(aiosqlite.Connection):
    """The driver's connection, which may be told twice to stop.

    When a read is cancelled twice, as anyio does, SQLAlchemy begins to close the connection and then stops it as well.
    The driver's thread ends at the first stop and never answers the second, for which `close` would wait for ever.
    """

    _stopping: asyncio.Future[Any] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        """Stop the thread; what is returned is done once it has stopped."""
        if self._stopping is None:
            self._stopping = super().stop()
        return self._stopping


def _connect(database: str, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401  # the driver's own
    connection = _Connection(partial(sqlite3.connect, database, **options), _ROWS_AT_ONCE)
    connection._thread.daemon = True  # noqa: SLF001  # as SQLAlchemy does with connections that it makes itself
    return connection


def _url(path: Path) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(path))


def _configure(engine: AsyncEngine, begin: str, extra: tuple[str, ...] = ()) -> None:
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's own, untyped
        connection.isolation_level = None  # BEGIN is ours to say
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
    """A dedicated read-only connection that only ever looks at one number."""

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
        """The epoch now. A number that cannot be read counts as a new one: caches fall rather than lie."""
        now = self._clock()
        if now - self._polled_at < POLL_INTERVAL_S:
            return self._epoch
        self._polled_at = now
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:
                (self._epoch,) = self._connection.execute("SELECT value FROM epoch WHERE id = 1").fetchone()
                self._data_version = version
        except sqlite3.DatabaseError:  # the same of a damaged file, which the next query tells of
            self._unreadable -= 1
            self._epoch, self._data_version = self._unreadable, -1
        return self._epoch

    def invalidate(self) -> None:
        """Something was committed just now: the next question is answered from the file."""
        self._polled_at = -POLL_INTERVAL_S

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
