"""One child process: started with nothing but two descriptors, killed and reaped whatever happens.

It knows processes, nothing of messages. It must be started on the event loop's thread: the signal that makes the
child die with the server follows the thread that started it.

Looks at how much memory a child really has, and ends it when that is too much.

The child's own limit is on address space, which is reserved far beyond what is used; only from outside can the real
figure be bounded.

How much memory there is to be had: the machine's, or less where a control group says so. It reads, nothing else.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from streamtime.periodic import every
from streamtime.workers import failure
from streamtime.workers.protocol import WorkerLimits

_STDERR_TAIL_BYTES = 4096
_REAP_STEP_S = 0.005
_KILL_TIMEOUT_S = 2.0


class Child:
    """A running child; `connection` is the server's end of the socket to it, not blocking."""

    def __init__(self, command: Sequence[str], source: int, bounds: WorkerLimits) -> None:
        """Start it.

        Raises:
            WorkerFailed: if the machine does not allow another process.
        """
        try:
            self.connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise failure.unavailable(str(error)) from error
        self._stderr_tail = bytearray()
        try:
            self._stderr, stderr = os.pipe()
            try:
                self._process = _spawn(command, theirs.fileno(), source, bounds, stderr)
            except OSError:
                os.close(self._stderr)
                raise
            finally:
                os.close(stderr)
        except OSError as error:
            self.connection.close()
            raise failure.unavailable(str(error)) from error
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()
        self.connection.setblocking(False)
        os.set_blocking(self._stderr, False)
        asyncio.get_running_loop().add_reader(self._stderr, self._read_stderr)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def stderr_tail(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._stderr_tail.decode(errors="replace").strip()

    async def terminate(self) -> int | None:
        """End it, if it has not ended by itself, and tell its exit status; all its descriptors are closed after."""
        self.connection.close()
        reaping = asyncio.ensure_future(self._reap())
        return await asyncio.shield(reaping)

    async def wait_exit(self, timeout_s: float) -> int | None:
        """Give a child that has closed its end a moment to end by itself, and tell its status; None if it does not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._process.poll() is None:  # noqa: ASYNC110  (no event tells it on every kernel)
                    await asyncio.sleep(_REAP_STEP_S)
        return self._process.returncode

    def pause(self) -> None:
        """Stop it where it stands, without ending it."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    async def _reap(self) -> int | None:
        self.kill()
        try:
            while self._process.poll() is None:  # noqa: ASYNC110  (no event tells it on every kernel)
                await asyncio.sleep(_REAP_STEP_S)
        except asyncio.CancelledError:
            # The loop itself is ending: nobody will ask again, and a killed process ends promptly.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_TIMEOUT_S)
            raise
        finally:
            self._read_stderr()
            self._close_stderr()
        return self._process.returncode

    def _read_stderr(self) -> None:
        try:
            data = os.read(self._stderr, _STDERR_TAIL_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._stderr_tail += data
        del self._stderr_tail[:-_STDERR_TAIL_BYTES]
        if not data and self._stderr >= 0:
            self._close_stderr()

    def _close_stderr(self) -> None:
        if self._stderr >= 0:
            asyncio.get_running_loop().remove_reader(self._stderr)
            os.close(self._stderr)
            self._stderr = -1


def _spawn(
    command: Sequence[str], control: int, source: int, bounds: WorkerLimits, stderr: int
) -> subprocess.Popen[bytes]:
    # No shell, no environment, no descriptor but these; the command is ours, never a user's.
    return subprocess.Popen(  # noqa: S603  (see above)
        [*command, str(control), str(source), *bounds.arguments()],
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        pass_fds=(control, source),
        start_new_session=True,
    )


ROOT = Path("/")


def memory_bytes(root: Path = ROOT) -> int:
    """The memory of the machine, or of the container that this runs in; `root` is where `/proc` and `/sys` are."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(root)])


def _limits(root: Path) -> list[int]:
    """What the control groups above this process allow, in both of their versions."""
    groups = root / "sys/fs/cgroup"
    files = [groups / "memory/memory.limit_in_bytes"]
    for line in _text(root / "proc/self/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        if not controllers:  # version 2 has one tree for all
            own = groups / path.lstrip("/")
            files += [folder / "memory.max" for folder in (own, *own.parents) if folder.is_relative_to(groups)]
    found = [_text(file).strip() for file in files]
    return [int(limit) for limit in found if limit.isdecimal()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


_POLL_INTERVAL_S = 0.2
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryMonitor:
    """The watch over one child; `exceeded` tells whether it had to end it."""

    def __init__(self, child: Child, limit_bytes: int) -> None:
        self._child = child
        self.limit_bytes = limit_bytes
        self.exceeded = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await every(_POLL_INTERVAL_S, self._check, "worker-memory", max_backoff_s=_POLL_INTERVAL_S)

    async def _check(self) -> None:
        if not self.exceeded and (resident_bytes(self._child.pid) or 0) > self.limit_bytes:
            self.exceeded = True
            self._child.kill()


def resident_bytes(pid: int) -> int | None:
    """What a process has in memory, libraries that it shares included; None where it is gone.

    Raises:
        OSError: it cannot be read now, for example because no descriptor is left.
    """
    try:
        # A file of the kernel's own, in memory: no disk is waited for.
        _size, resident, *_ = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return int(resident) * _PAGE_BYTES
