"""The end of a preparation: ready where something plays, else encoded instead of copied, else failed in words."""

from streamtime.hls.ladder import quickest_useful
from streamtime.jobs.job import AttemptFailed, Job
from streamtime.library.playability import NothingPlays
from streamtime.library.video import Video
from streamtime.pipeline.passes import forecast
from streamtime.pipeline.plan import rungs_for
from streamtime.pipeline.records import Records
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.source_facts import SourceFacts


async def complete(records: Records, settings: TranscodeSettings, job: Job, video: Video, facts: SourceFacts) -> None:
    """Call a video ready, of which everything has been made.

    Raises:
        AttemptFailed: nothing of it plays, and it is no copy that could be encoded instead.
    """
    try:
        await records.database.write(
            lambda tx: records.lifecycle.ready(tx, video, after=job, keep_original=settings.keep_original)
        )
    except NothingPlays as error:
        if not error.copied:
            raise AttemptFailed(error.message, code=error.code, retryable=False) from error
        first = quickest_useful(rungs_for(facts, settings.rungs, copied=False))
        cost = forecast(facts, [first], [], settings.memory_budget_bytes)
        await records.database.write(lambda tx: records.lifecycle.encode_instead(tx, video, cost, after=job))
