"""A real server process for tests: its start and its several ends, its command line, what it said.

The data directory lives in a temporary folder that goes with it, and so does every process it has started. It knows
nothing of requests: those are made by people (people.py).
"""

import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Protocol, TypeVar

import httpx

from streamtime.clock import SystemClock
from streamtime.database.migrate import migrate
from tests import logs, process
from tests.people import Person

T = TypeVar("T")

COMMAND = str(Path(sys.executable).with_name("streamtime"))
READY_WITHIN_S = 120.0
STOPS_WITHIN_S = 60.0
"""Ten seconds are promised, and kept where the processor is not shared with other tests."""

COMMAND_WITHIN_S = 180.0

POLL_INTERVAL_S = 0.03
MAX_POLL_INTERVAL_S = 0.2
POLL_SHARE = 0.1
"""A poll comes after this share of the time waited so far: most are requests, which would take a core's tenth."""

READY = re.compile(
    r"""^Streamtime is ready: (http://127\.0\.0\.1:\d+)$(?:.*?^Setup code: (\S+)$)?.*?"event": "ready"[,}]""",
    re.MULTILINE | re.DOTALL,
)
"""All that it says of it: the line in its log comes last."""

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that never need it: each would read all certificates first, which takes longer than what it is for."""


def wait_until(look: Callable[[], T | None], what: str, *, within_s: float = 90.0) -> T:
    """Poll until the result is true in a boolean sense, and return it."""
    began = time.monotonic()
    while True:
        seen = look()
        if seen:
            return seen
        waited_s = time.monotonic() - began
        assert waited_s < within_s, f"after {within_s} s still not: {what}"
        time.sleep(min(max(waited_s * POLL_SHARE, POLL_INTERVAL_S), MAX_POLL_INTERVAL_S))


class Server:
    """One server on 127.0.0.1. Each start takes a new free port, which its clients are told.

    `before` is a program that is to start it, and its arguments.
    """

    def __init__(self, folder: Path, *, before: Sequence[str] = (), **environ: str) -> None:
        self._before = tuple(before)
        self.data_dir = folder / "data"
        self.log_path = folder / "server.log"
        self._log_check = logs.watch(self.log_path)
        self.setup_code = ""
        self.url = ""
        self.folder = folder
        self._people: dict[str, Person] = {}
        self._clients: list[httpx.Client] = []
        self._process: process.Process | subprocess.Popen[bytes] | None = None
        self._sessions: list[int] = []
        self._flags: tuple[str, ...] = ()
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STREAMTIME_")},
            "STREAMTIME_DATA_DIR": str(self.data_dir),
            "STREAMTIME_BACKUP__EVERY": "0",  # copies are for the tests of copies
            "STREAMTIME_UPLOADS__MINIMUM_FREE_SPACE": "64MiB",
            "STREAMTIME_TRANSCODE__MINIMUM_FREE_SPACE": "64MiB",
            **environ,
        }

    @property
    def pid(self) -> int:
        assert self._process, "the server does not run"
        return self._process.pid

    @property
    def settings(self) -> dict[str, str]:
        """Its environment variables."""
        return {**self._environ}

    @property
    def log_output(self) -> str:
        """All that it has written so far, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def set_flags(self, *flags: str) -> None:
        """Give `serve` these further flags from the next start on."""
        self._flags = flags

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        before = len(self.log_output)
        self._launch("serve", "--host", "127.0.0.1", "--port", "0", *self._flags)
        found = wait_until(lambda: self._ready(before), "ready", within_s=READY_WITHIN_S)
        self.url, self.setup_code = found[1], found[2] or ""
        for client in self._clients:
            client.base_url = self.url

    def stop(self, *, within_s: float = STOPS_WITHIN_S) -> int:
        """Ask it to stop, as `docker stop` does, and give its exit code."""
        assert self._process, "the server does not run"
        self._process.send_signal(signal.SIGTERM)
        return self.wait(within_s)

    def wait(self, within_s: float = STOPS_WITHIN_S) -> int:
        """Wait until it has ended, and give its exit code."""
        assert self._process, "the server does not run"
        try:
            return self._process.wait(within_s)
        finally:
            self._process = self._process if self._process.poll() is None else None

    def kill(self) -> None:
        """End it by SIGKILL, alone: its workers have to notice by themselves."""
        assert self._process, "the server does not run"
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self, **environ: str) -> None:
        """Stop it in peace and start it again, with further settings if any are given."""
        assert self.stop() == 0
        self._environ |= environ
        self.start()

    def command(self, *arguments: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on the same data directory; the result is the caller's to judge."""
        done = self._command(*arguments, given=given, settings={**self._environ, **environ})
        logs.check(f"streamtime {' '.join(arguments)}", done.stdout + done.stderr)
        return done

    def _command(self, *arguments: str, given: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        if self._before:
            process.count(arguments)
            return subprocess.run(
                [*self._before, COMMAND, *arguments],
                env=settings,
                cwd=self.folder,
                input=given,
                capture_output=True,
                text=True,
                check=False,
                timeout=COMMAND_WITHIN_S,
            )
        return process.run(arguments, environ=settings, folder=self.folder, given=given, within_s=COMMAND_WITHIN_S)

    def begin(self, *arguments: str) -> "RunningCommand":
        """Begin a command, to be interrupted at will; the caller waits for its end."""
        process.count(arguments)
        return RunningCommand(
            [*self._before, COMMAND, *arguments],
            env=self._environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, given: str = "") -> str:
        """Run a command that has to succeed, and give what it printed."""
        done = self.command(*arguments, given=given)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def person(self, name: str, *, admin: bool = False) -> Person:
        """The person of that name; the account is made by the command line when they are first asked for."""
        if name not in self._people:
            person = Person(self, name)
            rank = ["--admin"] if admin else []
            self.run("user", "create", name, *rank, "--password-stdin", given=person.password + "\n")
            self._people[name] = person
        return self._people[name]

    def visitor(self) -> Person:
        """Somebody without an account."""
        return Person(self, "")

    def client(self, **headers: str) -> httpx.Client:
        """A client of its own, closed with the server and led to it wherever it starts again."""
        made = httpx.Client(base_url=self.url, headers=headers, timeout=90, verify=NO_TLS)
        self._clients.append(made)
        return made

    def workers(self) -> list[int]:
        """The processes that it has started and that live, by id."""
        return children_of(self.pid)

    def files(self, folder: str) -> list[Path]:
        """All files of `spool` or `objects`, temporary ones too, but not the marker that says whose they are."""
        walk = os.walk(self.data_dir / folder)  # which passes over what vanishes while it looks
        found = [Path(where, name) for where, _, names in walk for name in names if name[0] != "."]
        return sorted(path for path in found if path != self.data_dir / folder / "deployment" / "marker")

    def close(self) -> None:
        """End everything that it has ever started."""
        for client in self._clients:
            client.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.stop()
        for session in self._sessions:
            with suppress(ProcessLookupError):
                os.killpg(session, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOPS_WITHIN_S)
        logs.unwatch(self._log_check)

    def _launch(self, *arguments: str) -> None:
        with self.log_path.open("ab") as log:
            self._process = self._started(log, arguments)
        self._sessions.append(self._process.pid)

    def _started(self, log: IO[bytes], arguments: Sequence[str]) -> process.Process | subprocess.Popen[bytes]:
        if not self._before:
            return process.start(
                arguments, environ=self._environ, folder=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        process.count(arguments)
        return subprocess.Popen(
            [*self._before, COMMAND, *arguments],
            env=self._environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def _ready(self, before: int) -> re.Match[str] | None:
        assert self._process
        said = self.log_output[before:]
        assert self._process.poll() is None, f"the server ended by itself:\n{said}"
        return READY.search(said)


class RunningCommand(subprocess.Popen[str]):
    """A command that was begun; what it says is judged when it is heard."""

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:  # noqa: A002  # as in Popen
        """See `subprocess.Popen.communicate`."""
        said, complained = super().communicate(input, timeout)
        logs.check("streamtime", (said or "") + (complained or ""))
        return said, complained


class StartServer(Protocol):
    """Starts a server with settings of its own, given as environment variables."""

    def __call__(self, **environ: str) -> Server: ...


@cache
def _migrated_database() -> bytes:
    """An empty database of the newest schema: copied, a start costs a third less CPU."""
    with tempfile.TemporaryDirectory(prefix="streamtime-test-") as folder:
        path = Path(folder) / "streamtime.db"
        migrate(path, now_ms=SystemClock().now_ms())
        return path.read_bytes()


@contextmanager
def running_server(*, started: bool = True, before: Sequence[str] = (), **environ: str) -> Iterator[Server]:
    """A server that is gone, with all that it kept, when the block is left.

    One that is started at once begins with a migrated database; one that a test starts itself makes its own.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="streamtime-test-"))
        server = Server(Path(folder), before=before, **environ)
        stack.callback(server.close)
        if started:
            if not before and server.data_dir.parent == server.folder:
                server.data_dir.mkdir(mode=0o700)
                (server.data_dir / "streamtime.db").write_bytes(_migrated_database())
            server.start()
        yield server


def children_of(pid: int) -> list[int]:
    """The children of a process, and theirs, as Linux tells them; none where it is gone."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            own = [int(child) for child in (task / "children").read_text().split()]
            found += own + [grandchild for child in own for grandchild in children_of(child)]
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there and is more than a dead one that nobody has asked after."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def resident_bytes(pid: int, field: str = "VmRSS") -> int:
    """Memory of a process; `VmHWM` is the most that it ever had."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found, field
    return int(found[1]) * 1024
