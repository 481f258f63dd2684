"""What stands around one order while a worker carries it out: pauses, speed and time left, and a line in the timeline.

It decides nothing about what is made.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from streamtime.clock import Clock
from streamtime.database.transaction import Transaction
from streamtime.library.progress import ProgressBoard
from streamtime.library.timeline import Timeline
from streamtime.library.video import Video
from streamtime.library.videos import require_alive
from streamtime.logging import get_logger
from streamtime.periodic import every
from streamtime.pipeline.pace import Pace
from streamtime.pipeline.restraint import Restraint
from streamtime.pipeline.shares import Share
from streamtime.worker_protocol import Package, Progress
from streamtime.workers.roster import Roster
from streamtime.workers.worker import Worker

LOOK_EVERY_S = 1.0

_log = get_logger("pipeline")


@dataclass(slots=True)
class Stage:
    """One order under way."""

    video: Video
    share: Share
    duration_s: float | None
    pace: Pace = field(default_factory=Pace)
    held_s: float = 0.0
    held_since: float | None = None
    """Since when the worker stands still (`Clock.monotonic`); None while it works."""


class Supervision:
    """Stands around all orders."""

    def __init__(
        self, timeline: Timeline, progress: ProgressBoard, roster: Roster, restraint: Restraint, clock: Clock
    ) -> None:
        self._timeline = timeline
        self._progress = progress
        self._roster = roster
        self._restraint = restraint
        self._clock = clock

    @asynccontextmanager
    async def over(self, video: Video, worker: Worker, order: Package, share: Share) -> AsyncIterator[Stage]:
        """For as long as the context lasts, the worker is at this order."""
        duration_s = order.duration_ms / 1000 if order.duration_ms else None
        stage = Stage(video, share, duration_s)
        self._progress.wait(video, "")
        look = partial(self._hold_back, worker, stage)
        watching = asyncio.create_task(every(LOOK_EVERY_S, look, "encode-pauses")) if order.encodes else None
        try:
            with self._roster.at_work(video.subject, worker.pid):
                yield stage
        finally:
            if watching is not None:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
            self._progress.wait(video, "")

    async def require_room(self, wanted_bytes: int) -> None:
        """Let an encode begin that will make so many bytes.

        Raises:
            NoSpace: the disk has no room for it; it is tried again by itself.
        """
        await self._restraint.require_room(wanted_bytes)

    def note(self, stage: Stage, message: Progress) -> None:
        """The worker has come further."""
        share = stage.share
        stage.pace.note(message.fraction, self._clock.monotonic())
        rate = stage.pace.rate
        self._progress.note(
            stage.video,
            share.start + (share.end - share.start) * message.fraction,
            share.stage,
            speed=rate * stage.duration_s if rate and stage.duration_s else None,
            left_s=stage.pace.left_s,
        )

    async def done(self, tx: Transaction, stage: Stage) -> None:
        """The order is fulfilled: write down how long it stood still, if it did."""
        if stage.held_s >= LOOK_EVERY_S:
            await require_alive(tx, stage.video.id)
            words = "The work stood still for a time, so that others could go first or the disk had room."
            await self._timeline.add(tx, stage.video.id, "paused", words, seconds=round(stage.held_s, 1))

    async def _hold_back(self, worker: Worker, stage: Stage) -> None:
        try:
            why = await self._why_not(stage.share)
        except Exception:
            self._release(worker, stage)  # a worker must not stand still because nobody can tell why
            raise
        if why is None:
            self._release(worker, stage)
        elif stage.held_since is None:
            worker.hold()
            stage.held_since = self._clock.monotonic()
            _log.info("worker_held", subject=stage.video.subject, why=why)
        self._progress.wait(stage.video, why or "")

    def _release(self, worker: Worker, stage: Stage) -> None:
        if stage.held_since is None:
            return
        worker.release()
        stage.held_s += self._clock.monotonic() - stage.held_since
        stage.held_since = None
        stage.pace.forget()
        self._progress.wait(stage.video, "")
        _log.info("worker_released", subject=stage.video.subject)

    async def _why_not(self, share: Share) -> str | None:
        return await (self._restraint.why_not() if share.stands_back else self._restraint.no_room())
