"""Brings the database file to the newest schema, after copying it. Alembic is imported only for real work."""

import importlib
import sqlite3
from contextlib import closing
from pathlib import Path

from streamtime.clock import EpochMs
from streamtime.errors import ConfigError
from streamtime.logging import get_logger

_log = get_logger("database")


def migrations_folder() -> Path:
    """Where the migrations live: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def newest_revision(folder: Path) -> str:
    """The revision the code needs: versions are named `0001_what_it_does.py` and counted up."""
    return max(path.name.split("_", 1)[0] for path in (folder / "versions").glob("[0-9]*_*.py"))


def present_revision(path: Path) -> str | None:
    """The revision the file has, or None where there is no schema yet."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
        return str(row[0]) if row else None


def migrate(path: Path, *, now_ms: EpochMs) -> bool:
    """Bring the file at `path` to the newest schema; True when something had to be done.

    An existing database is copied to `backups/` beside it first.

    Raises:
        ConfigError: the file was written by a newer version of Streamtime.
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
    if present is not None:
        _log.info("database_copied", to=str(copy(path, now_ms=now_ms)))
    _upgrade(path, folder)
    _log.info("database_migrated", before=present, now=newest)
    return True


def copy(path: Path, *, now_ms: EpochMs) -> Path:
    """Copy a database that may be in use, by SQLite's backup API, and give the copy's path."""
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    target = folder / f"{path.stem}-{now_ms}.db"
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as destination:
        source.backup(destination)
    return target


def _upgrade(path: Path, folder: Path) -> None:
    command = importlib.import_module("alembic.command")
    config = importlib.import_module("alembic.config").Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["database_path"] = path
    command.upgrade(config, "head")
