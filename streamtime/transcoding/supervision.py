"""Supervise an order while a worker executes it: pause and resume it, and report progress, speed and remaining time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from streamtime.clock import Clock
from streamtime.database.transaction import Transaction
from streamtime.logging import get_logger
from streamtime.periodic import every
from streamtime.transcoding.admission import EncodeAdmission
from streamtime.videos.events import Timeline
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.video import Video, require_not_deleted
from streamtime.workers.protocol import OrderProgress, Package
from streamtime.workers.worker import Worker, WorkerRegistry

PROBED_FRACTION = 0.05
"""Progress when the probe found that nothing can be copied."""

COPIED_FRACTION = 0.1
"""Progress when everything that can be copied is copied."""

FIRST_RUNG_FRACTION = 0.3
"""Progress when the first rung is encoded."""


@dataclass(frozen=True, slots=True)
class ProgressRange:
    """The part of a video's total progress that an order covers, from `start` to `end`. The fractions are estimates.

    An empty `stage` stands for the names of the order's renditions. With `can_pause` it pauses for quiet hours and
    viewers. Orders that make a video playable pause only if the disk is full.
    """

    stage: str
    start: float
    end: float
    can_pause: bool = False

    def subrange(self, number: int, count: int, stage: str) -> "ProgressRange":
        """Return the part of order `number` of `count` consecutive orders."""
        step = (self.end - self.start) / count
        end = self.end if number + 1 == count else self.start + step * (number + 1)
        return ProgressRange(stage, self.start + step * number, end, self.can_pause)


WINDOW_S = 30.0
MIN_WINDOW_S = 1.5
"""No rate is given before this: the first seconds fill the encoder's buffers."""


class RateEstimator:
    """Estimates the rate of an order from the samples of the last `WINDOW_S` seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def add_sample(self, fraction: float, at_s: float) -> None:
        """Add the fraction done at a time."""
        self._samples.append((at_s, fraction))
        while len(self._samples) > 2 and at_s - self._samples[0][0] > WINDOW_S:  # noqa: PLR2004  (a rate needs two)
            self._samples.popleft()

    def reset(self) -> None:
        """Forget all samples, after a pause."""
        self._samples.clear()

    @property
    def rate(self) -> float | None:
        """The fraction done per second; None if it is unknown."""
        if not self._samples:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        if last_s - first_s < MIN_WINDOW_S or last <= first:
            return None
        return (last - first) / (last_s - first_s)

    @property
    def remaining_s(self) -> float | None:
        """The remaining time in seconds at this rate; None if it is unknown."""
        rate = self.rate
        return (1.0 - self._samples[-1][1]) / rate if rate else None


POLL_INTERVAL_S = 1.0

_log = get_logger("transcoding")


@dataclass(slots=True)
class ActiveOrder:
    """A running order."""

    video: Video
    progress_range: ProgressRange
    duration_s: float | None
    rate: RateEstimator = field(default_factory=RateEstimator)
    paused_s: float = 0.0
    paused_since: float | None = None
    """When the worker was paused (`Clock.monotonic`); None while it runs."""


class OrderMonitor:
    """Supervises all running orders."""

    def __init__(
        self,
        timeline: Timeline,
        progress: ProgressTracker,
        worker_registry: WorkerRegistry,
        admission: EncodeAdmission,
        clock: Clock,
    ) -> None:
        self._timeline = timeline
        self._progress = progress
        self._worker_registry = worker_registry
        self._admission = admission
        self._clock = clock

    @asynccontextmanager
    async def monitor(
        self, video: Video, worker: Worker, order: Package, progress_range: ProgressRange
    ) -> AsyncIterator[ActiveOrder]:
        """Supervise the worker for the duration of the context."""
        duration_s = order.duration_ms / 1000 if order.duration_ms else None
        stage = ActiveOrder(video, progress_range, duration_s)
        self._progress.set_waiting_reason(video, "")
        check = partial(self._pause_while_blocked, worker, stage)
        task = asyncio.create_task(every(POLL_INTERVAL_S, check, "encode-pauses")) if order.encodes else None
        try:
            with self._worker_registry.register(video.subject, worker.pid):
                yield stage
        finally:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            self._progress.set_waiting_reason(video, "")

    async def require_space(self, wanted_bytes: int) -> None:
        """Check that an encode may write about `wanted_bytes`.

        Raises:
            NoSpace: the disk has no room; the job is retried automatically.
        """
        await self._admission.require_space(wanted_bytes)

    def report_progress(self, active_order: ActiveOrder, message: OrderProgress) -> None:
        """Publish the worker's progress."""
        progress_range = active_order.progress_range
        active_order.rate.add_sample(message.fraction, self._clock.monotonic())
        rate = active_order.rate.rate
        self._progress.report(
            active_order.video,
            progress_range.start + (progress_range.end - progress_range.start) * message.fraction,
            progress_range.stage,
            speed=rate * active_order.duration_s if rate and active_order.duration_s else None,
            remaining_s=active_order.rate.remaining_s,
        )

    async def record_pause(self, tx: Transaction, active_order: ActiveOrder) -> None:
        """Add the time that a finished order was paused to the timeline."""
        if active_order.paused_s >= POLL_INTERVAL_S:
            await require_not_deleted(tx, active_order.video.id)
            message = "The work was paused for a time, because other work had priority or the disk was full."
            await self._timeline.add(
                tx, active_order.video.id, "paused", message, seconds=round(active_order.paused_s, 1)
            )

    async def _pause_while_blocked(self, worker: Worker, active_order: ActiveOrder) -> None:
        try:
            reason = await self._blocked_reason(active_order.progress_range)
        except Exception:
            self._resume(worker, active_order)  # a failed check must not keep the worker paused
            raise
        if reason is None:
            self._resume(worker, active_order)
        elif active_order.paused_since is None:
            worker.pause()
            active_order.paused_since = self._clock.monotonic()
            _log.info("worker_paused", subject=active_order.video.subject, reason=reason)
        self._progress.set_waiting_reason(active_order.video, reason or "")

    def _resume(self, worker: Worker, active_order: ActiveOrder) -> None:
        if active_order.paused_since is None:
            return
        worker.resume()
        active_order.paused_s += self._clock.monotonic() - active_order.paused_since
        active_order.paused_since = None
        active_order.rate.reset()
        self._progress.set_waiting_reason(active_order.video, "")
        _log.info("worker_resumed", subject=active_order.video.subject)

    async def _blocked_reason(self, progress_range: ProgressRange) -> str | None:
        return await (
            self._admission.blocked_reason() if progress_range.can_pause else self._admission.disk_full_reason()
        )
