"""Migrates the database file to the newest schema, after copying it. Alembic is imported only when it is needed."""

import importlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy.exc

from streamtime.clock import EpochMs
from streamtime.database.copies import restore_advice
from streamtime.database.transaction import immutable_uri, read_only_uri, translate_error
from streamtime.errors import ConfigError, DatabaseDamaged
from streamtime.logging import get_logger

_log = get_logger("database")


def migrations_folder() -> Path:
    """The folder of the migrations: inside an installed package, or next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def newest_revision(folder: Path) -> str:
    """The revision that this version needs. Migrations are numbered: `0001_what_it_does.py`."""
    return max(path.name.split("_", 1)[0] for path in (folder / "versions").glob("[0-9]*_*.py"))


def present_revision(path: Path, *, offline: bool = False) -> str | None:
    """The revision of a file, or None if there is no file or schema; `offline` means that nobody has it open.

    Raises:
        ConfigError: the file cannot be read, or is not a database.
    """
    if not path.exists():
        return None
    address = immutable_uri(path) if offline else read_only_uri(path)
    with _translate_file_errors(path), closing(sqlite3.connect(address, uri=True)) as connection:
        # Read from the schema instead of catching an error: a locked or damaged file is not one without a schema.
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None


def migrate(path: Path, *, now_ms: EpochMs) -> bool:
    """Migrate the file at `path` to the newest schema; returns True if it was changed.

    An existing database is first copied to the folder `backups/` next to it.

    Raises:
        ConfigError: the file was written by a newer version of Streamtime, or cannot be read or written.
    """
    folder = migrations_folder()
    present, newest = present_revision(path), newest_revision(folder)
    if present == newest:
        return False
    if present is not None and present > newest:
        raise ConfigError(
            f"The database was written by a newer Streamtime (schema {present}; this one knows {newest}). "
            "Start that version, or restore a backup made before it."
        )
    with _translate_file_errors(path):
        if present is not None:
            _log.info("database_copied", to=str(copy_database(path, now_ms=now_ms)))
        _upgrade(path, folder)
    _log.info("database_migrated", before=present, now=newest)
    return True


def copy_database(path: Path, *, now_ms: EpochMs) -> Path:
    """Copy a database that may be in use with SQLite's backup API; returns the path of the copy.

    The copy gets its name when it is complete. Partial copies of earlier runs are deleted.
    """
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    for leftover in folder.glob("*.partial*"):
        leftover.unlink()
    target = folder / f"{path.stem}-{now_ms}.db"
    partial = target.with_suffix(".partial")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as destination:
        source.backup(destination)
    partial.rename(target)
    _sync_directory(folder)
    return target


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_file_errors(path: Path) -> Iterator[None]:
    """Translate errors of SQLite about a file into a `ConfigError` with advice."""
    try:
        yield
    except (sqlite3.DatabaseError, sqlalchemy.exc.DatabaseError) as error:
        folder = path.parent / "backups"
        reason = getattr(error, "orig", None) or error
        if isinstance(translate_error(error), DatabaseDamaged):
            raise ConfigError(
                f"The database {path} cannot be used: {reason}. It is damaged. {restore_advice([folder], replace=True)}"
            ) from error
        raise ConfigError(
            f"The database {path} cannot be used: {reason}. Check who owns it and whether the disk is full; copies are "
            f"in {folder}."
        ) from error


def _upgrade(path: Path, folder: Path) -> None:
    command = importlib.import_module("alembic.command")
    config = importlib.import_module("alembic.config").Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["database_path"] = path
    command.upgrade(config, "head")
