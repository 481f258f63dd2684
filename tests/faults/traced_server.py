"""A server whose system calls are traced and made to fail (tracer.py), with one user."""

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
"""Time limit for processing a clip of one second on a busy machine."""

UNEXPECTED = (
    r"^.*(?:unexpected_error|job_crashed|job_record_failed|after_commit_hook_failed|background_task_failed"
    r"|Task exception).*$"
)


@dataclass(frozen=True)
class TracedCall:
    """A call in the trace; `done` is the return of a sync, `then` the effect of a rule."""

    call: str
    path: str
    task: int
    done: bool = False
    then: str = ""


@dataclass(frozen=True)
class FaultyBucket:
    """A bucket, and the fault proxy in front of it."""

    bucket: Bucket
    line: FaultProxy

    @property
    def environ(self) -> dict[str, str]:
        """The settings of a server with its videos in the bucket."""
        return self.bucket.through(self.line.endpoint).environ


class TracedServer(Server):
    """One server under the tracer. Its commands are not traced."""

    def __init__(self, folder: Path, place: FaultyBucket | None = None, **environ: str) -> None:
        self.place = place
        self.trace_path = folder / "trace"
        self._control = folder / "control"
        self._checked_until = 0
        super().__init__(folder, **environ, **(place.environ if place else {}))
        self.consistency = ConsistencyCheck(self.data_dir, place.bucket if place else None)

    @property
    def ann(self) -> Person:
        """A user."""
        return self.person("ann")

    @property
    def has_exited(self) -> bool:
        """Whether the tracer has ended."""
        return self._process is None or self._process.poll() is not None

    @property
    def is_running(self) -> bool:
        """Whether the server process exists; the tracer ends shortly after it."""
        return not self.has_exited and bool(children_of(self.pid))

    def start(self, rules: Sequence[Rule] = ()) -> None:
        """Start it, with rules from its first call on."""
        self._before = self._tracing(rules)
        try:
            super().start()
        finally:
            self._before = ()

    def run_command(self, rules: Sequence[Rule], *arguments: str) -> None:
        """Run a traced command instead of the server, until it or a rule ends it."""
        assert self.has_exited, "the server runs"
        self._before = self._tracing(rules)
        try:
            self._launch(*arguments)
        finally:
            self._before = ()
        wait_until(lambda: self.has_exited, f"the end of {arguments[0]}", within_s=IDLE_WITHIN_S)

    def try_start(self, rules: Sequence[Rule]) -> bool:
        """Start it; returns False if a rule killed it during the start."""
        try:
            self.start(rules)
        except AssertionError:
            assert self.has_exited, "it neither came up nor died"
            return False
        return True

    def kill(self) -> None:
        """End the server process with SIGKILL, unless it has just ended."""
        for server in children_of(self.pid)[:1]:
            os.kill(server, signal.SIGKILL)
        self.wait_exit()

    def wait_exit(self) -> int:
        """Wait until it and its children have ended; returns the exit status."""
        assert self._process
        code = self._process.wait(STOPS_WITHIN_S)
        self._process = None
        return code

    def set_rules(self, *rules: Rule) -> list[int]:
        """Replace the rules; returns how often the previous ones matched."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(STOPS_WITHIN_S)
            connection.connect(str(self._control))
            with connection.makefile("rw") as lines:
                lines.write(json.dumps([_given(rule) for rule in rules]) + "\n")
                lines.flush()
                return cast("list[int]", json.loads(lines.readline()))

    def calls(self) -> list[TracedCall]:
        """All traced calls so far, over all starts."""
        if not self.trace_path.exists():
            return []
        return [TracedCall(**json.loads(line)) for line in self.trace_path.read_text().splitlines()]

    def unexpected(self) -> list[str]:
        """Log lines since `forget` that no server should write."""
        return re.findall(UNEXPECTED, self.log_output[self._checked_until :], re.MULTILINE)

    def ignore_log_so_far(self) -> None:
        """Ignore the log up to now."""
        self._checked_until = len(self.log_output)

    def wait_idle(self) -> None:
        """Wait until the server is idle."""
        wait_until(self.consistency.idle, "nothing is left to do", within_s=IDLE_WITHIN_S)

    def wait_idle_if_running(self) -> None:
        """The same, for a server that may be stopped."""
        if not self.has_exited:
            self.wait_idle()

    def _tracing(self, rules: Sequence[Rule]) -> tuple[str, ...]:
        given = json.dumps([_given(rule) for rule in rules])
        under = ("--under", str(self.data_dir), "--trace", str(self.trace_path), "--control", str(self._control))
        return (sys.executable, str(TRACER), *under, "--rules", given, "--")


@contextmanager
def running_traced_server(place: FaultyBucket | None = None, **environ: str) -> Iterator[TracedServer]:
    """A started server under the tracer, ended with the block; with its videos in the bucket, if given."""
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
    """A prefix of the S3 server's bucket, emptied at the end, behind a fault proxy."""
    bucket = Bucket(endpoint, f"t/{secrets.token_hex(8)}")
    with FaultProxy(endpoint) as line:
        yield FaultyBucket(bucket, line)
    bucket.clear()


def _given(rule: Rule) -> dict[str, object]:
    return {name: value for name, value in asdict(rule).items() if name != "seen"}
