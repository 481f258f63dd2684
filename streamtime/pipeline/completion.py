"""The end of a preparation: ready where something plays, else encoded instead of copied, else failed in words."""

from streamtime.hls.ladder import choose_first_rung
from streamtime.jobs.job import AttemptFailed, Job
from streamtime.library.playability import NoPlayableRendition
from streamtime.library.video import Video
from streamtime.pipeline.passes import estimate_encode
from streamtime.pipeline.plan import rungs_for
from streamtime.pipeline.records import VideoRecords
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.source_facts import ProbeResult


async def complete_video(
    records: VideoRecords, settings: TranscodeSettings, job: Job, video: Video, facts: ProbeResult
) -> None:
    """Call a video ready, of which everything has been made.

    Raises:
        AttemptFailed: nothing of it plays, and it is no copy that could be encoded instead.
    """
    try:
        await records.database.write(
            lambda tx: records.lifecycle.mark_ready(tx, video, job=job, keep_original=settings.keep_original)
        )
    except NoPlayableRendition as error:
        if not error.copied:
            raise AttemptFailed(error.message, code=error.code, retryable=False) from error
        first = choose_first_rung(rungs_for(facts, settings.rungs, copied=False))
        cost = estimate_encode(facts, [first], [], settings.memory_budget_bytes)
        await records.database.write(lambda tx: records.lifecycle.fall_back_to_encode(tx, video, cost, job=job))
