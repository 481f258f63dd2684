"""What the rows say beside what the disk holds: every object once, whole, in its place, and somebody's; nothing else.

It reads the database as another process may, and never writes.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOMS = {"spool": "spool", "local": "objects"}
"""Where the objects of a store lie."""

NOT_SOON_MS = 60_000
"""A job that is to run later than this is not waited for."""

WITHOUT_ROWS = ("deployment/", "aside/")
"""Keys that belong to the store itself begin so."""

OWNED = """
    SELECT source_object_id FROM videos UNION SELECT poster_object_id FROM videos
    UNION SELECT object_id FROM rendition_parts UNION SELECT object_id FROM stills UNION SELECT object_id FROM uploads
"""


@dataclass(frozen=True)
class Row:
    """An object as a row tells of it; `offset` where it is an upload."""

    key: str
    state: str
    length: int
    sha256: bytes | None
    offset: int | None
    owned: bool


class Books:
    """The database and the files of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def idle(self) -> bool:
        """Whether no job runs or waits to be run."""
        query = "SELECT count(*) FROM jobs WHERE state = 'running' OR state = 'queued' AND run_after_ms < ?"
        with self._reading() as database:
            (active,) = database.execute(query, (time.time() * 1000 + NOT_SOON_MS,)).fetchone()
        return bool(active == 0)

    def differences(self) -> list[str]:
        """Everything that is not as it should be, in words. To be asked when nothing is left to do."""
        found = []
        for store, room in ROOMS.items():
            rows = {row.key: row for row in self._rows(store)}
            files = dict(self._files(room))
            for key in sorted(key for key in {*rows, *files} if not key.startswith(WITHOUT_ROWS)):
                found += [f"{store}: {key}: {words}" for words in _judged(rows.get(key), files.get(key))]
        return found

    def count(self) -> int:
        """How many objects there are, by rows."""
        with self._reading() as database:
            return int(database.execute("SELECT count(*) FROM objects").fetchone()[0])

    def _rows(self, store: str) -> list[Row]:
        query = f"""
            SELECT key, state, bytes, sha256, uploads.offset_bytes, objects.id IN ({OWNED}) FROM objects
            LEFT JOIN uploads ON uploads.object_id = objects.id AND uploads.finished_at_ms IS NULL WHERE store = ?
        """  # noqa: S608  # nothing of it comes from anywhere else
        with self._reading() as database:
            return [Row(*row) for row in database.execute(query, (store,))]

    def _files(self, room: str) -> Iterator[tuple[str, Path]]:
        root = self._data_dir / room
        for path in root.rglob("*"):
            if path.is_file():
                yield str(path.relative_to(root)), path

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        path = self._data_dir / "streamtime.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            yield database


def _judged(row: Row | None, file: Path | None) -> Iterator[str]:
    if row is None:
        yield "a file without a row"
        return
    if row.state == "doomed" or not row.owned:
        yield f"a {row.state} row that nobody has use for"
    if row.state == "staging":
        if row.offset and (file is None or file.stat().st_size < row.offset):
            yield f"fewer than the {row.offset} bytes that were acknowledged"
        return
    if file is None:
        yield f"a {row.state} row without a file"
        return
    data = file.read_bytes()
    if len(data) != row.length:
        yield f"{len(data)} bytes, not {row.length}"
    elif row.sha256 is not None and hashlib.sha256(data).digest() != row.sha256:
        yield "other bytes than were hashed"
