"""Has renditions encoded, from where an earlier attempt broke off where that is exact, else from the beginning.

It knows what attempts leave and what goes wrong on the way; which renditions are made is decided by the jobs.
"""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.hls.grid import Grid
from streamtime.library.renditions import Kind, Rendition
from streamtime.library.video import Video
from streamtime.pipeline.making import Maker
from streamtime.pipeline.passes import rung_bytes
from streamtime.pipeline.plan import Planned, clock_time, encode_order, gone_on
from streamtime.pipeline.records import Records
from streamtime.pipeline.shares import Share
from streamtime.pipeline.source import Sources
from streamtime.source_facts import SourceFacts
from streamtime.storage.spool import Spool
from streamtime.worker_protocol import Done, EncodeVideo
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher

RESUME_UNFIT = "resume_unfit"
"""What a worker says when what was begun cannot be gone on with exactly."""

Plan = Callable[[], Sequence[Planned]]
"""Plans all that is missing anew: each rendition with a new key."""


class Encoding:
    """Encodes what jobs plan."""

    def __init__(
        self,
        records: Records,
        sources: Sources,
        launcher: WorkerLauncher,
        maker: Maker,
        spool: Spool,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._maker = maker
        self._spool = spool

    async def run(
        self, video: Video, facts: SourceFacts, plan: Plan, grid: Grid, share: Share, *, checkpoint_every_s: float
    ) -> None:
        """Make what `plan` says, and nothing of it twice.

        Raises:
            WorkerFailed: a worker could not do it; what has a checkpoint stays for the next attempt.
            NoSpace: the disk has no room for it; nothing was begun.
        """
        while True:
            left = await self._left(video)
            planned = [gone_on(one, left) for one in plan()]
            kept = [one.kept.id for one in planned if one.kept is not None]
            await self._records.database.write(
                partial(self._records.lifecycle.drop_growing, video_id=video.id, keep=kept)
            )
            if not planned:
                return
            await self._maker.require_room(_new_bytes(facts, planned))
            try:
                done = await self._attempt(video, facts, planned, grid, share, checkpoint_every_s)
            except WorkerFailed as error:
                if error.code != RESUME_UNFIT or not kept:
                    raise
                await self._records.database.write(partial(self._begin_anew, video=video, words=error.message))
            else:
                if any(isinstance(one.order, EncodeVideo) for one in planned):
                    await note_end(self._records, video, done)
                return

    async def _left(self, video: Video) -> list[Rendition]:
        """What earlier attempts left, as far as its bytes are there."""
        left = []
        for rendition in await self._records.renditions.of(video.id):
            if rendition.checkpoint is not None:
                file = await self._spool.head(rendition.key)
                if file is not None and file.length_bytes >= rendition.checkpoint.bytes_total:
                    left.append(rendition)
        return left

    async def _attempt(
        self, video: Video, facts: SourceFacts, planned: Sequence[Planned], grid: Grid, share: Share, every_s: float
    ) -> Done:
        # Once a job has read it to its end, what the file says of its length counts no more.
        facts = msgspec.structs.replace(facts, duration_ms=video.duration_ms or facts.duration_ms)
        made = await self._records.renditions.of(video.id)
        measured = any(rendition.whole and rendition.kind is Kind.VIDEO for rendition in made)
        order = encode_order(facts, planned, grid, measured=measured)
        source = await self._sources.open(video)
        async with self._launcher.launch(source.descriptor) as worker:
            return await self._maker.make(video, worker, order, planned, share, checkpoint_every_s=every_s)

    async def _begin_anew(self, tx: Transaction, video: Video, words: str) -> None:
        await self._records.lifecycle.drop_growing(tx, video.id)
        await self._records.lifecycle.note(tx, video, "begun_anew", words)


def _new_bytes(facts: SourceFacts, planned: Sequence[Planned]) -> int:
    """What will be written, as far as one can tell; of what is gone on with, most may be there already."""
    orders = [one.order for one in planned if one.kept is None]
    return sum(rung_bytes(facts, order.rung) for order in orders if isinstance(order, EncodeVideo))


async def note_end(records: Records, video: Video, done: Done) -> None:
    """Write down what only a whole reading tells: how long it really is, and where it breaks off."""

    async def body(tx: Transaction) -> None:
        if done.duration_ms:
            await records.lifecycle.measured(tx, video, duration_ms=done.duration_ms)
        if done.damaged_after_ms is not None:
            words = f"The file is damaged after {clock_time(done.damaged_after_ms)}; what comes before plays."
            await records.lifecycle.damaged(tx, video, after_ms=done.damaged_after_ms, words=words)

    await records.database.write(body)
