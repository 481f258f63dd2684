"""A consistent copy of the database, made beside whoever writes it, and what it says that must be in stores.

Plain SQL on a file that nobody else has open, or on a copy of one: it knows the few tables that it names.

What a backup says of itself: whose it is, how old, which schema, and which objects it needs or holds.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from streamtime.database.engines import BUSY_TIMEOUT_MS, immutable_uri, read_only_uri
from streamtime.database.transaction import translate_error
from streamtime.errors import DatabaseDamaged, Invalid, Unavailable

FORMAT = 1
"""Raised when a backup of this version could not be read by the one before."""


class StoredFile(msgspec.Struct, frozen=True):
    """A file inside the backup, or the database: its length, and the SHA-256 of its bytes in hexadecimal."""

    bytes: int
    sha256: str


class BackupObject(msgspec.Struct, frozen=True):
    """An object that rows of the backed up database stand for. `sha256` is null where nobody has read it whole yet."""

    id: int
    store: str
    key: str
    kind: str
    state: str
    bytes: int
    sha256: str | None
    held: bool
    """Whether its bytes are in the backup."""


class Manifest(msgspec.Struct, frozen=True):
    """The last member of a backup: a file without it was broken off."""

    format: int
    version: str
    schema: str
    marker: str
    created_at_ms: int
    with_objects: bool
    database: StoredFile
    objects: list[BackupObject]

    def encode(self) -> bytes:
        """As JSON that a person can read."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        Invalid: it is none, or one of a newer version.
    """
    try:
        if (found := msgspec.json.decode(data, type=dict)).get("format") != FORMAT:
            raise Invalid(
                f"The backup has format {found.get('format')!r}; this version reads {FORMAT}. Use the Streamtime that "
                "made it, or a newer one."
            )
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise Invalid("The backup's manifest cannot be read: the file is damaged.") from error


_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock: some tenths of a millisecond."""

_REFERENCED_OBJECTS = """
    SELECT o.id, o.store, o.key, o.kind, o.state, CASE o.state WHEN 'live' THEN o.bytes ELSE u.offset_bytes END,
           lower(hex(o.sha256))
    FROM objects AS o LEFT JOIN uploads AS u ON u.object_id = o.id
    WHERE o.state = 'live' OR (o.state = 'staging' AND u.id IS NOT NULL)
    ORDER BY o.id
"""
"""Everything whole, and of uploads under way what has been acknowledged. What is being made can be made again."""


def take(database: Path, target: Path) -> None:
    """Copy the database as it is at this moment into a new file; writers go on meanwhile.

    Raises:
        DatabaseDamaged: the database cannot be read whole.
        StreamtimeError: it is busy, or there is no room.
    """
    with _translate_errors(), closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def referenced_objects(snapshot: Path) -> list[BackupObject]:
    """The objects that the database stands for.

    Raises:
        StreamtimeError: it cannot be read.
    """
    with _translate_errors(), closing(sqlite3.connect(read_only_uri(snapshot), uri=True)) as connection:
        rows = connection.execute(_REFERENCED_OBJECTS)
        return [
            BackupObject(object_id, store, key, kind, state, length_bytes, sha256 or None, held=False)
            for object_id, store, key, kind, state, length_bytes, sha256 in rows
        ]


def check(database: Path, *, full: bool = False) -> None:
    """Return where SQLite finds nothing wrong with a file that nobody has open.

    `whole` compares indexes with their tables too, and rows with the rows that they name.

    Raises:
        Invalid: it does.
    """
    try:
        _check(immutable_uri(database), full=full, timeout_s=None)
    except DatabaseDamaged as error:
        raise Invalid(f"The database in {database.name} is damaged: {error.message}.") from error


def check_live(database: Path, *, full: bool = False, timeout_s: float | None = None) -> bool:
    """The same of a database that is in use; writers go on meanwhile. False where `within_s` seconds did not do.

    Raises:
        DatabaseDamaged: something is wrong with it; the message says what.
        StreamtimeError: it cannot be read now.
    """
    return _check(read_only_uri(database), full=full, timeout_s=timeout_s)


def _check(address: str, *, full: bool, timeout_s: float | None) -> bool:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    late = False

    def broken_off() -> bool:
        nonlocal late
        late = deadline is not None and time.monotonic() > deadline
        return late

    try:
        with (
            _translate_errors(),
            closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as connection,
        ):
            connection.set_progress_handler(broken_off, _STEPS)
            pragma = "integrity_check" if full else "quick_check"
            (verdict,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
            dangling = connection.execute("PRAGMA foreign_key_check").fetchone() if full else None
    except (sqlite3.OperationalError, Unavailable):  # SQLITE_INTERRUPT, by `broken_off`
        if late:
            return False
        raise
    if verdict != "ok":
        raise DatabaseDamaged(" ".join(verdict.split()))
    if dangling is not None:
        raise DatabaseDamaged(f"row {dangling[1]} of {dangling[0]} names a row of {dangling[2]} that is not there")
    return True


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if (ours := translate_error(error)) is None:
            raise
        raise ours from error
