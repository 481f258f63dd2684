"""The locks of a data directory: that of the server, which says in it what it knows, and that of a move.

What every command needs: the configuration, read once, and the database brought up to date.
"""

import asyncio
import errno
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from streamtime.app.auth import AccountServices, open_account_services
from streamtime.app.core import database_path
from streamtime.cli.first_start import require_first_start
from streamtime.clock import SystemClock
from streamtime.config.load import load
from streamtime.config.sections import Config
from streamtime.database.migrate import migrate, migrations_folder, newest_revision, present_revision
from streamtime.errors import ConfigError

_SERVER = "server.lock"


@contextmanager
def server_lock(data_dir: Path, *, stores: Sequence[str] = ()) -> Iterator[None]:
    """Hold the lock of the server; `stores` are the names of those that it knows.

    Raises:
        ConfigError: a server holds it.
    """
    with _exclusive_lock(data_dir / _SERVER, server_running_message(data_dir), says=" ".join(stores)):
        yield


def server_running_message(data_dir: Path) -> str:
    """Words for a start that a running server prevents."""
    return f"Another server is running on {data_dir}. Stop it first, or choose another data_dir."


@contextmanager
def move_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock of a move between stores.

    Raises:
        ConfigError: another move holds it.
    """
    with _exclusive_lock(data_dir / "move.lock", "Objects are being moved already: wait for that, or stop it."):
        yield


def stores_of_running_server(data_dir: Path) -> list[str] | None:
    """The names of the stores that the server on this directory knows; None where none is running."""
    try:
        with (data_dir / _SERVER).open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().split()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None


def is_server_running(data_dir: Path) -> bool:
    """Whether a server works on this directory at this moment."""
    return stores_of_running_server(data_dir) is not None


@contextmanager
def _exclusive_lock(path: Path, words: str, *, says: str = "") -> Iterator[None]:
    with path.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(words) from None
        lock.truncate(0)
        lock.write(says)
        lock.flush()
        yield


T = TypeVar("T")

_FOLDERS = ("objects", "spool", "backups")
"""What lies in a data directory beside the database, where it is there already."""


class Context:
    """The configuration of one call of the command line."""

    def __init__(self, config_path: Path | None) -> None:
        self._config_path = config_path

    def config(self, overrides: dict[str, object] | None = None) -> Config:
        """The configuration: flags over environment over file over defaults.

        Raises:
            ConfigError: it cannot be used.
        """
        return load(self._config_path, os.environ, overrides or {})

    def prepared_config(self) -> Config:
        """The configuration, with the data directory and its database made and brought up to date."""
        config = self.config()
        prepare_data_dir(config)
        _migrate(config)
        return config

    def run_with_accounts(self, use: Callable[[AccountServices], Awaitable[T]]) -> T:
        """Run something on the accounts of the configured database, which is made where it is missing."""
        config = self.prepared_config()
        return asyncio.run(_with_accounts(config, use))


def _migrate(config: Config) -> None:
    """Migrate, unless a running server would have its schema changed under it.

    Raises:
        ConfigError: there is something to migrate, and a server is running; or the database is lost.
    """
    path = database_path(config)
    present = present_revision(path)
    if present is None:
        require_first_start(config)
    if present != newest_revision(migrations_folder()):
        with server_lock(config.data_dir):
            migrate(path, now_ms=SystemClock().now_ms())


def prepare_data_dir(config: Config) -> None:
    """Make the data directory, for its owner only.

    Raises:
        ConfigError: it cannot be made or written.
    """
    folder = config.data_dir
    try:
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"The data directory {folder} is a file, not a directory. Choose another data_dir.")
        _make(folder)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else str(error)
        if number in {errno.EEXIST, errno.ELOOP}:
            reason = "it is a link that leads nowhere"
        raise ConfigError(f"The data directory {folder} cannot be made: {reason}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"The data directory {folder} cannot be written by this user.")
    for name in _FOLDERS:
        _require_folder(folder / name)
    database = database_path(config)
    if database.exists() and not database.is_file():
        raise ConfigError(f"{database} is in the way: the database goes there, and this is not a file. Move it away.")


def _require_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder} is in the way: it has to be a directory. Move it away.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder} cannot be written by this user.")


def _make(folder: Path) -> None:
    """Make a directory and those above it; where that fails, those that were made go again."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    made: list[Path] = []
    try:
        for each in reversed(missing):
            each.mkdir(mode=0o700 if each == folder else 0o777, exist_ok=each != folder)
            made.append(each)
    except OSError:
        for each in reversed(made):
            with suppress(OSError):
                each.rmdir()
        raise


async def _with_accounts(config: Config, use: Callable[[AccountServices], Awaitable[T]]) -> T:
    async with open_account_services(config) as accounts:
        return await use(accounts)
