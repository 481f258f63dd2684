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
from streamtime.videos.video import Video
from streamtime.videos.videos import require_not_deleted
from streamtime.workers.protocol import OrderProgress, Package
from streamtime.workers.worker import Worker, WorkerRegistry

PROBED_FRACTION = 0.05
"""So far a video is when it is known that nothing can be copied."""

COPIED_FRACTION = 0.1
"""So far it is when everything is copied that can be."""

FIRST_RUNG_FRACTION = 0.3
"""So far it is with its first encoded rung."""


@dataclass(frozen=True, slots=True)
class ProgressRange:
    """Which part of the whole work an order is, what it is called, and whether it stands back for others.

    What makes a video playable never stands back; it waits only where the disk is full.
    """

    stage: str
    start: float
    end: float
    can_pause: bool = False

    def subrange(self, number: int, count: int, stage: str, *, can_pause: bool) -> "ProgressRange":
        """The share of one of several orders that are made one after another."""
        step = (self.end - self.start) / count
        return ProgressRange(stage, self.start + step * number, self.start + step * (number + 1), can_pause)


WINDOW_S = 30.0
MIN_WINDOW_S = 1.5
"""Before so much has been seen, nothing is said: the first seconds go into filling an encoder."""


class RateEstimator:
    """Shares of a piece of work that are done, and when."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def add_sample(self, fraction: float, at_s: float) -> None:
        """At that time, so much of it is done."""
        self._samples.append((at_s, fraction))
        while len(self._samples) > 2 and at_s - self._samples[0][0] > WINDOW_S:  # noqa: PLR2004  (a rate needs two)
            self._samples.popleft()

    def reset(self) -> None:
        """It stood still: what was seen before says nothing of how fast it goes."""
        self._samples.clear()

    @property
    def rate(self) -> float | None:
        """What share of the work is done in a second; None where that cannot be told."""
        if not self._samples:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        if last_s - first_s < MIN_WINDOW_S or last <= first:
            return None
        return (last - first) / (last_s - first_s)

    @property
    def remaining_s(self) -> float | None:
        """How long the rest will take at this rate."""
        rate = self.rate
        return (1.0 - self._samples[-1][1]) / rate if rate else None


POLL_INTERVAL_S = 1.0

_log = get_logger("pipeline")


@dataclass(slots=True)
class ActiveOrder:
    """One order under way."""

    video: Video
    progress_range: ProgressRange
    duration_s: float | None
    rate: RateEstimator = field(default_factory=RateEstimator)
    paused_s: float = 0.0
    held_since: float | None = None
    """Since when the worker stands still (`Clock.monotonic`); None while it works."""


class OrderMonitor:
    """Stands around all orders."""

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
        """For as long as the context lasts, the worker is at this order."""
        duration_s = order.duration_ms / 1000 if order.duration_ms else None
        stage = ActiveOrder(video, progress_range, duration_s)
        self._progress.set_waiting_reason(video, "")
        look = partial(self._pause_while_blocked, worker, stage)
        watching = asyncio.create_task(every(POLL_INTERVAL_S, look, "encode-pauses")) if order.encodes else None
        try:
            with self._worker_registry.register(video.subject, worker.pid):
                yield stage
        finally:
            if watching is not None:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
            self._progress.set_waiting_reason(video, "")

    async def require_space(self, wanted_bytes: int) -> None:
        """Let an encode begin that will make so many bytes.

        Raises:
            NoSpace: the disk has no room for it; it is tried again by itself.
        """
        await self._admission.require_space(wanted_bytes)

    def report_progress(self, active_order: ActiveOrder, message: OrderProgress) -> None:
        """The worker has come further."""
        share = active_order.progress_range
        active_order.rate.add_sample(message.fraction, self._clock.monotonic())
        rate = active_order.rate.rate
        self._progress.report(
            active_order.video,
            share.start + (share.end - share.start) * message.fraction,
            share.stage,
            speed=rate * active_order.duration_s if rate and active_order.duration_s else None,
            remaining_s=active_order.rate.remaining_s,
        )

    async def record_pause(self, tx: Transaction, active_order: ActiveOrder) -> None:
        """The order is fulfilled: write down how long it stood still, if it did."""
        if active_order.paused_s >= POLL_INTERVAL_S:
            await require_not_deleted(tx, active_order.video.id)
            words = "The work stood still for a time, so that others could go first or the disk had room."
            await self._timeline.add(
                tx, active_order.video.id, "paused", words, seconds=round(active_order.paused_s, 1)
            )

    async def _pause_while_blocked(self, worker: Worker, active_order: ActiveOrder) -> None:
        try:
            why = await self._blocked_reason(active_order.progress_range)
        except Exception:
            self._resume(worker, active_order)  # a worker must not stand still because nobody can tell why
            raise
        if why is None:
            self._resume(worker, active_order)
        elif active_order.held_since is None:
            worker.pause()
            active_order.held_since = self._clock.monotonic()
            _log.info("worker_paused", subject=active_order.video.subject, why=why)
        self._progress.set_waiting_reason(active_order.video, why or "")

    def _resume(self, worker: Worker, active_order: ActiveOrder) -> None:
        if active_order.held_since is None:
            return
        worker.resume()
        active_order.paused_s += self._clock.monotonic() - active_order.held_since
        active_order.held_since = None
        active_order.rate.reset()
        self._progress.set_waiting_reason(active_order.video, "")
        _log.info("worker_resumed", subject=active_order.video.subject)

    async def _blocked_reason(self, progress_range: ProgressRange) -> str | None:
        return await (
            self._admission.blocked_reason() if progress_range.can_pause else self._admission.disk_full_reason()
        )
