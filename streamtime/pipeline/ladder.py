"""The last job of a video: all rungs that must be encoded, in one decode of the source."""

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.grid import Grid
from streamtime.hls.ladder import PlannedRung
from streamtime.hls.playlists import target_duration_s
from streamtime.hls.worth import Known, worthwhile
from streamtime.jobs.job import Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Kind, Origin, Rendition, Renditions
from streamtime.library.video import Video, id_of
from streamtime.library.videos import Videos
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.failures import attempt, give_up
from streamtime.pipeline.first_rung import SHARE_END
from streamtime.pipeline.making import Share
from streamtime.pipeline.plan import ENCODE_TARGET_S, Planned, facts_of, plan_rung, rungs_for
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
            pictures = [
                r for r in await self._renditions.of(video.id) if r.kind is Kind.VIDEO and r.whole and not r.outdated
            ]
            missing, longest_s, grid = self._plan(facts, pictures)
            missing = await self._worthwhile(video, missing, pictures)
            encoded_before = any(picture.origin is Origin.ENCODE for picture in pictures)
            share = Share(_stage(missing), SHARE_END if encoded_before else 0.1, 1.0)
            await self._database.write(lambda tx: self._lifecycle.begun(tx, video, stage=share.stage))

            def plan() -> list[Planned]:
                return [
                    plan_rung(rung, video.new_key(".mp4"), output, longest_s=longest_s)
                    for output, rung in enumerate(missing)
                ]

            await self._encoding.run(video, facts, plan, grid, share, checkpoint_every_s=CHECKPOINT_EVERY_S)
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

    def _plan(self, facts: SourceFacts, pictures: list[Rendition]) -> tuple[list[PlannedRung], int, Grid]:
        """Which rungs are missing, how long their segments may be, and where they are cut."""
        copy = next((rendition for rendition in pictures if rendition.origin is Origin.COPY), None)
        names = {rendition.name for rendition in pictures}
        rungs = rungs_for(facts, self._settings.rungs, copied=copy is not None)
        missing = [rung for rung in rungs if rung.name not in names]
        copied = copy.index if copy else None
        # A cut falls on the first picture at or after the copied one: a picture later at most.
        longest_s = target_duration_s(copied) + 1 if copied else ENCODE_TARGET_S
        return missing, longest_s, Grid.of_copy(copied) if copied else Grid.regular()


def _known(picture: Rendition) -> Known:
    about, index = picture.description, picture.index
    pixels = max(1, (about.width or 0) * (about.height or 0))
    # The ceiling of a copy is what its file says of itself, so it tells nothing about how easy the picture is.
    ceiling_bps = picture.ceiling_bps if picture.origin is Origin.ENCODE else None
    return Known(picture.name, pixels, index.average_bps if index else 0, ceiling_bps)


def _stage(missing: list[PlannedRung]) -> str:
    return "Preparing " + ", ".join(rung.name for rung in missing) if missing else "Preparing"
