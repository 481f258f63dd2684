"""Where nothing can be copied: the quickest useful rung alone, with the sound, so that people wait for seconds.

It has a lane of its own: it waits behind no ladder, and no ladder is begun before it.
"""

from collections.abc import Sequence
from functools import partial

from streamtime.database.transaction import Transaction
from streamtime.hls.grid import Grid
from streamtime.hls.ladder import PlannedRung, quickest_useful
from streamtime.jobs.job import Failure, Job
from streamtime.library.renditions import Kind
from streamtime.library.video import Video, id_of
from streamtime.pipeline.completion import complete
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.passes import forecast
from streamtime.pipeline.plan import (
    ENCODE_TARGET_S,
    Planned,
    facts_of,
    left,
    other_audios,
    plan_first,
    rungs_for,
    sound_name,
)
from streamtime.pipeline.records import Records
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.shares import LOOKED_AT, WATCHABLE, Share
from streamtime.source_facts import SourceFacts
from streamtime.workers.failure import WorkerFailed

CHECKPOINT_EVERY_S = 1.0
"""Somebody may be watching: what is made is to be shown soon."""


class FirstRung:
    """Handles jobs of the kind `first`."""

    def __init__(
        self,
        records: Records,
        encoding: Encoding,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._encoding = encoding
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the first rung and the sound, as far as they are not there, then queue the other rungs."""
        async with attempt(job, self._records):
            video = await self._records.videos.by_id(id_of(job.subject))
            facts = facts_of(video)
            rungs = rungs_for(facts, self._settings.rungs, copied=False)
            first = quickest_useful(rungs)
            share = Share(f"Preparing {first.name}", LOOKED_AT, WATCHABLE)
            await self._records.database.write(lambda tx: self._records.lifecycle.begun(tx, video, stage=share.stage))
            await self._make(video, facts, first, share)
            others = [rung for rung in rungs if rung is not first]
            sounds = [sound_name(track) for track in other_audios(facts)]
            cost = forecast(facts, others, sounds, self._settings.memory_budget_bytes)
            if cost.names:
                await self._records.database.write(
                    lambda tx: self._records.lifecycle.encode(tx, video, cost, after=job)
                )
            else:
                await complete(self._records, self._settings, job, video, facts)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why nothing comes of it."""
        await give_up(tx, self._records, job, failure)

    async def _make(self, video: Video, facts: SourceFacts, first: PlannedRung, share: Share) -> None:
        may_copy = True
        while True:
            made = [r for r in await self._records.renditions.of(video.id) if r.whole and not r.outdated]
            whole = {(r.kind, r.name) for r in made}
            copies = may_copy
            # One for all (RFC 8216 section 6.2.4): sound may be left of a copy that was given up.
            longest_s = max((r.target_duration_s for r in made), default=ENCODE_TARGET_S)

            def plan(
                whole: set[tuple[Kind, str]] = whole, copies: bool = copies, longest_s: int = longest_s
            ) -> Sequence[Planned]:
                return left(plan_first(facts, first, video.new_key, may_copy=copies, longest_s=longest_s), whole)

            try:
                await self._encoding.run(
                    video, facts, plan, Grid.regular(), share, checkpoint_every_s=CHECKPOINT_EVERY_S
                )
            except WorkerFailed as error:
                if error.code != "audio_copy_unfit" or not may_copy:
                    raise
                may_copy = False
                await self._records.database.write(
                    partial(self._records.lifecycle.note, video=video, event="copy_abandoned", message=error.message)
                )
            else:
                return
