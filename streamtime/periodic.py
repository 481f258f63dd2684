"""Periodic tasks: one supervised loop for everything that runs again and again in the background.

A loop started here never ends by an error. A failure is logged, counted in `streamtime_loop_failures_total`, and the
function is called again after a pause that grows from failure to failure (exponential backoff with jitter).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakSet

from prometheus_client import Counter

from streamtime.errors import StreamtimeError
from streamtime.logging import get_logger

FIRST_BACKOFF_S = 1.0
"""The pause after a first failure; loops with a shorter interval begin with their interval."""

MAX_BACKOFF_S = 15.0
"""The longest pause between two failures; loops with a longer interval go up to their interval."""

LOGGED_EVERY_S = 600.0
"""A failure of the same kind is logged again after this time at the earliest."""

FAILURES = Counter(
    "streamtime_loop_failures", "Failed runs of periodic tasks in the background, by loop.", ("loop",), registry=None
)

_log = get_logger("periodic")


_failure_logs: WeakSet["FailureLog"] = WeakSet()


def failing_loops() -> list[str]:
    """Return the names of the loops whose last run failed."""
    return sorted({log.name for log in _failure_logs if log.failing})


class FailureLog:
    """Counts and logs the failures of a loop, or of several loops that do the same work."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._count = FAILURES.labels(name)  # exports the metric with 0 failures
        self._logged: dict[tuple[object, ...], float] = {}
        self.failing = False
        _failure_logs.add(self)

    def failed(self, error: BaseException) -> None:
        """Count a failure, and log it unless one of its kind was logged a short time ago."""
        self._count.inc()
        kind = (type(error), getattr(error, "code", None), getattr(error, "errno", None))
        now = asyncio.get_running_loop().time()
        if now - self._logged.get(kind, -LOGGED_EVERY_S) < LOGGED_EVERY_S:
            return
        self._logged[kind] = now
        self.failing = True
        if is_outage(error):
            _log.warning("loop_failed", loop=self.name, error=getattr(error, "message", None) or repr(error))
        else:  # a bug: log the stack trace
            _log.error("loop_failed", loop=self.name, error=repr(error), exc_info=error)

    def succeeded(self) -> None:
        """Log that the loop works again, if a failure was logged before."""
        if self.failing:
            self.failing = False
            _log.info("loop_recovered", loop=self.name)


async def every(
    interval_s: float,
    function: Callable[[], Awaitable[Any]],
    loop: str | FailureLog,
    *,
    delay_s: float = 0.0,
    max_backoff_s: float | None = None,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Call `function`, wait `interval_s` seconds, and so on, until the task is cancelled or `until` says so.

    `loop` names it in the log and the metric. The first call comes after `delay_s`. After a failure the pause is
    `FIRST_BACKOFF_S`, or the interval if that is shorter, then twice as long each time, up to `max_backoff_s`; a random
    quarter is taken off, so that several loops do not return at once.
    """
    failures = FailureLog(loop) if isinstance(loop, str) else loop
    most_s = max(interval_s, MAX_BACKOFF_S) if max_backoff_s is None else max_backoff_s
    backoff_s = first_s = min(FIRST_BACKOFF_S, interval_s or FIRST_BACKOFF_S, most_s)
    await asyncio.sleep(delay_s)
    while not until():
        try:
            await function()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            failures.failed(error)  # an awaited task was cancelled, not the loop
        except Exception as error:  # noqa: BLE001  # no error may end a loop
            failures.failed(error)
        else:
            failures.succeeded()
            backoff_s = first_s
            if not until():
                await asyncio.sleep(interval_s)
            continue
        await asyncio.sleep(backoff_s * random.uniform(0.75, 1))  # noqa: S311  # no secret
        backoff_s = min(backoff_s * 2, most_s)


def is_outage(error: BaseException) -> bool:
    """Return whether an error is an outage (disk, memory, descriptors, threads) or a known error, not a bug."""
    no_thread = isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    return no_thread or isinstance(error, StreamtimeError | OSError | MemoryError)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
