"""Who is at work on what: the children of this moment by the name of their subject, and the memory that each has."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RESIDENT = "VmRSS:"


class Roster:
    """All children that are at work."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}

    @contextmanager
    def at_work(self, subject: str, pid: int) -> Iterator[None]:
        """For as long as the context lasts, this child works on `subject`."""
        self._pids[subject] = pid
        try:
            yield
        finally:
            if self._pids.get(subject) == pid:
                del self._pids[subject]

    def memory_bytes(self, subject: str) -> int | None:
        """What the child at work on `subject` has in memory just now; None where there is none."""
        pid = self._pids.get(subject)
        return resident_bytes(pid) if pid is not None else None


def resident_bytes(pid: int) -> int | None:
    """What a process has in memory, as Linux tells it; None where the process is gone, or nobody tells."""
    try:
        # A file of the kernel's own, in memory: no disk is waited for.
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(_RESIDENT)), None)
