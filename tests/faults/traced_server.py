"""A server whose system calls are looked at and broken as told (tracer.py), with one person in it."""

import json
import os
import re
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from tests.fault_proxy import FaultProxy
from tests.faults.consistency import ConsistencyCheck
from tests.faults.tracer import Rule
from tests.people import Person
from tests.s3 import Bucket
from tests.server import STOPS_WITHIN_S, Server, children_of, wait_until

TRACER = Path(__file__).with_name("tracer.py")
IDLE_WITHIN_S = 300.0
"""All that is made of a film of a second, on a machine that is busy with other tests."""

UNEXPECTED = (
    r"^.*(?:unexpected_error|job_crashed|job_record_failed|after_commit_hook_failed|background_task_failed"
    r"|Task exception).*$"
)


@dataclass(frozen=True)
class TracedCall:
    """A call as the trace tells of it; `done` is the return of a sync, `then` what a rule did."""

    call: str
    path: str
    task: int
    done: bool = False
    then: str = ""


@dataclass(frozen=True)
class FaultyBucket:
    """A bucket, and the line to it."""

    bucket: Bucket
    line: FaultProxy

    @property
    def environ(self) -> dict[str, str]:
        """What a server that keeps its videos there is told."""
        return self.bucket.through(self.line.endpoint).environ


class TracedServer(Server):
    """One server under the tracer. What its commands do is not looked at."""

    def __init__(self, folder: Path, place: FaultyBucket | None = None, **environ: str) -> None:
        self.place = place
        self.trace_path = folder / "trace"
        self._control = folder / "control"
        self._checked_until = 0
        super().__init__(folder, **environ, **(place.environ if place else {}))
        self.consistency = ConsistencyCheck(self.data_dir, place.bucket if place else None)

    @property
    def ann(self) -> Person:
        """Somebody with an account."""
        return self.person("ann")

    @property
    def has_exited(self) -> bool:
        """Whether it has ended."""
        return self._process is None or self._process.poll() is not None

    @property
    def is_running(self) -> bool:
        """Whether the server itself is there: when it ends, its tracer is there for a moment longer."""
        return not self.has_exited and bool(children_of(self.pid))

    def start(self, rules: Sequence[Rule] = ()) -> None:
        """Start it, with rules that hold from its first call."""
        self._before = self._tracing(rules)
        try:
            super().start()
        finally:
            self._before = ()

    def run_command(self, rules: Sequence[Rule], *arguments: str) -> None:
        """Run a command to its end, or to what a rule makes of it, in the server's place."""
        assert self.has_exited, "the server runs"
        self._before = self._tracing(rules)
        try:
            self._launch(*arguments)
        finally:
            self._before = ()
        wait_until(lambda: self.has_exited, f"the end of {arguments[0]}", within_s=IDLE_WITHIN_S)

    def try_start(self, rules: Sequence[Rule]) -> bool:
        """Start it, which may be its end; whether it came up."""
        try:
            self.start(rules)
        except AssertionError:
            assert self.has_exited, "it neither came up nor died"
            return False
        return True

    def kill(self) -> None:
        """End the server itself by SIGKILL, in the middle of whatever it does, unless something has just ended it."""
        for server in children_of(self.pid)[:1]:
            os.kill(server, signal.SIGKILL)
        self.wait_exit()

    def wait_exit(self) -> int:
        """Wait until it has ended by itself, and all that it had started; how it ended, 0 for well."""
        assert self._process
        code = self._process.wait(STOPS_WITHIN_S)
        self._process = None
        return code

    def set_rules(self, *rules: Rule) -> list[int]:
        """Let these rules hold from now on; how often those before them were met."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(STOPS_WITHIN_S)
            connection.connect(str(self._control))
            with connection.makefile("rw") as lines:
                lines.write(json.dumps([_given(rule) for rule in rules]) + "\n")
                lines.flush()
                return cast("list[int]", json.loads(lines.readline()))

    def calls(self) -> list[TracedCall]:
        """All calls so far that concern files or sockets, over all starts."""
        if not self.trace_path.exists():
            return []
        return [TracedCall(**json.loads(line)) for line in self.trace_path.read_text().splitlines()]

    def unexpected(self) -> list[str]:
        """What it has logged that no server ever should, since `forget`."""
        return re.findall(UNEXPECTED, self.log_output[self._checked_until :], re.MULTILINE)

    def ignore_log_so_far(self) -> None:
        """Let what it has said so far be as it was."""
        self._checked_until = len(self.log_output)

    def wait_idle(self) -> None:
        """Wait until nothing is left to do."""
        wait_until(self.consistency.idle, "nothing is left to do", within_s=IDLE_WITHIN_S)

    def wait_idle_if_running(self) -> None:
        """The same, for what may be stopped."""
        if not self.has_exited:
            self.wait_idle()

    def _tracing(self, rules: Sequence[Rule]) -> tuple[str, ...]:
        given = json.dumps([_given(rule) for rule in rules])
        under = ("--under", str(self.data_dir), "--trace", str(self.trace_path), "--control", str(self._control))
        return (sys.executable, str(TRACER), *under, "--rules", given, "--")


@contextmanager
def running_traced_server(place: FaultyBucket | None = None, **environ: str) -> Iterator[TracedServer]:
    """A started server under the tracer, which is gone when the block is left; with its videos there, if given."""
    with tempfile.TemporaryDirectory(prefix="streamtime-faults-") as folder:
        server = TracedServer(Path(folder), place, **environ)
        try:
            server.start()
            wait_until(server.consistency.has_markers, "its stores are marked")
            yield server
        finally:
            server.close()


@contextmanager
def faulty_bucket(endpoint: str) -> Iterator[FaultyBucket]:
    """A part of that server's bucket, empty at first and in the end, with a way to it that fails on demand."""
    bucket = Bucket(endpoint, f"t/{secrets.token_hex(8)}")
    with FaultProxy(endpoint) as line:
        yield FaultyBucket(bucket, line)
    bucket.clear()


def _given(rule: Rule) -> dict[str, object]:
    return {name: value for name, value in asdict(rule).items() if name != "seen"}
