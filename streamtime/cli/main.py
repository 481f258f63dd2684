"""`streamtime`: the list of commands, and the conversion of errors to one line and exit code 1."""

import sqlite3
import sys
from gc import freeze
from pathlib import Path
from typing import NoReturn

import rich_click as click
from sqlalchemy.exc import DBAPIError

from streamtime.cli.backup import backup, restore, verify_file
from streamtime.cli.check import check
from streamtime.cli.context import Context
from streamtime.cli.credentials import session, token
from streamtime.cli.gc import gc
from streamtime.cli.openapi import openapi
from streamtime.cli.package import package
from streamtime.cli.serve import serve
from streamtime.cli.status import status
from streamtime.cli.storage import storage
from streamtime.cli.user import delete, invite, second_factor, user
from streamtime.database.transaction import translate_error
from streamtime.errors import DatabaseDamaged, StreamtimeError
from streamtime.logging import configure
from streamtime.version import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="The configuration file (else STREAMTIME_CONFIG, else ./config.toml if there is one).",
)
@click.version_option(VERSION, prog_name="streamtime")
@click.pass_context
def streamtime(context: click.Context, config_path: Path | None) -> None:
    """Streamtime, a self-hosted video server: drop a video, seconds later it plays on every screen at home."""
    configure(level="warning")  # `serve` sets its own level
    context.obj = Context(config_path)


for command in (
    serve,
    user,
    session,
    token,
    storage,
    status,
    check,
    gc,
    backup,
    restore,
    verify_file,
    package,
    openapi,
):
    streamtime.add_command(command)


user.add_command(delete)
user.add_command(invite)
user.add_command(second_factor)


def run() -> None:
    """Run a command; known errors, and those of the operating system and the database, become one line."""
    freeze()  # exclude imported modules from garbage collection: it costs pauses, and half a second at exit
    try:
        streamtime(prog_name="streamtime")
    except DatabaseDamaged as error:
        _fail(error.message_with_paths)
    except StreamtimeError as error:
        _fail(error.message)
    except OSError as error:  # a file of another user, a disk that is full or read-only
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}.")
    except (DBAPIError, sqlite3.Error) as error:
        damaged = isinstance(translate_error(error), DatabaseDamaged)
        hint = "`streamtime check` says more." if damaged else "Check the owner of the data directory."
        _fail(f"The database cannot be used: {getattr(error, 'orig', error)}. {hint}")


def _fail(message: str) -> NoReturn:
    click.echo(f"streamtime: {' '.join(message.splitlines())}", err=True)
    sys.exit(1)
