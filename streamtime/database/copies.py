"""Copies of the database file: which there are, and the words that lead a person from a fault to the newest of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HEADER = b"SQLite format 3\0"
"""The first bytes of every SQLite database that is not empty."""


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """A whole copy of a database, and when its file was last written (seconds since the epoch)."""

    path: Path
    written_at_s: float


def is_database(path: Path) -> bool:
    """Whether a file begins as an SQLite database does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return False


def find_copies(folder: Path) -> list[DatabaseCopy]:
    """All copies of databases in a folder, whoever made them, the newest first."""
    try:
        paths = [path for path in folder.glob("*.db") if path.is_file() and is_database(path)]
        found = [DatabaseCopy(path, path.stat().st_mtime) for path in paths]
    except OSError:
        return []
    return sorted(found, key=lambda copy: copy.written_at_s, reverse=True)


def restore_advice(folders: Sequence[Path], *, replace: bool, inside: Path | None = None) -> str:
    """What a person can do without a usable database: the newest copy in these folders, and the command for it.

    `replace` says that a file is in its place, which `restore` puts aside only when told to. With `inside` paths are
    told as seen from that folder: a page tells strangers nothing of the machine.
    """
    command = "streamtime restore --replace" if replace else "streamtime restore"
    everything = [copy for folder in dict.fromkeys(folders) for copy in find_copies(folder)]
    found = [copy for copy in everything if "-before-restore-" not in copy.path.name] or everything
    if not found:
        where = " and ".join(_shown(folder, inside) for folder in dict.fromkeys(folders))
        return f"There is no copy of the database in {where}. Restore a backup: `{command} FILE`."
    newest = max(found, key=lambda copy: copy.written_at_s)
    at = datetime.fromtimestamp(newest.written_at_s, UTC)
    command += f" {_shown(newest.path, inside)}"
    return f"The newest copy is of {at:%Y-%m-%d %H:%M} UTC. Restore it, or a backup: `{command}`."


def _shown(path: Path, inside: Path | None) -> str:
    if inside is None:
        return str(path)
    return str(path.relative_to(inside)) if path.is_relative_to(inside) else path.name
