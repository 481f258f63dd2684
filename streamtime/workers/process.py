"""One worker process: start, pause, kill, wait, and the limit on its resident memory.

A process must be started on the event loop's thread, because the signal that kills it with the server is bound to the
thread that started it. The worker's own limit covers only address space, much of which is reserved but unused, so the
server polls resident memory and kills a worker that exceeds its limit.
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


class WorkerProcess:
    """A running worker process; `connection` is the server's end of its socket, non-blocking."""

    def __init__(self, command: Sequence[str], source: int, limits: WorkerLimits) -> None:
        """Start the process.

        Raises:
            WorkerFailed: if the system cannot start another process.
        """
        try:
            self.connection, child_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise failure.unavailable(str(error)) from error
        self._stderr_tail = bytearray()
        try:
            self._stderr, stderr = os.pipe()
            try:
                self._process = _spawn(command, child_socket.fileno(), source, limits, stderr)
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
            child_socket.close()
        self.connection.setblocking(False)
        os.set_blocking(self._stderr, False)
        asyncio.get_running_loop().add_reader(self._stderr, self._read_stderr)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def stderr_tail(self) -> str:
        """The end of its standard error."""
        return self._stderr_tail.decode(errors="replace").strip()

    async def terminate(self) -> int | None:
        """Kill the process if it still runs, close its descriptors, and return its exit status."""
        self.connection.close()
        reaping = asyncio.ensure_future(self._reap())
        return await asyncio.shield(reaping)

    async def wait_exit(self, timeout_s: float) -> int | None:
        """Wait for a process that closed its end of the socket; return its status, or None after the timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._process.poll() is None:  # noqa: ASYNC110  (no event tells it on every kernel)
                    await asyncio.sleep(_REAP_STEP_S)
        return self._process.returncode

    def pause(self) -> None:
        """Suspend the process (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue the process (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
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
            # The event loop is closing, so nothing can await the exit; a killed process ends promptly.
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
    command: Sequence[str], control: int, source: int, limits: WorkerLimits, stderr: int
) -> subprocess.Popen[bytes]:
    # No shell, no environment, no other descriptors; the command never contains user input.
    return subprocess.Popen(  # noqa: S603  (see above)
        [*command, str(control), str(source), *limits.arguments()],
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
    """Return the memory of the machine or container; `root` is the directory that contains `/proc` and `/sys`."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_cgroup_limits(root)])


def _cgroup_limits(root: Path) -> list[int]:
    """Return the limits of all control groups of this process, cgroup version 1 and 2."""
    cgroup_root = root / "sys/fs/cgroup"
    files = [cgroup_root / "memory/memory.limit_in_bytes"]
    for line in _read_text(root / "proc/self/cgroup").splitlines():
        _hierarchy, controllers, path = line.split(":", 2)
        if not controllers:  # cgroup version 2 has a single tree
            own = cgroup_root / path.lstrip("/")
            files += [folder / "memory.max" for folder in (own, *own.parents) if folder.is_relative_to(cgroup_root)]
    found = [_read_text(file).strip() for file in files]
    return [int(limit) for limit in found if limit.isdecimal()]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


_POLL_INTERVAL_S = 0.2
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryMonitor:
    """Polls the resident memory of one process; `exceeded` tells whether it was killed for exceeding the limit."""

    def __init__(self, process: WorkerProcess, limit_bytes: int) -> None:
        self._process = process
        self.limit_bytes = limit_bytes
        self.exceeded = False

    async def run(self) -> None:
        """Poll until cancelled."""
        await every(_POLL_INTERVAL_S, self._check, "worker-memory", max_backoff_s=_POLL_INTERVAL_S)

    async def _check(self) -> None:
        if not self.exceeded and (resident_bytes(self._process.pid) or 0) > self.limit_bytes:
            self.exceeded = True
            self._process.kill()


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process, shared libraries included; None if the process does not exist.

    Raises:
        OSError: it cannot be read now, for example because no descriptor is left.
    """
    try:
        # procfs is in memory: reading it does not wait for a disk.
        _size, resident, *_ = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return int(resident) * _PAGE_BYTES
