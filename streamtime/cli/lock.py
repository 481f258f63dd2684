"""The locks of a data directory: that of the server, which says in it what it knows, and that of a move."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from streamtime.errors import ConfigError

_SERVER = "server.lock"


@contextmanager
def server_lock(data_dir: Path, *, stores: Sequence[str] = ()) -> Iterator[None]:
    """Hold the lock of the server; `stores` are the names of those that it knows.

    Raises:
        ConfigError: a server holds it.
    """
    with _exclusive_lock(data_dir / _SERVER, server_running_message(data_dir), says=" ".join(stores)):
        yield


def server_running_message(data_dir: Path) -> str:
    """Words for a start that a running server prevents."""
    return f"Another server is running on {data_dir}. Stop it first, or choose another data_dir."


@contextmanager
def move_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock of a move between stores.

    Raises:
        ConfigError: another move holds it.
    """
    with _exclusive_lock(data_dir / "move.lock", "Objects are being moved already: wait for that, or stop it."):
        yield


def stores_of_running_server(data_dir: Path) -> list[str] | None:
    """The names of the stores that the server on this directory knows; None where none is running."""
    try:
        with (data_dir / _SERVER).open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().split()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None


def is_server_running(data_dir: Path) -> bool:
    """Whether a server works on this directory at this moment."""
    return stores_of_running_server(data_dir) is not None


@contextmanager
def _exclusive_lock(path: Path, words: str, *, says: str = "") -> Iterator[None]:
    with path.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(words) from None
        lock.truncate(0)
        lock.write(says)
        lock.flush()
        yield
