"""Starts `streamtime` in processes of their own that need not import it first: each is forked from one that has.

That spares more than a second of a processor each time, and there are hundreds of times. What such a process runs, is
given and ends by is what the installed command has, which `test_packaging.py` starts, and every program that stands
`before` a server; only passwords are hashed more quickly. The nursery is one process beside each that runs tests, and
ends with it, as does all that it started; `process.py` speaks to it.
"""

import atexit
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

import argon2

from streamtime.version import VERSION
from tests.process import MAX_REQUEST_BYTES

_MODULES = (
    "streamtime.cli.main",
    # What a server imports only when it needs it, and each of ours does.
    "alembic.command",
    "alembic.config",
    "streamtime.http.application",
    "uvicorn.lifespan.off",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)


FULL_HASHES = "FULL_PASSWORD_HASHES"
"""An environment variable for servers of tests that measure how long a password takes."""


class _QuickHasher(argon2.PasswordHasher):
    """Hashes with little memory and in one pass, which spares a sixth of a second of a processor for each account."""

    def __init__(self, time_cost: int, memory_cost: int, parallelism: int) -> None:
        cost = (time_cost, memory_cost, parallelism) if FULL_HASHES in os.environ else (1, 8, 1)
        super().__init__(*cost)


def _register_routes() -> None:
    """Register all routes here, which is half of what a server does at its start.

    A server gets what `build_litestar` has made, and its own services, settings and metrics in it.
    """
    application: Any = importlib.import_module("streamtime.http.application")
    blanks = [object.__new__(kind) for kind in (application.Services, application.HttpSettings, application.Metrics)]
    built = application.build_litestar(*blanks, version=VERSION)

    def filled(*values: object, version: str) -> object:
        assert version == VERSION
        for blank, value in zip(blanks, values, strict=True):
            for name in [field.name for field in fields(value)] if is_dataclass(value) else vars(value):
                object.__setattr__(blank, name, getattr(value, name))
        return built

    application.build_litestar = filled


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


def _run() -> None:
    """Run the command, and end the process as the interpreter does, but without taking its own memory apart.

    That would touch, and so copy, every page shared with the fork server. Before it threads have ended, handlers of
    `atexit` have run, and what garbage collection finds (lost tasks, open files) is said.
    """
    try:
        importlib.import_module("streamtime.cli.main").run()
    except SystemExit as ended:
        _exit_codes.append(ended.code if isinstance(ended.code, int) else bool(ended.code))
        raise


_exit_codes: list[int] = []


def _leave() -> None:
    if _exit_codes and "coverage" not in sys.modules:  # which writes down what it has seen after this
        gc.collect()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_codes[0])


if __name__ == "__main__":
    atexit.register(_leave)  # what was registered first is called last
    argon2.PasswordHasher = _QuickHasher  # type: ignore[misc, assignment]  # before `streamtime` takes it
    for name in _MODULES:
        importlib.import_module(name)
    _register_routes()
    gc.freeze()
    if _ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve():
        _run()
