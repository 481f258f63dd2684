"""Ties the child to the server and takes from it what it could gain. Every kernel has this layer.

Bounds on what the child may use up (`setrlimit`). Every kernel has this layer.

There is none on CPU time: a long film takes hours of it honestly. That something stands still, or takes longer
than all limits, is the server's to see.
"""

import contextlib
import os
import resource
import signal
import socket
import struct
from pathlib import Path

from streamtime.media.confinement.kernel import prctl

_GIB = 1 << 30

_MAX_DESCRIPTORS = 128
"""Those of an order (64), the source, the socket, and room."""

_SOURCE_TIMES = 16
_MIN_FILE_BYTES = 16 * _GIB
"""A rendition may well be larger than its source, but not without bound: a child gone wild must not fill the disk."""


def address_space(memory_bytes: int) -> int:
    """How much address space goes with a bound on resident memory.

    Measured with x264: threads reserve arenas that they never touch, three to six times what they use at small
    sizes, less than twice at large ones.
    """
    return 2 * memory_bytes + _GIB


def set_limits(source: int, memory_bytes: int) -> None:
    """Set them all, for good.

    Raises:
        OSError, ValueError: if the system refuses.
    """
    longest = max(_MIN_FILE_BYTES, _SOURCE_TIMES * os.fstat(source).st_size)
    for kind, most in (
        (resource.RLIMIT_AS, address_space(memory_bytes)),
        (resource.RLIMIT_FSIZE, longest),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, most)


def _lower(kind: int, most: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    # What somebody has set lower outside holds: raising it is not ours, nor allowed.
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))


_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CREDENTIALS = struct.Struct("3i")


def die_with_server(control: socket.socket) -> bool:
    """End when the server ends; False where it has ended already.

    Raises:
        OSError: if the kernel refuses.
    """
    prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # The signal is only sent for a death after the call above: was the server alive then? The socket knows who
    # made it, which also holds where the server is process 1 of a container.
    credentials = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(os.getppid() == _CREDENTIALS.unpack(credentials)[0])


def set_no_new_privileges() -> None:
    """Never have more rights than now. The layers that follow ask for this first.

    Raises:
        OSError: if the kernel refuses.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def set_niceness(niceness: int) -> None:
    """Stand back behind everything else; 0 changes nothing."""
    if niceness <= 0:
        return
    os.nice(niceness)
    # Where the kernel groups processes by session, niceness counts only inside the group, and this process has a
    # session of its own: the group must yield as well.
    with contextlib.suppress(OSError), Path("/proc/self/autogroup").open("w", encoding="ascii") as group:
        group.write(str(niceness))


def thread_count() -> int:
    """How many threads this process has: some layers bind only the one that asks for them, and those it starts."""
    return len(list(Path("/proc/self/task").iterdir()))
