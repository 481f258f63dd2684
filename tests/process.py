"""Real processes of `streamtime` for tests: started by the nursery, watched, waited for and killed from here."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

MAX_REQUEST_BYTES = 128 * 1024
"""The most that an order takes; the nursery reads as much at once."""

STARTED: Counter[str] = Counter()
"""How many servers (`serve`) and other `commands` were started, for the table of `times.py`."""


def count(arguments: Sequence[str]) -> None:
    """Note that `streamtime` is started with these arguments."""
    STARTED["serve" if arguments[0] == "serve" else "commands"] += 1


class Process:
    """A process that the nursery has started, by the names that `subprocess.Popen` has for the same."""

    def __init__(self, report: int) -> None:
        self._report = os.fdopen(report, "rb", buffering=0)
        self._returncode: int | None = None
        self.pid = self._read_number()

    def poll(self) -> int | None:
        """How it has ended, if it has."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; its exit code, or the number of the signal that ended it, as a negative one."""
        if self._returncode is None:
            watched = select.poll()  # unlike `select.select`, it takes descriptors beyond 1023
            watched.register(self._report, select.POLLIN)
            if not watched.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("streamtime", timeout or 0)
            self._returncode = self._read_number()
            self._report.close()
        return self._returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read_number(self) -> int:
        line = self._report.readline()
        assert line, "the nursery is gone"
        return int(line)


def start(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    stdin: int | IO[Any],
    stdout: IO[Any],
    stderr: IO[Any],
) -> Process:
    """Start `streamtime` with these arguments, in a session of its own."""
    count(arguments)
    order = json.dumps({"arguments": [*arguments], "environ": {**environ}, "folder": str(folder)}).encode()
    assert len(order) < MAX_REQUEST_BYTES, "an environment as large as that"
    listening, telling = os.pipe()
    with ExitStack() as stack:
        stack.callback(os.close, telling)
        given = stack.enter_context(Path(os.devnull).open("rb")) if stdin == subprocess.DEVNULL else stdin
        files = [file if isinstance(file, int) else file.fileno() for file in (given, stdout, stderr)]
        socket.send_fds(_fork_server_socket(), [order], [*files, telling])
    return Process(listening)


def run(
    arguments: Sequence[str], *, environ: Mapping[str, str], folder: Path, given: str = "", within_s: float
) -> subprocess.CompletedProcess[str]:
    """Run `streamtime` with these arguments to its end, as `subprocess.run` does; the result is the caller's to judge.

    Raises:
        subprocess.TimeoutExpired: it took longer than `within_s`, and was killed.
    """
    with TemporaryFile("w+") as typed, TemporaryFile("w+") as said, TemporaryFile("w+") as complained:
        typed.write(given)
        typed.seek(0)
        begun = start(arguments, environ=environ, folder=folder, stdin=typed, stdout=said, stderr=complained)
        try:
            code = begun.wait(within_s)
        finally:
            begun.kill()
        said.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess([*arguments], code, said.read(), complained.read())


@cache
def _fork_server_socket() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
            cwd=Path(__file__).parents[1],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the tests, which end what they have started
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # before that: what was registered last comes first
    return ours
