"""Looks at how much memory a child really has, and ends it when that is too much.

The child's own limit is on address space, which is reserved far beyond what is used; only from outside can the real
figure be bounded.

How much memory there is to be had: the machine's, or less where a control group says so. It reads, nothing else.
"""

import os
from pathlib import Path

from streamtime.periodic import every
from streamtime.workers.process import Child

ROOT = Path("/")


def memory_bytes(root: Path = ROOT) -> int:
    """The memory of the machine, or of the container that this runs in; `root` is where `/proc` and `/sys` are."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(root)])


def _limits(root: Path) -> list[int]:
    """What the control groups above this process allow, in both of their versions."""
    groups = root / "sys/fs/cgroup"
    files = [groups / "memory/memory.limit_in_bytes"]
    for line in _text(root / "proc/self/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        if not controllers:  # version 2 has one tree for all
            own = groups / path.lstrip("/")
            files += [folder / "memory.max" for folder in (own, *own.parents) if folder.is_relative_to(groups)]
    found = [_text(file).strip() for file in files]
    return [int(limit) for limit in found if limit.isdecimal()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


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
