"""Notices that who may see what has changed: at once when this process did it, within milliseconds when another did.

`PRAGMA data_version` moves when another connection has committed. Asking costs microseconds and some system calls,
so it is asked on the loop, but not more often than every few milliseconds, which is less than any command beside the
server needs to end. Only when it moved is the `epoch` row read again. Our own commits are told by `invalidate`.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from streamtime.database.engines import read_only_uri

POLL_INTERVAL_S = 0.005


class EpochWatch:
    """A dedicated read-only connection that only ever looks at one number."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._polled_at = -POLL_INTERVAL_S
        self._connection = sqlite3.connect(
            read_only_uri(path), uri=True, isolation_level=None, timeout=0, check_same_thread=False
        )
        self._data_version = -1
        self._epoch = 0
        self._unreadable = 0

    def current(self) -> int:
        """The epoch now. A number that cannot be read counts as a new one: caches fall rather than lie."""
        now = self._clock()
        if now - self._polled_at < POLL_INTERVAL_S:
            return self._epoch
        self._polled_at = now
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:
                (self._epoch,) = self._connection.execute("SELECT value FROM epoch WHERE id = 1").fetchone()
                self._data_version = version
        except sqlite3.DatabaseError:  # the same of a damaged file, which the next query tells of
            self._unreadable -= 1
            self._epoch, self._data_version = self._unreadable, -1
        return self._epoch

    def invalidate(self) -> None:
        """Something was committed just now: the next question is answered from the file."""
        self._polled_at = -POLL_INTERVAL_S

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
