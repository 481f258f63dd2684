"""Seccomp: of all system calls only those on a list, for good. The one layer that must be there.

The program is put together here and handed to the kernel by ctypes: no library is needed for it.
"""

import ctypes
import os
import platform
import socket

from streamtime.media.confinement.filter_program import assemble
from streamtime.media.confinement.kernel import prctl
from streamtime.media.confinement.system_calls import ABSENT, ARCHITECTURES, allowed_calls

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_INSTRUCTION_BYTES = 8


class Unsupported(OSError):
    """There is no list for this machine, or the kernel does not do what it says."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install_allowlist() -> None:
    """Refuse every system call that is not on the list, for this thread and those it starts.

    Raises:
        OSError: if the kernel refuses, has no seccomp, or this is a machine without a list.
    """
    machine = ARCHITECTURES.get(platform.machine())
    if machine is None:
        raise Unsupported(f"there is no list of system calls for {platform.machine()}")
    install_filter(assemble(machine, allowed_calls(os.getpid()), ABSENT))
    _self_test()


def install_filter(program: bytes) -> None:
    """Hand a filter to the kernel; it adds to those in force.

    Raises:
        OSError: if the kernel refuses.
    """
    filed = _Program(len(program) // _INSTRUCTION_BYTES, program)
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filed))


def _self_test() -> None:
    # An emulator may say yes and do nothing: believed is what was seen.
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except PermissionError:
        return
    raise Unsupported("a filter was taken and does nothing")
