"""All layers, in their order. Everything that will ever be imported must be before this is called.

Without seccomp a child must not go on, unless the person who runs the server allowed it; Landlock may be missing,
which is told. Everything else is there on every kernel.

Landlock: no file may be opened, made or removed, no TCP used, nobody outside signalled. Descriptors in hand stay.

Kernels have it from 5.13 on (files), 6.7 (TCP), 6.12 (signals, abstract sockets); many NAS kernels do not. It does
not know UDP, nor the reading of a file's size and times: those are refused by seccomp.

Ties the child to the server and takes from it what it could gain. Every kernel has this layer.

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

from streamtime.media.confinement.kernel import prctl, syscall
from streamtime.media.confinement.seccomp import install_allowlist
from streamtime.workers.protocol import Confinement, WorkerLimits

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""The same on every architecture."""

_ASK_VERSION = 1
_RULESET = struct.Struct("=QQQ")

_FILES_SINCE = {1: 13, 2: 14, 3: 15, 5: 16}
"""By version: how many of the accesses to files, numbered from bit 0, it knows."""

_NETWORK_SINCE, _NETWORK = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11


def landlock_version() -> int:
    """The version that the kernel speaks.

    Raises:
        OSError: if it speaks none.
    """
    return syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)


def apply_landlock() -> int:
    """Refuse everything that this kernel's version knows, for this thread and those it starts; tell the version.

    Raises:
        OSError: if the kernel has no Landlock, or it is turned off.
    """
    abi = landlock_version()
    known = max(bits for since, bits in _FILES_SINCE.items() if since <= abi)
    handled = _RULESET.pack(
        (1 << known) - 1,
        _NETWORK if abi >= _NETWORK_SINCE else 0,
        _SCOPES if abi >= _SCOPES_SINCE else 0,
    )
    # No rule is added: what is handled and not allowed is refused.
    ruleset = syscall(_CREATE_RULESET, handled, len(handled), 0)
    try:
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


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


class NotConfined(Exception):
    """A right could not be given up; the child must not go on. The text says why."""


def confine(control: socket.socket, source: int, bounds: WorkerLimits) -> Confinement:
    """Give up what is not needed, and tell which layers are in force.

    Raises:
        NotConfined: if the kernel refuses what must be, or the server that started this process is already gone.
    """
    in_force: list[str] = []
    missing: list[str] = []
    try:
        _apply_basic_layers(control, source, bounds)
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
        why = f"seccomp ({error.strerror or error})"
        if not bounds.allow_unconfined:
            raise NotConfined(why) from error
        missing.append(why)
    return Confinement(tuple(in_force), tuple(missing))


def _apply_basic_layers(control: socket.socket, source: int, bounds: WorkerLimits) -> None:
    if not die_with_server(control):
        raise NotConfined("the server is gone")
    if thread_count() > 1:
        raise NotConfined("a thread has been started before")
    set_no_new_privileges()
    set_niceness(bounds.niceness)
    set_limits(source, bounds.memory_bytes)
