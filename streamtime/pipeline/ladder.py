"""The last job of a video: all rungs that must be encoded, in one decode of the source."""

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.grid import Grid
from streamtime.hls.ladder import PlannedRung
from streamtime.jobs.job import Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Kind, Origin, Rendition, Renditions
from streamtime.library.video import id_of
from streamtime.library.videos import Videos
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.first_rung import SHARE_END
from streamtime.pipeline.making import Share
from streamtime.pipeline.plan import ENCODE_TARGET_S, Planned, facts_of, grid_for, plan_rungs, rungs_for, stage_words
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.worker_protocol import SourceFacts

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
        settings: TranscodeSettings,
    ) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._renditions = renditions
        self._encoding = encoding
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Encode the rungs that are not there yet, then call the video ready."""
        with attempt(job):
            video = await self._videos.by_id(id_of(job.subject))
            facts = facts_of(video)
            whole = [r for r in await self._renditions.of(video.id) if r.whole and not r.outdated]
            missing, longest_s, grid = self._plan(facts, whole)
            encoded_before = any(r.kind is Kind.VIDEO and r.origin is Origin.ENCODE for r in whole)
            stage = stage_words(rung.name for rung in missing)
            share = Share(stage, SHARE_END if encoded_before else 0.1, 1.0)
            await self._database.write(lambda tx: self._lifecycle.begun(tx, video, stage=stage))

            def plan() -> list[Planned]:
                return plan_rungs(missing, video.new_key, longest_s=longest_s)

            await self._encoding.run(video, facts, plan, grid, share, checkpoint_every_s=CHECKPOINT_EVERY_S)
            keep = self._settings.keep_original
            await self._database.write(lambda tx: self._lifecycle.ready(tx, video, after=job, keep_original=keep))

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Say on the video why not all of it was made; what can be watched stays."""
        await give_up(tx, self._videos, self._lifecycle, job, failure)

    def _plan(self, facts: SourceFacts, whole: list[Rendition]) -> tuple[list[PlannedRung], int, Grid]:
        """Which rungs are missing, how long their segments may be, and where they are cut."""
        pictures = [rendition for rendition in whole if rendition.kind is Kind.VIDEO]
        copy = next((picture for picture in pictures if picture.origin is Origin.COPY), None)
        names = {picture.name for picture in pictures}
        rungs = rungs_for(facts, self._settings.rungs, copied=copy is not None)
        longest_s = max((rendition.target_duration_s for rendition in whole), default=ENCODE_TARGET_S)
        return [rung for rung in rungs if rung.name not in names], longest_s, grid_for(copy.index if copy else None)
