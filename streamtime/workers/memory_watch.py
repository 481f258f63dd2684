"""Looks at how much memory a child really has, and ends it when that is too much.

The child's own limit is on address space, which is reserved far beyond what is used; only from outside can the real
figure be bounded.
"""

import os
from pathlib import Path

from streamtime.periodic import every
from streamtime.workers.child import Child

_POLL_INTERVAL_S = 0.2
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryMonitor:
    """The watch over one child; `exceeded` tells whether it had to end it."""

    def __init__(self, child: Child, limit_bytes: int) -> None:
        self._child = child
        self.limit_bytes = limit_bytes
        self.exceeded = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await every(_POLL_INTERVAL_S, self._check, "worker-memory", max_backoff_s=_POLL_INTERVAL_S)

    async def _check(self) -> None:
        if not self.exceeded and (resident_bytes(self._child.pid) or 0) > self.limit_bytes:
            self.exceeded = True
            self._child.kill()


def resident_bytes(pid: int) -> int | None:
    """What a process has in memory, libraries that it shares included; None where it is gone.

    Raises:
        OSError: it cannot be read now, for example because no descriptor is left.
    """
    try:
        # A file of the kernel's own, in memory: no disk is waited for.
        _size, resident, *_ = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return int(resident) * _PAGE_BYTES
