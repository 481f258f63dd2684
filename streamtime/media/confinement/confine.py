"""All layers, in their order. Everything that will ever be imported must be before this is called.

Without seccomp a child must not go on, unless the person who runs the server allowed it; Landlock may be missing,
which is told. Everything else is there on every kernel.
"""

import socket

from streamtime.media.confinement import landlock, process, seccomp
from streamtime.workers.protocol import Confinement, WorkerLimits


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
        in_force.append(f"landlock {landlock.restrict_self()}")
    except OSError as error:
        missing.append(f"landlock ({error.strerror})")
    try:
        seccomp.install_allowlist()
        in_force.append("seccomp")
    except OSError as error:
        why = f"seccomp ({error.strerror or error})"
        if not bounds.allow_unconfined:
            raise NotConfined(why) from error
        missing.append(why)
    return Confinement(tuple(in_force), tuple(missing))


def _apply_basic_layers(control: socket.socket, source: int, bounds: WorkerLimits) -> None:
    if not process.die_with_server(control):
        raise NotConfined("the server is gone")
    if process.thread_count() > 1:
        raise NotConfined("a thread has been started before")
    process.set_no_new_privileges()
    process.set_niceness(bounds.niceness)
    process.set_limits(source, bounds.memory_bytes)
