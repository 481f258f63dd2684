"""What the child gives up before it touches a stranger's file. One place, one order; it knows nothing of media.

In force: it dies with the server, it cannot gain rights, it leaves no core file, it yields to others.
Everything that will ever be imported must be before this is called.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import struct
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CREDENTIALS = struct.Struct("3i")


class NotConfined(Exception):
    """A right could not be given up; the child must not go on."""


def confine(control: socket.socket, *, niceness: int) -> None:
    """Give up what is not needed.

    Raises:
        NotConfined: if the kernel refuses, or the server that started this process is already gone.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _stay_with_server(control)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if niceness > 0:
        _yield_to_others(niceness)


def _yield_to_others(niceness: int) -> None:
    os.nice(niceness)
    # Where the kernel groups processes by session, niceness counts only inside the group, and this process has a
    # session of its own: the group must yield as well.
    with contextlib.suppress(OSError), Path("/proc/self/autogroup").open("w", encoding="ascii") as group:
        group.write(str(niceness))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise NotConfined(os.strerror(ctypes.get_errno()))


def _stay_with_server(control: socket.socket) -> None:
    # The signal is only sent for a death after the call above: was the server alive then? The socket knows who
    # made it, which also holds where the server is process 1 of a container.
    credentials = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if os.getppid() != _CREDENTIALS.unpack(credentials)[0]:
        raise NotConfined("the server is gone")
