"""Starts one freshly spawned child for each attempt and sees to its end. The only place that starts processes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streamtime.workers.memory import MemoryMonitor
from streamtime.workers.process import Child
from streamtime.workers.protocol import DEFAULT_MEMORY_LIMIT_BYTES, WorkerLimits
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
