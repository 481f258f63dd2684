"""Ties the child to the server and takes from it what it could gain. Every kernel has this layer."""

import contextlib
import os
import signal
import socket
import struct
from pathlib import Path

from streamtime.media.confinement.kernel import prctl

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
