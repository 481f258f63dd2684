"""What every command needs: the configuration, read once, and the database brought up to date."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from streamtime.app import Accounts, open_accounts
from streamtime.cli.lock import only_server
from streamtime.clock import SystemClock
from streamtime.config.load import load
from streamtime.config.sections import Config
from streamtime.database.migrate import migrate, migrations_folder, newest_revision, present_revision
from streamtime.errors import ConfigError
from streamtime.rooms import database_path

T = TypeVar("T")


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

    def ready(self) -> Config:
        """The configuration, with the data directory and its database made and brought up to date."""
        config = self.config()
        prepare_data_dir(config)
        _bring_up_to_date(config)
        return config

    def with_accounts(self, use: Callable[[Accounts], Awaitable[T]]) -> T:
        """Run something on the accounts of the configured database, which is made where it is missing."""
        config = self.ready()
        return asyncio.run(_with_accounts(config, use))


def _bring_up_to_date(config: Config) -> None:
    """Migrate, unless a running server would have its schema changed under it.

    Raises:
        ConfigError: there is something to migrate, and a server is running.
    """
    path = database_path(config)
    if present_revision(path) != newest_revision(migrations_folder()):
        with only_server(config.data_dir):
            migrate(path, now_ms=SystemClock().now_ms())


def prepare_data_dir(config: Config) -> None:
    """Make the data directory, for its owner only.

    Raises:
        ConfigError: it cannot be made or written.
    """
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"The data directory {config.data_dir} cannot be made: {error.strerror}.") from error
    if not os.access(config.data_dir, os.W_OK | os.X_OK):
        raise ConfigError(f"The data directory {config.data_dir} cannot be written by this user.")


async def _with_accounts(config: Config, use: Callable[[Accounts], Awaitable[T]]) -> T:
    async with open_accounts(config) as accounts:
        return await use(accounts)
