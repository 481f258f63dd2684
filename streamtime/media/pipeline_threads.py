"""Threads that work one behind the other, with bounded queues between them; one's failure stops them all.

It knows queues, nothing of media. FFmpeg lets go of the interpreter while it works, so threads use all cores.
Every wait looks up now and then, so that nothing is left hanging when somebody else has failed.
"""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_POLL_INTERVAL_S = 0.1
Item = TypeVar("Item")


class Stopped(Exception):
    """The work has been called off."""


class ThreadPipeline:
    """All workers on one order."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def stopped(self) -> bool:
        """Whether the work has been called off."""
        return self._stop.is_set()

    def run(self, work: Callable[[], None], name: str) -> None:
        """Start a member."""
        member = threading.Thread(target=self._run_guarded, args=(work,), name=name, daemon=True)
        self._threads.append(member)
        member.start()

    def abort(self, failure: BaseException) -> None:
        """Stop everybody; the first reason counts."""
        with self._lock:
            if self._failure is None and not isinstance(failure, Stopped):
                self._failure = failure
        self._stop.set()

    def join(self) -> None:
        """Wait until all have ended.

        Raises:
            BaseException: what the first of them failed with.
        """
        for member in self._threads:
            member.join()
        self._threads.clear()
        if self._failure is not None:
            raise self._failure

    def _run_guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001  (a thread's failure is raised again by `join`)
            self.abort(failure)


class PipelineStage(Generic[Item]):
    """One member with its queue: `take` is called for each item, `finish` once after the last."""

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
        # Two queues written in C, one of them of empty places: the ordinary bounded queue is written in Python and
        # costs as much a frame as a small scaler does.
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._free_slots: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(depth):
            self._free_slots.put(None)
        pipeline.run(self._work, name)

    def put(self, item: Item | None) -> None:
        """Hand over an item, waiting for room; None is the end.

        Raises:
            Stopped: if the work has been called off.
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
        """Say that there is no more."""
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
