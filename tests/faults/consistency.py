"""Compares rows and stores: every object exists once, complete, in its store, and referenced; nothing else exists.

Reads the database as another process, and the bucket directly.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.s3 import Bucket

STORE_FOLDERS = {"spool": "spool", "local": "objects"}
"""Directories of the stores on disk."""

BUCKET = "s3"

DEFERRED_MS = 60_000
"""Jobs scheduled later than this are not waited for."""

WITHOUT_ROWS = ("deployment/", "aside/")
"""Prefix of keys that belong to the store itself."""

OWNED = """
    SELECT source_object_id FROM videos UNION SELECT poster_object_id FROM videos
    UNION SELECT object_id FROM rendition_parts UNION SELECT object_id FROM stills UNION SELECT object_id FROM uploads
"""


@dataclass(frozen=True)
class Row:
    """An object according to its row; `offset` for an upload."""

    key: str
    state: str
    length: int
    sha256: bytes | None
    offset: int | None
    owned: bool


class ConsistencyCheck:
    """The database and files of one data directory, and its bucket, if any."""

    def __init__(self, data_dir: Path, bucket: Bucket | None = None) -> None:
        self._data_dir = data_dir
        self._bucket = bucket

    def idle(self) -> bool:
        """Whether no job is running or due."""
        query = "SELECT count(*) FROM jobs WHERE state = 'running' OR state = 'queued' AND run_after_ms < ?"
        with self._reading() as database:
            (active,) = database.execute(query, (time.time() * 1000 + DEFERRED_MS,)).fetchone()
        return bool(active == 0)

    def has_markers(self) -> bool:
        """Whether a new server has written the store id into its stores."""
        with self._reading() as database:
            (marked,) = database.execute("SELECT count(*) FROM marks WHERE store != 'spool'").fetchone()
        return bool(marked == (2 if self._bucket else 1))

    def differences(self) -> list[str]:
        """All inconsistencies, as text. Only valid when the server is idle."""
        found = []
        for store in (*STORE_FOLDERS, *([BUCKET] if self._bucket else [])):
            rows = {row.key: row for row in self._rows(store)}
            held = dict(self._stored(store))
            for key in sorted(key for key in {*rows, *held} if not key.startswith(WITHOUT_ROWS)):
                found += [f"{store}: {key}: {words}" for words in _judged(rows.get(key), held.get(key))]
        return found + [f"{BUCKET}: {key}: an upload that nobody goes on with" for key in self._abandoned_multiparts()]

    def assert_consistent(self) -> None:
        """Assert consistency. Only valid when the server is idle.

        Raises:
            AssertionError: with all inconsistencies.
        """
        found = self.differences()
        assert not found, "\n".join(found)

    def count(self) -> int:
        """The number of object rows."""
        with self._reading() as database:
            return int(database.execute("SELECT count(*) FROM objects").fetchone()[0])

    def remove_orphans(self) -> None:
        """Remove files of a stopped server that have no row."""
        with self._reading() as database:
            known = {key for (key,) in database.execute("SELECT key FROM objects")}
        for store, room in STORE_FOLDERS.items():
            for key, _ in [*self._stored(store)]:
                if key not in known and not key.startswith(WITHOUT_ROWS):
                    (self._data_dir / room / key).unlink()

    def _rows(self, store: str) -> list[Row]:
        query = f"""
            SELECT key, state, bytes, sha256, uploads.offset_bytes, objects.id IN ({OWNED}) FROM objects
            LEFT JOIN uploads ON uploads.object_id = objects.id AND uploads.finished_at_ms IS NULL WHERE store = ?
        """  # noqa: S608  # nothing of it comes from anywhere else
        with self._reading() as database:
            return [Row(*row) for row in database.execute(query, (store,))]

    def _stored(self, store: str) -> Iterator[tuple[str, bytes]]:
        if store == BUCKET:
            assert self._bucket
            yield from ((key, self._bucket.read(key)) for key in self._bucket.objects())
            return
        root = self._data_dir / STORE_FOLDERS[store]
        yield from ((str(path.relative_to(root)), path.read_bytes()) for path in root.rglob("*") if path.is_file())

    def _abandoned_multiparts(self) -> list[str]:
        if self._bucket is None:
            return []
        with self._reading() as database:
            known = {key for (key,) in database.execute("SELECT key FROM multiparts JOIN objects ON object_id = id")}
        return [key for key in self._bucket.uploads() if key not in known]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        path = self._data_dir / "streamtime.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            yield database


def _judged(row: Row | None, data: bytes | None) -> Iterator[str]:
    if row is None:
        yield "bytes without a row"
        return
    if row.state == "doomed" or not row.owned:
        yield f"a {row.state} row that nobody has use for"
    if row.state == "staging":
        if row.offset and len(data or b"") < row.offset:
            yield f"fewer than the {row.offset} bytes that were acknowledged"
        return
    if data is None:
        yield f"a {row.state} row without bytes"
        return
    if len(data) != row.length:
        yield f"{len(data)} bytes, not {row.length}"
    elif row.sha256 is not None and hashlib.sha256(data).digest() != row.sha256:
        yield "other bytes than were hashed"
