"""The sound tracks beside the one that is heard first: made when the video can be watched already.

They are an order of their own, read from the source once more: so neither does the first minute wait for eight
languages, nor do the languages wait for hours of encoding. A track that cannot be made costs the video nothing else.
"""

from streamtime.database.transaction import Transaction
from streamtime.jobs.job import Job
from streamtime.library.video import Video
from streamtime.pipeline.making import Maker
from streamtime.pipeline.plan import Planned, plan_other_audios, sounds_order
from streamtime.pipeline.records import Records
from streamtime.pipeline.shares import Share
from streamtime.pipeline.source import Sources
from streamtime.source_facts import SourceFacts
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher

UNFIT = "audio_copy_unfit"
"""What a worker says when sound that looked copyable turns out not to be."""

DISK_CODES = frozenset({"no_space", "disk_error"})
"""No fault of the tracks."""


def left_out_words(why: str) -> str:
    """What people are told where tracks are missing."""
    return f"Not all sound tracks could be prepared: {why}"


class OtherSounds:
    """Makes what is missing of a video's further sound tracks."""

    def __init__(
        self,
        records: Records,
        sources: Sources,
        launcher: WorkerLauncher,
        maker: Maker,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._maker = maker

    async def make(self, job: Job, video: Video, facts: SourceFacts, share: Share, *, longest_s: int) -> None:
        """Copy or encode them, all in one reading; `longest_s` is what the video's other renditions allow a segment.

        Raises:
            WorkerFailed: they could not be made this time; another attempt may go better.
        """
        names = {r.name for r in await self._records.renditions.of(video.id) if r.whole and not r.outdated}
        for may_copy in (True, False):
            planned = plan_other_audios(facts, names, video.new_key, may_copy=may_copy, longest_s=longest_s)
            if not planned:
                return
            try:
                await self._package(video, facts, planned, share)
            except WorkerFailed as error:
                if error.code == UNFIT and may_copy:
                    continue
                if error.code in DISK_CODES or (error.retryable and job.attempt < job.max_attempts):
                    raise
                await self._leave_out(video, error.message)
            return

    async def _package(self, video: Video, facts: SourceFacts, planned: list[Planned], share: Share) -> None:
        source = await self._sources.open(video)
        first = Share("Preparing sound", share.start, share.start)
        async with self._launcher.launch(source.descriptor) as worker:
            await self._maker.make(video, worker, sounds_order(facts, planned), planned, first)

    async def _leave_out(self, video: Video, why: str) -> None:
        async def body(tx: Transaction) -> None:
            await self._records.timeline.add(tx, video.id, "sound_left_out", left_out_words(why))

        await self._records.database.write(body)
