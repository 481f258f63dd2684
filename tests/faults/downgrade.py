"""Downgrades a database to an earlier version: an older schema with the same rows."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config

from streamtime.database.migrate import migrations_folder

VERSIONS = sorted(file.name.split("_", 1)[0] for file in (migrations_folder() / "versions").glob("[0-9]*_*.py"))
"""The migrations, oldest first."""

MARKED_SINCE = "0008"
"""The first version whose databases have a store id."""


def downgrade(data_dir: Path, *, back: int) -> str:
    """Downgrade the database of a stopped server by `back` versions and return its version.

    Rows that this version cannot express, such as those of stills before there were any, are dropped.
    """
    path, version = data_dir / "streamtime.db", VERSIONS[-1 - back]
    newer = path.with_name("newer.db")
    path.rename(newer)
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["database_path"] = path
    command.upgrade(config, version)
    with closing(sqlite3.connect(path)) as database:
        database.execute("ATTACH ? AS newer", (str(newer),))
        tables = {name: _columns(database, "main", name) for name in _tables(database)}
        for name, columns in tables.items():
            shared = ", ".join(sorted(columns & _columns(database, "newer", name)))
            database.execute(f"DELETE FROM main.{name}")  # noqa: S608  # names out of the schema itself
            database.execute(f"INSERT OR IGNORE INTO main.{name} ({shared}) SELECT {shared} FROM newer.{name}")  # noqa: S608
        database.commit()
    newer.unlink()
    if version < MARKED_SINCE:
        shutil.rmtree(data_dir / "objects" / "deployment", ignore_errors=True)  # it may not exist yet
    return version


def _tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
    return [name for (name,) in rows if not name.startswith(("sqlite", "alembic"))]


def _columns(database: sqlite3.Connection, schema: str, table: str) -> set[str]:
    return {row[1] for row in database.execute(f"PRAGMA {schema}.table_info({table})")}
