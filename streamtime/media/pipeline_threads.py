"""Pipeline threads with bounded queues between them; the failure of one stops all.

FFmpeg releases the GIL while it works, so the threads use all cores. Every wait has a timeout, so that no thread hangs
after another has failed.
"""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_POLL_INTERVAL_S = 0.1
Item = TypeVar("Item")


class Stopped(Exception):
    """The pipeline was aborted."""


class ThreadPipeline:
    """All threads of one order."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def stopped(self) -> bool:
        """Whether the pipeline was aborted."""
        return self._stop.is_set()

    def run(self, work: Callable[[], None], name: str) -> None:
        """Start a thread."""
        thread = threading.Thread(target=self._run_guarded, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def abort(self, failure: BaseException) -> None:
        """Stop all threads; the first failure is kept."""
        with self._lock:
            if self._failure is None and not isinstance(failure, Stopped):
                self._failure = failure
        self._stop.set()

    def join(self) -> None:
        """Wait for all threads.

        Raises:
            BaseException: the first failure of a thread.
        """
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._failure is not None:
            raise self._failure

    def _run_guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001  (a thread's failure is raised again by `join`)
            self.abort(failure)


class PipelineStage(Generic[Item]):
    """A thread with its queue: calls `take` for each item, and `finish` once after the last."""

    def __init__(
        self,
        pipeline: ThreadPipeline,
        name: str,
        take: Callable[[Item], None],
        finish: Callable[[], None],
        *,
        depth: int,
    ) -> None:
        self._pipeline = pipeline
        self._take = take
        self._finish = finish
        # A pair of C queues, one of them with free slots: the bounded `queue.Queue` is written in Python and costs as
        # much per frame as a small scaler.
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._free_slots: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(depth):
            self._free_slots.put(None)
        pipeline.run(self._work, name)

    def put(self, item: Item | None) -> None:
        """Pass on an item, waiting for a free slot; None is the end.

        Raises:
            Stopped: if the pipeline was aborted.
        """
        while not self._pipeline.stopped:
            try:
                self._free_slots.get(timeout=_POLL_INTERVAL_S)
            except queue.Empty:
                continue
            self._queue.put(item)
            return
        raise Stopped

    def close(self) -> None:
        """Signal the end of the items."""
        self.put(None)

    def _work(self) -> None:
        while (item := self._next()) is not None:
            self._take(item)
        self._finish()

    def _next(self) -> Item | None:
        while not self._pipeline.stopped:
            try:
                item = self._queue.get(timeout=_POLL_INTERVAL_S)
            except queue.Empty:
                continue
            self._free_slots.put(None)
            return item
        raise Stopped
