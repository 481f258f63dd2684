"""How much memory there is to be had: the machine's, or less where a control group says so. It reads, nothing else."""

import os
from pathlib import Path

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
