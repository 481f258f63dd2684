"""The last job of a video: all rungs that must be encoded, in one decode of the source where memory allows."""

from streamtime.database.transaction import Transaction
from streamtime.hls.ladder import PlannedRung
from streamtime.jobs.job import Failure, Job
from streamtime.library.renditions import Rendition, RenditionKind, RenditionOrigin
from streamtime.library.video import Video, video_id_of
from streamtime.pipeline.choice import CompleteRendition, RemainingRungs, dropped_rung_message, plan_remaining
from streamtime.pipeline.completion import complete_video
from streamtime.pipeline.encoding import EncodeRunner
from streamtime.pipeline.failures import mark_video_failed, translate_failures
from streamtime.pipeline.passes import source_of, split_passes
from streamtime.pipeline.plan import PlannedRendition, facts_of, plan_rungs, stage_label
from streamtime.pipeline.records import VideoRecords
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.shares import COPIED_FRACTION, FIRST_RUNG_FRACTION, ProgressRange
from streamtime.pipeline.sounds import ExtraAudio
from streamtime.source_facts import ProbeResult

CHECKPOINT_EVERY_S = 4.0
"""Nobody watches these as they grow: this is only how much work a kill costs."""


class LadderHandler:
    """Handles jobs of the kind `ladder`."""

    def __init__(
        self,
        records: VideoRecords,
        encode_runner: EncodeRunner,
        extra_audio: ExtraAudio,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._encode_runner = encode_runner
        self._extra_audio = extra_audio
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the rungs that are not there yet, then call the video ready."""
        async with translate_failures(job, self._records):
            video = await self._records.videos.by_id(video_id_of(job.subject))
            facts = facts_of(video)
            await self._records.database.write(lambda tx: self._records.lifecycle.drop_unplayable(tx, video))
            whole = [
                r for r in await self._records.renditions.list_for_video(video.id) if r.is_complete and not r.outdated
            ]
            rest = await self._remaining(video, facts, whole)
            encoded_before = any(r.kind is RenditionKind.VIDEO and r.origin is RenditionOrigin.ENCODE for r in whole)
            stage = stage_label(rung.name for rung in rest.rungs)
            share = ProgressRange(stage, FIRST_RUNG_FRACTION if encoded_before else COPIED_FRACTION, 1.0)
            playable = any(r.kind is RenditionKind.VIDEO for r in whole)
            await self._records.database.write(
                lambda tx: self._records.lifecycle.mark_processing(tx, video, stage=stage)
            )
            await self._extra_audio.package(job, video, facts, share, longest_s=rest.target_duration_s)
            parts = split_passes(source_of(facts), rest.rungs, self._settings.memory_budget_bytes) or [[]]
            for number, part in enumerate(parts):

                def plan(part: list[PlannedRung] = part) -> list[PlannedRendition]:
                    return plan_rungs(part, video.new_key, longest_s=rest.target_duration_s)

                own = share.subrange(number, len(parts), stage_label(rung.name for rung in part), can_pause=playable)
                await self._encode_runner.run(video, facts, plan, rest.grid, own, checkpoint_every_s=CHECKPOINT_EVERY_S)
            await complete_video(self._records, self._settings, job, video, facts)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why not all of it was made; what can be watched stays."""
        await mark_video_failed(tx, self._records, job, failure)

    async def _remaining(self, video: Video, facts: ProbeResult, whole: list[Rendition]) -> RemainingRungs:
        """What is still to be made. What is left out is said; what its owner asked for is made all the same."""
        made = [_complete(rendition) for rendition in sorted(whole, key=lambda rendition: rendition.id)]
        rest = plan_remaining(facts, self._settings.rungs, made, video.wanted_rungs)

        async def body(tx: Transaction) -> None:
            for one in rest.dropped:
                words = dropped_rung_message(one)
                await self._records.lifecycle.add_timeline_entry(tx, video, "rung_dropped", words, name=one.rung.name)

        if rest.dropped:
            await self._records.database.write(body)
        return rest


def _complete(rendition: Rendition) -> CompleteRendition:
    about = rendition.description
    return CompleteRendition(
        rendition.kind,
        rendition.origin,
        rendition.name,
        rendition.target_duration_s,
        rendition.ceiling_bps,
        rendition.index,
        pixels=(about.width or 0) * (about.height or 0),
    )
