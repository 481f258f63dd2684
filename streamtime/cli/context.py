"""What the commands share: the configuration, the data directory with its locks, and the migrated database."""

import asyncio
import errno
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from streamtime.app.auth import AccountManagement, open_account_management
from streamtime.app.core import database_path
from streamtime.cli.first_start import require_first_start
from streamtime.clock import SystemClock
from streamtime.config.load import load, load_with_places
from streamtime.config.sections import Config
from streamtime.config.stored import LoadedConfig
from streamtime.database.migrate import migrate, migrations_folder, newest_revision, present_revision
from streamtime.errors import ConfigError, Invalid
from streamtime.logging import get_logger
from streamtime.maintenance.server_settings import stored_in_file

_SERVER_LOCK = "server.lock"

_log = get_logger("cli")


@contextmanager
def server_lock(data_dir: Path, *, stores: Sequence[str] = ()) -> Iterator[None]:
    """Hold the server lock; the lock file lists the names of the configured `stores`.

    Raises:
        ConfigError: a running server holds it.
    """
    with _exclusive_lock(data_dir / _SERVER_LOCK, server_running_message(data_dir), content=" ".join(stores)):
        yield


def server_running_message(data_dir: Path) -> str:
    """Return the error message if a running server prevents a start."""
    return f"Another server is running on {data_dir}. Stop it first, or choose another data_dir."


@contextmanager
def move_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock of `streamtime storage move`.

    Raises:
        ConfigError: another move holds it.
    """
    with _exclusive_lock(data_dir / "move.lock", "Objects are being moved already: wait for that, or stop it."):
        yield


def stores_of_running_server(data_dir: Path) -> list[str] | None:
    """Return the store names of the server that runs on this directory; None if none is running."""
    try:
        with (data_dir / _SERVER_LOCK).open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().split()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None


def running_since_ms(data_dir: Path) -> int | None:
    """Return when the server was started that runs on this directory; None if none is running."""
    if not is_server_running(data_dir):
        return None
    return int((data_dir / _SERVER_LOCK).stat().st_mtime * 1000)


def is_server_running(data_dir: Path) -> bool:
    """Return whether a server is running on this directory."""
    return stores_of_running_server(data_dir) is not None


@contextmanager
def _exclusive_lock(path: Path, locked_message: str, *, content: str = "") -> Iterator[None]:
    with path.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(locked_message) from None
        lock.truncate(0)
        lock.write(content)
        lock.flush()
        yield


T = TypeVar("T")

_FOLDERS = ("objects", "spool", "backups")
"""Folders of a data directory."""


class Context:
    """The context of one command: its configuration and services."""

    def __init__(self, config_path: Path | None) -> None:
        self._config_path = config_path

    def config(self, overrides: dict[str, object] | None = None) -> Config:
        """Load the configuration; `overrides` are the values of command line options.

        Raises:
            ConfigError: it cannot be used.
        """
        return load(self._config_path, os.environ, overrides or {})

    def loaded_config(self, overrides: dict[str, object] | None = None) -> LoadedConfig:
        """Load the configuration as `config` does, with the places of its values."""
        return LoadedConfig.of(*load_with_places(self._config_path, os.environ, overrides or {}))

    def prepared_config(self) -> Config:
        """Load the configuration, create the data directory, create or migrate the database, and read its settings.

        Raises:
            ConfigError: one of these fails.
        """
        loaded = self.loaded_config()
        prepare_data_dir(loaded.config)
        _migrate(loaded.config)
        return with_stored_settings(loaded).config

    def run_with_accounts(self, function: Callable[[AccountManagement], Awaitable[T]]) -> T:
        """Run a function with the account services, on the prepared configuration."""
        config = self.prepared_config()
        return asyncio.run(_with_accounts(config, function))


def with_stored_settings(loaded: LoadedConfig) -> LoadedConfig:
    """Return the configuration with the settings of its database, which must be migrated.

    Values that are no longer accepted are left out, so that they cannot prevent a start.
    """
    accepted: dict[str, str] = {}
    for key, text in stored_in_file(database_path(loaded.config)).items():
        try:
            loaded.with_stored({**accepted, key: text})
        except Invalid as error:
            _log.warning("setting_not_accepted", key=key, error=error.message)
        else:
            accepted[key] = text
    return loaded.with_stored(accepted)


def _migrate(config: Config) -> None:
    """Migrate the database, unless a server is running.

    Raises:
        ConfigError: a migration is needed and a server is running, or the database is lost.
    """
    path = database_path(config)
    present = present_revision(path)
    if present is None:
        require_first_start(config)
    if present != newest_revision(migrations_folder()):
        with server_lock(config.data_dir):
            migrate(path, now_ms=SystemClock().now_ms())


def prepare_data_dir(config: Config) -> None:
    """Create the data directory with access for its owner only.

    Raises:
        ConfigError: it cannot be created or written.
    """
    folder = config.data_dir
    try:
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"The data directory {folder} is a file, not a directory. Choose another data_dir.")
        _make_dirs(folder)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else str(error)
        if number in {errno.EEXIST, errno.ELOOP}:
            reason = "it is a broken symbolic link"
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


def _make_dirs(folder: Path) -> None:
    """Create a directory and its parents; on failure remove those that were created."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    created: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir(mode=0o700 if path == folder else 0o777, exist_ok=path != folder)
            created.append(path)
    except OSError:
        for path in reversed(created):
            with suppress(OSError):
                path.rmdir()
        raise


async def _with_accounts(config: Config, function: Callable[[AccountManagement], Awaitable[T]]) -> T:
    async with open_account_management(config) as accounts:
        return await function(accounts)
