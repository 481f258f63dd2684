"""The end of processing jobs: complete or fail the video, translate worker failures, and quarantine crashing files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NoSpace, StreamtimeError, Unavailable
from streamtime.hls.ladder import choose_first_rung
from streamtime.jobs.job import AttemptFailed, Failure, Handler, Job
from streamtime.logging import get_logger
from streamtime.transcoding.job_context import TranscodeSettings, VideoRecords
from streamtime.transcoding.plan import estimate_encode, rungs_for
from streamtime.videos.events import CrashCounter
from streamtime.videos.playability import NoPlayableRendition
from streamtime.videos.video import Video, VideoNotFound, video_id_of
from streamtime.workers.failure import WorkerFailed, sanitize_stderr
from streamtime.workers.probe_result import ProbeResult


async def complete_video(
    records: VideoRecords, settings: TranscodeSettings, job: Job, video: Video, facts: ProbeResult
) -> None:
    """Mark a video as ready after all renditions are made, or queue an encode if a copied rendition does not play.

    Raises:
        AttemptFailed: nothing plays, and no rendition was copied.
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


CRASH_CODES = frozenset({"worker_crashed", "worker_killed"})
"""Failures that `CrashQuarantine` counts and records itself."""

_log = get_logger("transcoding")


@asynccontextmanager
async def translate_failures(job: Job, records: VideoRecords) -> AsyncIterator[None]:
    """Translate `WorkerFailed` to errors of the queue. If the video was deleted meanwhile, the job ends normally."""
    try:
        try:
            yield
        except WorkerFailed as error:
            _log.warning("worker_failed", subject=job.subject, code=error.code, stderr_tail=error.stderr_tail)
            failure = error
            await records.database.write(lambda tx: _record_failed_attempt(tx, records, job, failure))
            raise _to_job_error(error) from error
    except VideoNotFound:
        return


async def _record_failed_attempt(tx: Transaction, records: VideoRecords, job: Job, error: WorkerFailed) -> None:
    if error.code in CRASH_CODES:
        return
    stderr_tail = sanitize_stderr(error.stderr_tail)
    await records.lifecycle.record_failed_attempt(
        tx, video_id_of(job.subject), error.message, code=error.code, attempt=job.attempt, last_words=stderr_tail
    )  # fmt: skip


def _to_job_error(error: WorkerFailed) -> StreamtimeError:
    """Convert the error. Failures of the machine, not of the video, are retried without limit."""
    if error.code == "no_space":
        return NoSpace(error.message)
    if error.code == "unconfined":
        return Unavailable(error.message, code="unconfined")
    if error.code == "disk_error":
        return Unavailable(error.message, code="storage")
    return AttemptFailed(error.message, code=error.code, retryable=error.retryable)


async def mark_video_failed(tx: Transaction, records: VideoRecords, job: Job, failure: Failure) -> None:
    """Mark the video of a job as failed, if it still exists."""
    try:
        video = await records.videos.by_id(video_id_of(job.subject))
    except VideoNotFound:
        return
    await records.lifecycle.mark_failed(tx, video, failure)


MAX_CRASHES = 2
"""Crashes after which a file is quarantined."""

CODE = "quarantined"
MESSAGE = (
    "The program that works on this video crashed over it again, so the file is set aside. "
    "Nothing more happens to it unless you try it again."
)

_STDERR_CHARS = 500


class CrashQuarantine:
    """Wraps a job handler and quarantines a video after `MAX_CRASHES` worker crashes in any of its jobs.

    A file that crashes a decoder may be an attack, so it is not processed again automatically. A retry by the owner
    keeps the count, so the next crash quarantines the file again.
    """

    def __init__(self, handler: Handler, database: Database, crash_counter: CrashCounter) -> None:
        self._handler = handler
        self._database = database
        self._crash_counter = crash_counter

    async def run(self, job: Job) -> None:
        """Run the wrapped handler.

        Raises:
            AttemptFailed: the handler failed; with the code `quarantined`, not retryable, after too many crashes.
            Unavailable, NoSpace: raised by the handler.
        """
        try:
            await self._handler.run(job)
        except AttemptFailed as error:
            if error.code in CRASH_CODES and await self._count_crash(job, error) >= MAX_CRASHES:
                raise AttemptFailed(MESSAGE, code=CODE, retryable=False) from error
            raise

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Call the wrapped handler."""
        await self._handler.on_failed(tx, job, failure)

    async def _count_crash(self, job: Job, error: AttemptFailed) -> int:
        cause = error.__cause__
        stderr_tail = sanitize_stderr(cause.stderr_tail)[-_STDERR_CHARS:] if isinstance(cause, WorkerFailed) else ""

        async def body(tx: Transaction) -> int:
            return await self._crash_counter.increment(
                tx, video_id_of(job.subject), error.message, code=error.code, stderr_tail=stderr_tail
            )

        return await self._database.write(body)
