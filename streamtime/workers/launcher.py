"""Starts one freshly spawned child for each attempt and sees to its end. The only place that starts processes.

What children say of their own confinement on this machine. It is asked once, and again where that went wrong.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streamtime.clock import Clock
from streamtime.logging import get_logger
from streamtime.workers.failure import WorkerFailed, unavailable
from streamtime.workers.process import Child, MemoryMonitor
from streamtime.workers.protocol import DEFAULT_MEMORY_LIMIT_BYTES, Confinement, WorkerLimits
from streamtime.workers.worker import Worker

COMMAND = (sys.executable, "-I", "-m", "streamtime.media.worker")
"""Isolated: neither the environment nor the current directory has a say in what is imported."""

DAY_S = 24 * 3600.0


class WorkerLauncher:
    """Starts children.

    `stall_timeout_s` without a word, `wall_timeout_s` in all, or more than `memory_bytes` of resident memory end an
    attempt. `allow_unconfined` lets children work where the kernel has no seccomp.
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
        self._bounds = WorkerLimits(nice, memory_bytes, allow_unconfined)
        self._command = tuple(command)

    @asynccontextmanager
    async def launch(self, source_fd: int) -> AsyncIterator[Worker]:
        """Start a child that may read `source_fd`, which stays the caller's.

        The child is gone when the block is left, however it is left.

        Raises:
            WorkerFailed: with `worker_unavailable` if it could not be started.
        """
        child = Child(self._command, source_fd, self._bounds)
        memory = MemoryMonitor(child, self._bounds.memory_bytes)
        watching = asyncio.create_task(memory.run())
        try:
            deadline = asyncio.get_running_loop().time() + self._wall_timeout_s
            yield Worker(child, memory, stall_timeout_s=self._stall_timeout_s, deadline=deadline)
        finally:
            watching.cancel()
            await child.terminate()


_RETRY_AFTER_S = 60.0
"""After a failure: whoever asks cannot have a process started each time."""

_log = get_logger("workers")


async def query_confinement(launcher: WorkerLauncher) -> Confinement:
    """Start a child on nothing and have it tell.

    Raises:
        WorkerFailed: if it cannot be started, or is not confined enough to work.
    """
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        raise unavailable(str(error)) from error
    try:
        async with launcher.launch(nothing) as worker:
            return await worker.confinement()
    finally:
        os.close(nothing)


def format_layers(confinement: Confinement) -> str:
    """Write it in one line, for people: `process, limits, seccomp, without landlock (Function not implemented)`."""
    return ", ".join([*confinement.in_force, *(f"without {layer}" for layer in confinement.missing)])


class ConfinementCheck:
    """Remembers the answer."""

    def __init__(self, launcher: WorkerLauncher, clock: Clock) -> None:
        self._launcher = launcher
        self._clock = clock
        self._lock = asyncio.Lock()
        self._confinement: Confinement | None = None
        self._failure: WorkerFailed | None = None
        self._asked_at = 0.0

    async def confinement(self) -> Confinement:
        """The layers in force.

        Raises:
            WorkerFailed: no work is done here; the message says why.
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
        """Say it in the log: what is missing as a warning, that there will be no work as an error."""
        try:
            confinement = await self.confinement()
        except WorkerFailed as error:
            _log.error("workers_refuse", code=error.code, reason=error.message, last_words=error.stderr_tail)
            return
        if confinement.missing:
            _log.warning("workers_confined_in_part", layers=confinement.in_force, missing=confinement.missing)
        else:
            _log.info("workers_confined", layers=confinement.in_force)

    async def _query(self) -> tuple[Confinement | None, WorkerFailed | None]:
        try:
            return await query_confinement(self._launcher), None
        except WorkerFailed as error:
            return None, error
