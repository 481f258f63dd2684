"""Notices, within microseconds, that who may see what has changed, in whichever process that happened.

`PRAGMA data_version` moves when another connection has committed; asking costs about two microseconds, so it is asked
at every request, on the loop. Only when it moved is the `epoch` row read again.
"""

import sqlite3
from pathlib import Path


class EpochWatch:
    """A dedicated read-only connection that only ever looks at one number."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=0, check_same_thread=False
        )
        self._data_version = -1
        self._epoch = 0
        self._unreadable = 0

    def current(self) -> int:
        """The epoch now. A number that cannot be read counts as a new one: caches fall rather than lie."""
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:
                (self._epoch,) = self._connection.execute("SELECT value FROM epoch WHERE id = 1").fetchone()
                self._data_version = version
        except sqlite3.OperationalError:
            self._unreadable -= 1
            return self._unreadable
        return self._epoch

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
