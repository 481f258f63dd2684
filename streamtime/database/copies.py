"""Finds copies of the database file, and builds the advice on how to restore the newest one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HEADER = b"SQLite format 3\0"
"""The first bytes of every non-empty SQLite database."""


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """A copy of a database, and the modification time of its file (seconds since the epoch)."""

    path: Path
    written_at_s: float


def is_database(path: Path) -> bool:
    """Whether a file has the header of an SQLite database; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return False


def find_copies(folder: Path) -> list[DatabaseCopy]:
    """All SQLite databases in a folder, the newest first."""
    try:
        paths = [path for path in folder.glob("*.db") if path.is_file() and is_database(path)]
        found = [DatabaseCopy(path, path.stat().st_mtime) for path in paths]
    except OSError:
        return []
    return sorted(found, key=lambda copy: copy.written_at_s, reverse=True)


def restore_advice(folders: Sequence[Path], *, replace: bool, inside: Path | None = None) -> str:
    """Advice for an administrator without a usable database: the newest copy in these folders and the command for it.

    `replace` adds the option that sets an existing database file aside. With `inside`, paths are relative to that
    folder, since pages must not reveal paths of the machine.
    """
    command = "streamtime restore --replace" if replace else "streamtime restore"
    copies = [copy for folder in dict.fromkeys(folders) for copy in find_copies(folder)]
    found = [copy for copy in copies if "-before-restore-" not in copy.path.name] or copies
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
