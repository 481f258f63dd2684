"""Starts one new worker process for each attempt, and checks how workers are confined on this machine.

This is the only module that starts processes.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streamtime.clock import Clock
from streamtime.logging import get_logger
from streamtime.workers.failure import WorkerFailed, unavailable
from streamtime.workers.process import MemoryMonitor, WorkerProcess
from streamtime.workers.protocol import DEFAULT_MEMORY_LIMIT_BYTES, Confinement, WorkerLimits
from streamtime.workers.worker import Worker

COMMAND = (sys.executable, "-I", "-m", "streamtime.media.worker")
"""Isolated mode: neither the environment nor the current directory affects what is imported."""

DAY_S = 24 * 3600.0


class WorkerLauncher:
    """Starts worker processes.

    An attempt ends after `stall_timeout_s` without a message, after `wall_timeout_s` in total, or when resident memory
    exceeds `memory_bytes`. `allow_unconfined` lets workers run where the kernel has no seccomp.
    """

    def __init__(
        self,
        *,
        stall_timeout_s: float = 60.0,
        wall_timeout_s: float = DAY_S,
        nice: int = 10,
        memory_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        allow_unconfined: bool = False,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._wall_timeout_s = wall_timeout_s
        self._limits = WorkerLimits(nice, memory_bytes, allow_unconfined)
        self._command = tuple(command)

    @asynccontextmanager
    async def launch(self, source_fd: int) -> AsyncIterator[Worker]:
        """Start a worker that can read `source_fd`; the caller keeps ownership of the descriptor.

        The process is terminated when the block exits, with or without an error.

        Raises:
            WorkerFailed: with `worker_unavailable` if the process could not be started.
        """
        process = WorkerProcess(self._command, source_fd, self._limits)
        memory = MemoryMonitor(process, self._limits.memory_bytes)
        monitoring = asyncio.create_task(memory.run())
        try:
            deadline = asyncio.get_running_loop().time() + self._wall_timeout_s
            yield Worker(process, memory, stall_timeout_s=self._stall_timeout_s, deadline=deadline)
        finally:
            monitoring.cancel()
            await process.terminate()


_RETRY_AFTER_S = 60.0
"""Limits how often a failed check starts a new process."""

_log = get_logger("workers")


async def query_confinement(launcher: WorkerLauncher) -> Confinement:
    """Start a worker on `/dev/null` and ask for its confinement.

    Raises:
        WorkerFailed: if it cannot be started, or is not confined enough to work.
    """
    try:
        dev_null = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        raise unavailable(str(error)) from error
    try:
        async with launcher.launch(dev_null) as worker:
            return await worker.confinement()
    finally:
        os.close(dev_null)


def format_layers(confinement: Confinement) -> str:
    """Format the layers in one line: `process, limits, seccomp, without landlock (Function not implemented)`."""
    return ", ".join([*confinement.in_force, *(f"without {layer}" for layer in confinement.missing)])


class ConfinementCheck:
    """Caches the confinement of workers; a failed check is repeated after 60 seconds."""

    def __init__(self, launcher: WorkerLauncher, clock: Clock) -> None:
        self._launcher = launcher
        self._clock = clock
        self._lock = asyncio.Lock()
        self._confinement: Confinement | None = None
        self._failure: WorkerFailed | None = None
        self._asked_at = 0.0

    async def confinement(self) -> Confinement:
        """Return the layers in force.

        Raises:
            WorkerFailed: workers refuse to run; the message says why.
        """
        async with self._lock:
            if self._confinement is not None:
                return self._confinement
            now = self._clock.monotonic()
            if self._failure is None or now - self._asked_at > _RETRY_AFTER_S:
                self._asked_at = now
                self._confinement, self._failure = await self._query()
        if self._confinement is None:
            raise self._failure or WorkerFailed("worker_unavailable", "No worker has answered.", retryable=True)
        return self._confinement

    async def log_status(self) -> None:
        """Log the confinement: missing layers as a warning, a refusal to run as an error."""
        try:
            confinement = await self.confinement()
        except WorkerFailed as error:
            _log.error("workers_refuse", code=error.code, reason=error.message, stderr_tail=error.stderr_tail)
            return
        if confinement.missing:
            _log.warning("workers_partly_confined", layers=confinement.in_force, missing=confinement.missing)
        else:
            _log.info("workers_confined", layers=confinement.in_force)

    async def _query(self) -> tuple[Confinement | None, WorkerFailed | None]:
        try:
            return await query_confinement(self._launcher), None
        except WorkerFailed as error:
            return None, error
