"""Starts `streamtime` in processes of their own that need not import it first: each is forked from one that has.

That spares more than a second of a processor each time, and there are hundreds of times. What such a process runs, is
given and ends by is what the installed command has, which `test_packaging.py` starts, and every program that stands
`before` a server. The nursery is one process beside each that runs tests, and ends with it,
as does all that it started; `process.py` speaks to it.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from streamtime.cli.main import run
from tests.process import MAX_REQUEST_BYTES

_FIRST_USED_LATE = (
    "alembic.command",
    "alembic.config",
    "streamtime.http.application",
    "uvicorn.lifespan.off",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)
"""What a server imports only when it needs it, and each of ours does."""


class _ForkServer:
    def __init__(self, door: socket.socket) -> None:
        self._socket = door
        self._selector = selectors.DefaultSelector()
        self._selector.register(door, selectors.EVENT_READ)

    def serve(self) -> bool:
        """Fork until the tests have ended; whether this is a child, which has become what was ordered."""
        while True:
            for key, _ in self._selector.select():
                if key.data:
                    self._report_exit(key)
                    continue
                message, descriptors, _, _ = socket.recv_fds(self._socket, MAX_REQUEST_BYTES, 4)
                if not message:
                    self._end_all()
                    return False
                if self._fork(json.loads(message), descriptors):
                    return True

    def _fork(self, order: dict[str, Any], descriptors: list[int]) -> bool:
        child = os.fork()
        if not child:
            self._close_inherited()
            _exec_command(order, descriptors)
            return True
        *files, report = descriptors
        for descriptor in files:
            os.close(descriptor)
        _write(report, child)
        self._selector.register(os.pidfd_open(child), selectors.EVENT_READ, (child, report))
        return False

    def _end_all(self) -> None:
        """End what was left behind: by tests that were killed themselves, since others end what they start."""
        for key in self._selector.get_map().values():
            if key.data:
                signal.pidfd_send_signal(key.fd, signal.SIGKILL)

    def _report_exit(self, ended: selectors.SelectorKey) -> None:
        child, report = ended.data
        _, status = os.waitpid(child, 0)
        self._selector.unregister(ended.fd)
        os.close(ended.fd)
        _write(report, os.waitstatus_to_exitcode(status))
        os.close(report)

    def _close_inherited(self) -> None:
        for key in [*self._selector.get_map().values()]:
            os.close(key.fd)
            if key.data:
                os.close(key.data[1])
        self._socket.detach()
        self._selector.close()


def _exec_command(order: dict[str, Any], descriptors: list[int]) -> None:
    os.setsid()
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    sys.argv[:] = ["streamtime", *order["arguments"]]


def _write(report: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(report, f"{number}\n".encode())


if __name__ == "__main__":
    for name in _FIRST_USED_LATE:
        importlib.import_module(name)
    gc.freeze()
    if _ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve():
        run()
