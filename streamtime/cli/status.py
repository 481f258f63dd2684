"""`streamtime status`: the state of the server on this data directory, running or not, as its status page says it."""

import asyncio
import sys

import rich_click as click

from streamtime.addresses import ListenAddress
from streamtime.app.core import database_path
from streamtime.app.server import http_settings, open_services
from streamtime.cli.context import Context, running_since_ms, with_stored_settings
from streamtime.cli.output import print_json
from streamtime.config.stored import LoadedConfig
from streamtime.database.migrate import migrations_folder, newest_revision, present_revision
from streamtime.errors import ConfigError, DatabaseDamaged
from streamtime.formatting import time_iso
from streamtime.http.status import ServerStatus, StatusLevel, StatusReader
from streamtime.maintenance.backup import database_file

_MARKS = {StatusLevel.OK: "ok     ", StatusLevel.WARNING: "warning", StatusLevel.FAULT: "fault  "}

CHECK_TIMEOUT_S = 10.0
"""A large database is checked as far as this time allows; `streamtime check` checks all of it."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """Print the state of the server. Exit code 1 if it is not running or a part has a fault."""
    loaded = context.loaded_config()
    _require_database(loaded)
    _require_folders(loaded)
    loaded = with_stored_settings(loaded)
    since_ms = running_since_ms(loaded.config.data_dir)
    found = asyncio.run(_read(loaded, since_ms))
    if as_json:
        _print_json(found, since_ms)
    else:
        click.echo("\n".join(_lines(found)))
    sys.exit(1 if found.level is StatusLevel.FAULT else 0)


def _require_database(loaded: LoadedConfig) -> None:
    """Check that there is a database of this version.

    Raises:
        ConfigError: there is none, or it has to be migrated first.
    """
    path = database_path(loaded.config)
    present = present_revision(path) if path.exists() else None
    if present is None:
        raise ConfigError(f"There is no database in {loaded.config.data_dir}: no server has run there yet.")
    if present != newest_revision(migrations_folder()):
        raise ConfigError("The database is of another version of Streamtime. `streamtime serve` migrates an older one.")


def _require_folders(loaded: LoadedConfig) -> None:
    """Check that the folders are there, since opening them would make them.

    Raises:
        ConfigError: one is missing.
    """
    for name in ("objects", "spool"):
        if not (loaded.config.data_dir / name).is_dir():
            raise ConfigError(f"The folder {name} of {loaded.config.data_dir} is not there. Is a disk not mounted?")


async def _read(loaded: LoadedConfig, since_ms: int | None) -> ServerStatus:
    config = loaded.config
    async with open_services(loaded, sweep=False) as services:
        try:
            await asyncio.to_thread(database_file.check_live, database_path(config), timeout_s=CHECK_TIMEOUT_S)
        except DatabaseDamaged as error:
            services.database.mark_damaged(error.message)
        settings = http_settings(
            config, ListenAddress(config.server.host, config.server.port, config.server.public_url)
        )
        reader = StatusReader(
            services.database, services.jobs, services.storage, services.maintenance, settings, services.clock
        )
        return await reader.read_beside_server(running_since_ms=since_ms)


def _lines(found: ServerStatus) -> list[str]:
    lines = []
    for item in found.parts:
        lines.append(f"{_MARKS[item.level]}  {item.name}: {item.text}")
        if item.advice:
            lines.append(f"         {item.advice}")
    return lines


def _print_json(found: ServerStatus, since_ms: int | None) -> None:
    keys = "key", "name", "level", "text", "advice"
    print_json(
        running=since_ms is not None,
        running_since=None if since_ms is None else time_iso(since_ms),
        level=found.level,
        items=[{key: getattr(item, key) for key in keys} for item in found.parts],
        full_in_days=found.full_in_days,
    )
