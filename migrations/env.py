"""How Alembic runs on SQLite here: in one transaction, with foreign keys off, and looked over before the commit.

With foreign keys on, rebuilding a table deletes its children. So they are off (which SQLite allows only outside a
transaction), and `foreign_key_check` looks at the result before it is committed.
"""

from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import URL, Connection, create_engine, event

from streamtime.database.tables.schema import metadata


def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's own, untyped
    connection.isolation_level = None
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave full-text tables alone: autogenerate knows nothing of them and would drop them."""
    return not (kind == "table" and name is not None and "_fts" in name)


def _run(path: Path) -> None:
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as connection, connection.begin():
            context.configure(
                connection=connection,
                target_metadata=metadata,
                render_as_batch=True,
                include_name=include_name,
                transactional_ddl=True,
            )
            context.run_migrations()
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RuntimeError(f"The migration would leave {len(broken)} rows without their parents: undone.")
    finally:
        engine.dispose()


_run(Path(context.config.attributes["database_path"]))
