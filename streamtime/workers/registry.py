"""Who is at work on what: the children of this moment by the name of their subject, and the memory that each has."""

from collections.abc import Iterator
from contextlib import contextmanager

from streamtime.workers.memory import resident_bytes


class WorkerRegistry:
    """All children that are at work."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}

    @contextmanager
    def register(self, subject: str, pid: int) -> Iterator[None]:
        """For as long as the context lasts, this child works on `subject`."""
        self._pids[subject] = pid
        try:
            yield
        finally:
            if self._pids.get(subject) == pid:
                del self._pids[subject]

    def memory_bytes(self, subject: str) -> int | None:
        """What the child at work on `subject` has in memory just now; None where there is none, or nobody can tell."""
        pid = self._pids.get(subject)
        try:
            return resident_bytes(pid) if pid is not None else None
        except OSError:
            return None
