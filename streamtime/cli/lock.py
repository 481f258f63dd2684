"""The lock that says that a server works on a data directory."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamtime.errors import ConfigError


@contextmanager
def only_server(data_dir: Path) -> Iterator[None]:
    """Hold the lock.

    Raises:
        ConfigError: a server holds it.
    """
    with (data_dir / "server.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"Another server is running on {data_dir}. Stop it first, or choose another data_dir."
            ) from None
        yield


def server_runs(data_dir: Path) -> bool:
    """Whether somebody holds the lock at this moment."""
    with (data_dir / "server.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
