"""A consistent copy of the database, made beside whoever writes it, and what it says that must be in stores.

Plain SQL on a file that nobody else has open, or on a copy of one: it knows the few tables that it names.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from streamtime.backups.manifest import NeededObject
from streamtime.database.engines import BUSY_TIMEOUT_MS, read_only_uri, still_uri
from streamtime.errors import Invalid

_NEEDED = """
    SELECT o.id, o.store, o.key, o.kind, o.state, CASE o.state WHEN 'live' THEN o.bytes ELSE u.offset_bytes END,
           lower(hex(o.sha256))
    FROM objects AS o LEFT JOIN uploads AS u ON u.object_id = o.id
    WHERE o.state = 'live' OR (o.state = 'staging' AND u.id IS NOT NULL)
    ORDER BY o.id
"""
"""Everything whole, and of uploads under way what has been acknowledged. What is being made can be made again."""


def take(database: Path, target: Path) -> None:
    """Copy the database as it is at this moment into a new file; writers go on meanwhile."""
    with closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def needed(snapshot: Path) -> list[NeededObject]:
    """The objects that the database stands for."""
    with closing(sqlite3.connect(read_only_uri(snapshot), uri=True)) as connection:
        rows = connection.execute(_NEEDED)
        return [
            NeededObject(object_id, store, key, kind, state, length_bytes, sha256 or None, held=False)
            for object_id, store, key, kind, state, length_bytes, sha256 in rows
        ]


def check(database: Path) -> None:
    """Return where SQLite finds nothing wrong with a file.

    Raises:
        Invalid: it does.
    """
    try:
        with closing(sqlite3.connect(still_uri(database), uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise Invalid(f"The database in the backup cannot be read: {error}.") from error
    if verdict != "ok":
        raise Invalid(f"The database in the backup is damaged: {verdict}.")
