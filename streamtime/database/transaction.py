"""The only door to the writer: one transaction at a time, never nested, never broken off in the middle.

The body runs in a task of its own under a shield. A request that is cancelled in the middle of a write would otherwise
leave the single writer connection with an open transaction, and every later write would fail. A caller that goes away
loses only the answer: what it began is committed or rolled back as a whole.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from streamtime.database.engines import reader_engine, writer_engine
from streamtime.database.tables import epoch
from streamtime.errors import NoSpace, Unavailable
from streamtime.logging import get_logger

T = TypeVar("T")
Hook = Callable[[], None]

_log = get_logger("database")
_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)


class Transaction:
    """One write transaction. Rooms' functions take it; only the outermost service opens one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._hooks: list[Hook] = []
        self.epoch_raised = False

    async def execute(self, statement: Executable) -> CursorResult[Any]:
        """Run one statement and give its result, with its rows already fetched."""
        return await self._connection.execute(statement)

    async def execute_many(self, statement: Executable, rows: list[dict[str, Any]]) -> None:
        """Run one statement once for each row of values."""
        if rows:
            await self._connection.execute(statement, rows)

    async def raise_epoch(self) -> None:
        """Say that who may see what has changed: every cache of permissions falls with this commit."""
        self.epoch_raised = True
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
    """A database file with its readers and its writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: AsyncEngine = reader_engine(path)
        self._writer: AsyncEngine = writer_engine(path)
        self._running: set[asyncio.Task[Any]] = set()
        self.on_epoch: Hook = lambda: None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent snapshot to read from. Do not await anything else than its queries inside.

        Raises:
            Unavailable: the database cannot be read in time.
        """
        with _translated():
            async with self._reader.begin() as connection:
                yield connection

    async def write(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` in a write transaction of its own and give what it returns, once that is on disk.

        Raises:
            Unavailable: another process holds the write lock for longer than the busy timeout.
            NoSpace: the disk is full; nothing was changed.
            RuntimeError: called inside another write transaction.
        """
        if _inside.get():
            raise RuntimeError("A write transaction is open already: pass it on instead of opening another.")
        task = asyncio.get_running_loop().create_task(self._run(body))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for the writes under way, then end the driver's threads."""
        while self._running:
            await asyncio.wait(self._running)
        await self._writer.dispose()
        await self._reader.dispose()

    async def _run(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        _inside.set(True)
        with _translated():
            async with self._writer.begin() as connection:
                transaction = Transaction(connection)
                result = await body(transaction)
        if transaction.epoch_raised:
            self.on_epoch()
        transaction.run_hooks()
        return result

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Its caller may be gone; reading the exception keeps the loop from reporting it as never retrieved.
            _log.debug("write_failed", error=repr(task.exception()))


class _translated:  # noqa: N801  # reads as a word in `with _translated():`
    """Turns the driver's complaints into ours, at the one place that knows them."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PoolTimeout):
            raise Unavailable("The database is busy. Try again in a moment.", code="database_busy") from error
        if isinstance(error, OperationalError):
            _raise_for(error)


def _raise_for(error: OperationalError) -> None:
    name = getattr(error.orig, "sqlite_errorname", "") or ""
    if not name and isinstance(error.orig, sqlite3.OperationalError) and "locked" in str(error.orig):
        name = "SQLITE_BUSY"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        raise Unavailable("The database is busy. Try again in a moment.", code="database_busy") from error
    if name == "SQLITE_FULL":
        raise NoSpace("The disk that holds the database is full. Nothing was changed.") from error
    if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):  # the last also where it was moved
        raise Unavailable("The disk that holds the database does not answer.", code="database_io") from error
