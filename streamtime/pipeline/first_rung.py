"""Where nothing can be copied: the quickest useful rung alone, with the sound, so that people wait for seconds.

It has a lane of its own: it waits behind no ladder, and no ladder is begun before it.
"""

from collections.abc import Sequence
from functools import partial

from streamtime.database.transaction import Transaction
from streamtime.hls.grid import Grid
from streamtime.hls.ladder import PlannedRung, choose_first_rung
from streamtime.jobs.job import Failure, Job
from streamtime.library.renditions import RenditionKind
from streamtime.library.video import Video, video_id_of
from streamtime.pipeline.completion import complete_video
from streamtime.pipeline.encoding import EncodeRunner
from streamtime.pipeline.failures import mark_video_failed, translate_failures
from streamtime.pipeline.passes import estimate_encode
from streamtime.pipeline.plan import (
    ENCODE_TARGET_S,
    PlannedRendition,
    audio_name,
    extra_audios,
    facts_of,
    plan_first,
    remaining_planned,
    rungs_for,
)
from streamtime.pipeline.records import VideoRecords
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.shares import FIRST_RUNG_FRACTION, PROBED_FRACTION, ProgressRange
from streamtime.source_facts import ProbeResult
from streamtime.workers.failure import WorkerFailed

CHECKPOINT_EVERY_S = 1.0
"""Somebody may be watching: what is made is to be shown soon."""


class FirstRungHandler:
    """Handles jobs of the kind `first`."""

    def __init__(
        self,
        records: VideoRecords,
        encode_runner: EncodeRunner,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._encode_runner = encode_runner
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the first rung and the sound, as far as they are not there, then queue the other rungs."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            facts = facts_of(video)
            rungs = rungs_for(facts, self._settings.rungs, copied=False)
            first = choose_first_rung(rungs)
            share = ProgressRange(f"Preparing {first.name}", PROBED_FRACTION, FIRST_RUNG_FRACTION)
            await self._records.database.write(
                lambda tx: self._records.lifecycle.mark_processing(tx, video, stage=share.stage)
            )
            await self._make(video, facts, first, share)
            others = [rung for rung in rungs if rung is not first]
            sounds = [audio_name(track) for track in extra_audios(facts)]
            cost = estimate_encode(facts, others, sounds, self._settings.memory_budget_bytes)
            if cost.names:
                await self._records.database.write(
                    lambda tx: self._records.lifecycle.queue_ladder(tx, video, cost, job=job)
                )
            else:
                await complete_video(self._records, self._settings, job, video, facts)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why nothing comes of it."""
        await mark_video_failed(tx, self._records, job, failure)

    async def _make(self, video: Video, facts: ProbeResult, first: PlannedRung, progress_range: ProgressRange) -> None:
        may_copy = True
        while True:
            made = [
                r for r in await self._records.renditions.list_for_video(video.id) if r.is_complete and not r.outdated
            ]
            whole = {(r.kind, r.name) for r in made}
            copies = may_copy
            # One for all (RFC 8216 section 6.2.4): sound may be left of a copy that was given up.
            longest_s = max((r.target_duration_s for r in made), default=ENCODE_TARGET_S)

            def plan(
                whole: set[tuple[RenditionKind, str]] = whole, copies: bool = copies, longest_s: int = longest_s
            ) -> Sequence[PlannedRendition]:
                return remaining_planned(
                    plan_first(facts, first, video.new_key, may_copy=copies, longest_s=longest_s), whole
                )

            try:
                await self._encode_runner.run(
                    video, facts, plan, Grid.regular(), progress_range, checkpoint_every_s=CHECKPOINT_EVERY_S
                )
            except WorkerFailed as error:
                if error.code != "audio_copy_unfit" or not may_copy:
                    raise
                may_copy = False
                await self._records.database.write(
                    partial(
                        self._records.lifecycle.add_timeline_entry,
                        video=video,
                        event="copy_abandoned",
                        message=error.message,
                    )
                )
            else:
                return
