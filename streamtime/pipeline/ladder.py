"""The last job of a video: all rungs that must be encoded, in one decode of the source where memory allows."""

from streamtime.database.transaction import Transaction
from streamtime.hls.ladder import PlannedRung
from streamtime.jobs.job import Failure, Job
from streamtime.library.renditions import Kind, Origin, Rendition
from streamtime.library.video import Video, id_of
from streamtime.pipeline.choice import Rest, Whole, dropped_words, rest_of
from streamtime.pipeline.completion import complete
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.passes import passes, source_of
from streamtime.pipeline.plan import Planned, facts_of, plan_rungs, stage_words
from streamtime.pipeline.records import Records
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.shares import COPIED, WATCHABLE, Share
from streamtime.pipeline.sounds import OtherSounds
from streamtime.source_facts import SourceFacts

CHECKPOINT_EVERY_S = 4.0
"""Nobody watches these as they grow: this is only how much work a kill costs."""


class Ladder:
    """Handles jobs of the kind `ladder`."""

    def __init__(
        self,
        records: Records,
        encoding: Encoding,
        sounds: OtherSounds,
        settings: TranscodeSettings,
    ) -> None:
        self._records = records
        self._encoding = encoding
        self._sounds = sounds
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the rungs that are not there yet, then call the video ready."""
        async with attempt(job, self._records):
            video = await self._records.videos.by_id(id_of(job.subject))
            facts = facts_of(video)
            await self._records.database.write(lambda tx: self._records.lifecycle.drop_unplayable(tx, video))
            whole = [r for r in await self._records.renditions.of(video.id) if r.whole and not r.outdated]
            rest = await self._rest(video, facts, whole)
            encoded_before = any(r.kind is Kind.VIDEO and r.origin is Origin.ENCODE for r in whole)
            stage = stage_words(rung.name for rung in rest.rungs)
            share = Share(stage, WATCHABLE if encoded_before else COPIED, 1.0)
            playable = any(r.kind is Kind.VIDEO for r in whole)
            await self._records.database.write(lambda tx: self._records.lifecycle.begun(tx, video, stage=stage))
            await self._sounds.make(job, video, facts, share, longest_s=rest.longest_s)
            parts = passes(source_of(facts), rest.rungs, self._settings.memory_budget_bytes) or [[]]
            for number, part in enumerate(parts):

                def plan(part: list[PlannedRung] = part) -> list[Planned]:
                    return plan_rungs(part, video.new_key, longest_s=rest.longest_s)

                own = share.part(number, len(parts), stage_words(rung.name for rung in part), stands_back=playable)
                await self._encoding.run(video, facts, plan, rest.grid, own, checkpoint_every_s=CHECKPOINT_EVERY_S)
            await complete(self._records, self._settings, job, video, facts)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why not all of it was made; what can be watched stays."""
        await give_up(tx, self._records, job, failure)

    async def _rest(self, video: Video, facts: SourceFacts, whole: list[Rendition]) -> Rest:
        """What is still to be made. What is left out is said; what its owner asked for is made all the same."""
        made = [_whole(rendition) for rendition in sorted(whole, key=lambda rendition: rendition.id)]
        rest = rest_of(facts, self._settings.rungs, made, video.wanted_rungs)

        async def body(tx: Transaction) -> None:
            for one in rest.dropped:
                words = dropped_words(one)
                await self._records.lifecycle.note(tx, video, "rung_dropped", words, name=one.rung.name)

        if rest.dropped:
            await self._records.database.write(body)
        return rest


def _whole(rendition: Rendition) -> Whole:
    about = rendition.description
    return Whole(
        rendition.kind,
        rendition.origin,
        rendition.name,
        rendition.target_duration_s,
        rendition.ceiling_bps,
        rendition.index,
        pixels=(about.width or 0) * (about.height or 0),
    )
