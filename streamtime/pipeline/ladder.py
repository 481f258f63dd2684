"""The last job of a video: all rungs that must be encoded, in one decode of the source where memory allows."""

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.grid import Grid
from streamtime.hls.ladder import PlannedRung
from streamtime.hls.worth import Known, worthwhile
from streamtime.jobs.job import Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Kind, Origin, Rendition, Renditions
from streamtime.library.video import Video, id_of
from streamtime.library.videos import Videos
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.first_rung import SHARE_END
from streamtime.pipeline.passes import passes, source_of
from streamtime.pipeline.plan import ENCODE_TARGET_S, Planned, facts_of, grid_for, plan_rungs, rungs_for, stage_words
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.sounds import OtherSounds
from streamtime.pipeline.supervision import Share
from streamtime.source_facts import SourceFacts

CHECKPOINT_EVERY_S = 4.0
"""Nobody watches these as they grow: this is only how much work a kill costs."""


class Ladder:
    """Handles jobs of the kind `ladder`."""

    def __init__(
        self,
        database: Database,
        videos: Videos,
        lifecycle: Lifecycle,
        renditions: Renditions,
        encoding: Encoding,
        sounds: OtherSounds,
        settings: TranscodeSettings,
    ) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._renditions = renditions
        self._encoding = encoding
        self._sounds = sounds
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the rungs that are not there yet, then call the video ready."""
        async with attempt(job, self._database, self._lifecycle):
            video = await self._videos.by_id(id_of(job.subject))
            facts = facts_of(video)
            whole = [r for r in await self._renditions.of(video.id) if r.whole and not r.outdated]
            missing, longest_s, grid = self._plan(facts, whole)
            missing = await self._worthwhile(video, missing, [r for r in whole if r.kind is Kind.VIDEO])
            encoded_before = any(r.kind is Kind.VIDEO and r.origin is Origin.ENCODE for r in whole)
            stage = stage_words(rung.name for rung in missing)
            share = Share(stage, SHARE_END if encoded_before else 0.1, 1.0)
            playable = any(r.kind is Kind.VIDEO for r in whole)
            await self._database.write(lambda tx: self._lifecycle.begun(tx, video, stage=stage))
            await self._sounds.make(job, video, facts, share, longest_s=longest_s)
            parts = passes(source_of(facts), missing, self._settings.memory_budget_bytes) or [[]]
            for number, part in enumerate(parts):

                def plan(part: list[PlannedRung] = part) -> list[Planned]:
                    return plan_rungs(part, video.new_key, longest_s=longest_s)

                own = share.part(number, len(parts), stage_words(rung.name for rung in part), stands_back=playable)
                await self._encoding.run(video, facts, plan, grid, own, checkpoint_every_s=CHECKPOINT_EVERY_S)
            keep = self._settings.keep_original
            await self._database.write(lambda tx: self._lifecycle.ready(tx, video, after=job, keep_original=keep))

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why not all of it was made; what can be watched stays."""
        await give_up(tx, self._videos, self._lifecycle, job, failure)

    async def _worthwhile(
        self, video: Video, missing: list[PlannedRung], pictures: list[Rendition]
    ) -> list[PlannedRung]:
        """Leave out what would save next to nothing, and say so; what its owner asked for is made all the same."""
        if not pictures:
            return missing
        known = _known(min(pictures, key=lambda picture: picture.id))  # the first, also where others are there already
        kept, dropped = worthwhile([rung for rung in missing if rung.name not in video.wanted_rungs], known)

        async def body(tx: Transaction) -> None:
            for one in dropped:
                rate, above = one.expected_bps // 1000, one.above_bps // 1000
                words = f"{one.rung.name} is left out: {rate} kb/s would save little beside {one.above} at {above}."
                await self._lifecycle.note(tx, video, "rung_dropped", words, name=one.rung.name)

        if dropped:
            await self._database.write(body)
        return [rung for rung in missing if rung in kept or rung.name in video.wanted_rungs]

    def _plan(self, facts: SourceFacts, whole: list[Rendition]) -> tuple[list[PlannedRung], int, Grid]:
        """Which rungs are missing, how long their segments may be, and where they are cut."""
        pictures = [rendition for rendition in whole if rendition.kind is Kind.VIDEO]
        copy = next((picture for picture in pictures if picture.origin is Origin.COPY), None)
        names = {picture.name for picture in pictures}
        rungs = rungs_for(facts, self._settings.rungs, copied=copy is not None)
        longest_s = max((rendition.target_duration_s for rendition in whole), default=ENCODE_TARGET_S)
        return [rung for rung in rungs if rung.name not in names], longest_s, grid_for(copy.index if copy else None)


def _known(picture: Rendition) -> Known:
    about, index = picture.description, picture.index
    pixels = max(1, (about.width or 0) * (about.height or 0))
    # The ceiling of a copy is what its file says of itself, so it tells nothing about how easy the picture is.
    ceiling_bps = picture.ceiling_bps if picture.origin is Origin.ENCODE else None
    return Known(picture.name, pixels, index.average_bps if index else 0, ceiling_bps)
