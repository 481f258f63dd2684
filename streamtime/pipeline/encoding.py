"""Has renditions encoded, from where an earlier attempt broke off where that is exact, else from the beginning.

It knows what attempts leave and what goes wrong on the way; which renditions are made is decided by the jobs.
"""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.hls.grid import Grid
from streamtime.library.renditions import Rendition, RenditionKind
from streamtime.library.video import Video
from streamtime.pipeline.making import OrderRunner
from streamtime.pipeline.passes import rung_bytes
from streamtime.pipeline.plan import PlannedRendition, encode_order, format_time, resume_planned
from streamtime.pipeline.records import VideoRecords
from streamtime.pipeline.shares import ProgressRange
from streamtime.pipeline.source import Sources
from streamtime.source_facts import ProbeResult
from streamtime.storage.spool import Spool
from streamtime.worker_protocol import EncodeVideo, OrderDone
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher

RESUME_IMPOSSIBLE = "resume_unfit"
"""What a worker says when what was begun cannot be gone on with exactly."""

Planner = Callable[[], Sequence[PlannedRendition]]
"""Plans all that is missing anew: each rendition with a new key."""


class EncodeRunner:
    """Encodes what jobs plan."""

    def __init__(
        self,
        records: VideoRecords,
        sources: Sources,
        launcher: WorkerLauncher,
        order_runner: OrderRunner,
        spool: Spool,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._order_runner = order_runner
        self._spool = spool

    async def run(
        self,
        video: Video,
        facts: ProbeResult,
        plan: Planner,
        grid: Grid,
        progress_range: ProgressRange,
        *,
        checkpoint_every_s: float,
    ) -> None:
        """Make what `plan` says, and nothing of it twice.

        Raises:
            WorkerFailed: a worker could not do it; what has a checkpoint stays for the next attempt.
            NoSpace: the disk has no room for it; nothing was begun.
        """
        while True:
            left = await self._resumable(video)
            planned = [resume_planned(one, left) for one in plan()]
            kept = [one.resumed.id for one in planned if one.resumed is not None]
            await self._records.database.write(
                partial(self._records.lifecycle.drop_growing, video_id=video.id, keep=kept)
            )
            if not planned:
                return
            await self._order_runner.require_space(_estimated_bytes(facts, planned))
            try:
                done = await self._attempt(video, facts, planned, grid, progress_range, checkpoint_every_s)
            except WorkerFailed as error:
                if error.code != RESUME_IMPOSSIBLE or not kept:
                    raise
                await self._records.database.write(partial(self._restart, video=video, words=error.message))
            else:
                if any(isinstance(one.order, EncodeVideo) for one in planned):
                    await record_source_end(self._records, video, done)
                return

    async def _resumable(self, video: Video) -> list[Rendition]:
        """What earlier attempts left, as far as its bytes are there."""
        left = []
        for rendition in await self._records.renditions.list_for_video(video.id):
            if rendition.checkpoint is not None:
                file = await self._spool.head(rendition.key)
                if file is not None and file.length_bytes >= rendition.checkpoint.bytes_total:
                    left.append(rendition)
        return left

    async def _attempt(
        self,
        video: Video,
        facts: ProbeResult,
        planned: Sequence[PlannedRendition],
        grid: Grid,
        progress_range: ProgressRange,
        every_s: float,
    ) -> OrderDone:
        # Once a job has read it to its end, what the file says of its length counts no more.
        facts = msgspec.structs.replace(facts, duration_ms=video.duration_ms or facts.duration_ms)
        made = await self._records.renditions.list_for_video(video.id)
        measured = any(rendition.is_complete and rendition.kind is RenditionKind.VIDEO for rendition in made)
        order = encode_order(facts, planned, grid, measured=measured)
        source = await self._sources.open(video)
        async with self._launcher.launch(source.descriptor) as worker:
            return await self._order_runner.run(
                video, worker, order, planned, progress_range, checkpoint_every_s=every_s
            )

    async def _restart(self, tx: Transaction, video: Video, words: str) -> None:
        await self._records.lifecycle.drop_growing(tx, video.id)
        await self._records.lifecycle.add_timeline_entry(tx, video, "begun_anew", words)


def _estimated_bytes(facts: ProbeResult, planned: Sequence[PlannedRendition]) -> int:
    """What will be written, as far as one can tell; of what is gone on with, most may be there already."""
    orders = [one.order for one in planned if one.resumed is None]
    return sum(rung_bytes(facts, order.rung) for order in orders if isinstance(order, EncodeVideo))


async def record_source_end(records: VideoRecords, video: Video, done: OrderDone) -> None:
    """Write down what only a whole reading tells: how long it really is, and where it breaks off."""

    async def body(tx: Transaction) -> None:
        if done.duration_ms:
            await records.lifecycle.set_duration(tx, video, duration_ms=done.duration_ms)
        if done.damaged_after_ms is not None:
            words = f"The file is damaged after {format_time(done.damaged_after_ms)}; what comes before plays."
            await records.lifecycle.mark_truncated(tx, video, after_ms=done.damaged_after_ms, words=words)

    await records.database.write(body)
