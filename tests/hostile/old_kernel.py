"""Runs a program as on a kernel without a security layer: `python old_kernel.py seccomp,landlock PROGRAM ARGUMENT ...`

A seccomp filter rejects the system calls of the layer for the program and its children, and allows all others.
"""

import errno
import os
import platform
import struct
import sys

from streamtime.media.confinement.confine import set_no_new_privileges
from streamtime.media.confinement.seccomp import install_filter

LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
AT_NUMBER, AT_FIRST_ARGUMENT = 0, 16
PRCTL = {"x86_64": 157, "aarch64": 167}
PR_SET_SECCOMP = 22
LANDLOCK_CREATE_RULESET = 444


def without(layers: set[str]) -> bytes:
    """A filter program with the errors of a kernel without these layers."""
    program = [(LOAD, 0, 0, AT_NUMBER)]
    if "landlock" in layers:
        program += [(JUMP_IF_EQUAL, 0, 1, LANDLOCK_CREATE_RULESET), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]
    if "seccomp" in layers:
        program += [
            (JUMP_IF_EQUAL, 0, 3, PRCTL[platform.machine()]),
            (LOAD, 0, 0, AT_FIRST_ARGUMENT),
            (JUMP_IF_EQUAL, 0, 1, PR_SET_SECCOMP),
            (RETURN, 0, 0, REFUSE | errno.EINVAL),
        ]
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


if __name__ == "__main__":
    set_no_new_privileges()
    install_filter(without(set(sys.argv[1].split(","))))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  # so that it is this very process
