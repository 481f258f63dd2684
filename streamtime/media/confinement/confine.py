"""Applies all confinement layers in order: process settings, resource limits, Landlock, seccomp.

Everything must be imported before `confine` is called. Seccomp is required unless an administrator allowed unconfined
workers; a missing Landlock is reported; the other layers exist on every kernel.

Landlock denies opening, creating and removing files, TCP, and signals to processes outside; open descriptors stay
usable. Kernels support it from 5.13 (files), 6.7 (TCP) and 6.12 (signals, abstract sockets). It does not cover UDP or
file metadata, which seccomp denies.

There is no limit on CPU time, since a long film needs hours; the server has timeouts.
"""

import contextlib
import os
import resource
import signal
import socket
import struct
from pathlib import Path

from streamtime.media.confinement.seccomp import install_allowlist, prctl, syscall
from streamtime.workers.protocol import Confinement, WorkerLimits

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""The same on every architecture."""

_ASK_VERSION = 1
_RULESET = struct.Struct("=QQQ")

_FILES_SINCE = {1: 13, 2: 14, 3: 15, 5: 16}
"""By ABI version: the number of file access rights, from bit 0."""

_NETWORK_SINCE, _NETWORK = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11


def landlock_version() -> int:
    """Return the kernel's Landlock ABI version.

    Raises:
        OSError: if the kernel has no Landlock.
    """
    return syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)


def apply_landlock() -> int:
    """Deny everything this ABI version can deny, for this thread and its future threads; return the version.

    Raises:
        OSError: if the kernel has no Landlock, or it is disabled.
    """
    abi = landlock_version()
    known = max(bits for since, bits in _FILES_SINCE.items() if since <= abi)
    ruleset_attr = _RULESET.pack(
        (1 << known) - 1,
        _NETWORK if abi >= _NETWORK_SINCE else 0,
        _SCOPES if abi >= _SCOPES_SINCE else 0,
    )
    # No rules are added: every handled access is denied.
    ruleset = syscall(_CREATE_RULESET, ruleset_attr, len(ruleset_attr), 0)
    try:
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


_GIB = 1 << 30

_MAX_DESCRIPTORS = 128
"""Outputs of an order (64), source, socket, and a reserve."""

_SOURCE_FACTOR = 16
_MIN_FILE_BYTES = 16 * _GIB
"""A rendition may be larger than its source, but a faulty worker must not fill the disk."""


def address_space(memory_bytes: int) -> int:
    """Return the address space limit that goes with a limit on resident memory.

    Measured with x264: threads reserve arenas that they never use, three to six times the used memory at small sizes,
    less than twice at large ones.
    """
    return 2 * memory_bytes + _GIB


def set_limits(source: int, memory_bytes: int) -> None:
    """Set all resource limits.

    Raises:
        OSError, ValueError: if the system refuses.
    """
    max_file_bytes = max(_MIN_FILE_BYTES, _SOURCE_FACTOR * os.fstat(source).st_size)
    for kind, maximum in (
        (resource.RLIMIT_AS, address_space(memory_bytes)),
        (resource.RLIMIT_FSIZE, max_file_bytes),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, maximum)


def _lower(kind: int, maximum: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    # A lower limit set from outside stays in force.
    limit = maximum if hard == resource.RLIM_INFINITY else min(maximum, hard)
    resource.setrlimit(kind, (limit, limit))


_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CREDENTIALS = struct.Struct("3i")


def die_with_server(control: socket.socket) -> bool:
    """Die when the server dies; returns False if it has died already.

    Raises:
        OSError: if the kernel refuses.
    """
    prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # The signal is not sent for a death before the call above, so check that the server was alive. The socket knows
    # its creator, which also works if the server is process 1 of a container.
    credentials = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(os.getppid() == _CREDENTIALS.unpack(credentials)[0])


def set_no_new_privileges() -> None:
    """Set `no_new_privs`, which Landlock and seccomp require.

    Raises:
        OSError: if the kernel refuses.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def set_niceness(niceness: int) -> None:
    """Lower the CPU priority; 0 changes nothing."""
    if niceness <= 0:
        return
    os.nice(niceness)
    # With autogrouping, niceness only counts within the session, and this process has its own session: lower the
    # priority of the group too.
    with contextlib.suppress(OSError), Path("/proc/self/autogroup").open("w", encoding="ascii") as group:
        group.write(str(niceness))


def thread_count() -> int:
    """Return the number of threads: some layers apply only to the calling thread and those it starts."""
    return len(list(Path("/proc/self/task").iterdir()))


class NotConfined(Exception):
    """A required layer could not be applied, so the worker must not continue. The text says why."""


def confine(control: socket.socket, source: int, limits: WorkerLimits) -> Confinement:
    """Apply all layers and return which are in force.

    Raises:
        NotConfined: if a required layer fails, or the server that started this process has died.
    """
    in_force: list[str] = []
    missing: list[str] = []
    try:
        _apply_basic_layers(control, source, limits)
        in_force += ["process", "limits"]
    except (OSError, ValueError) as error:
        raise NotConfined(f"limits: {error}") from error
    try:
        in_force.append(f"landlock {apply_landlock()}")
    except OSError as error:
        missing.append(f"landlock ({error.strerror})")
    try:
        install_allowlist()
        in_force.append("seccomp")
    except OSError as error:
        reason = f"seccomp ({error.strerror or error})"
        if not limits.allow_unconfined:
            raise NotConfined(reason) from error
        missing.append(reason)
    return Confinement(tuple(in_force), tuple(missing))


def _apply_basic_layers(control: socket.socket, source: int, limits: WorkerLimits) -> None:
    if not die_with_server(control):
        raise NotConfined("the server is gone")
    if thread_count() > 1:
        raise NotConfined("a thread has been started before")
    set_no_new_privileges()
    set_niceness(limits.niceness)
    set_limits(source, limits.memory_bytes)
