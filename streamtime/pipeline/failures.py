"""Turns a worker's end into the queue's terms, and the queue's end into the video's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamtime.database.transaction import Transaction
from streamtime.errors import NoSpace, StreamtimeError, Unavailable
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.library.video import id_of
from streamtime.library.videos import VideoGone
from streamtime.logging import get_logger
from streamtime.pipeline.records import Records
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.last_words import as_kept

COUNTED = frozenset({"worker_crashed", "worker_killed"})
"""What `quarantine.py` counts, and writes down with its own words."""

_log = get_logger("pipeline")


@asynccontextmanager
async def attempt(job: Job, records: Records) -> AsyncIterator[None]:
    """What a worker could not do is a failed attempt; a video deleted meanwhile is nothing to do at all."""
    try:
        try:
            yield
        except WorkerFailed as error:
            _log.warning("worker_failed", subject=job.subject, code=error.code, last_words=error.last_words)
            why = error
            await records.database.write(lambda tx: _keep_last_words(tx, records, job, why))
            raise _in_the_queues_terms(error) from error
    except VideoGone:
        return


async def _keep_last_words(tx: Transaction, records: Records, job: Job, error: WorkerFailed) -> None:
    if error.code in COUNTED:
        return
    words = as_kept(error.last_words)
    await records.lifecycle.lost(
        tx, id_of(job.subject), error.message, code=error.code, attempt=job.attempt, last_words=words
    )  # fmt: skip


def _in_the_queues_terms(error: WorkerFailed) -> StreamtimeError:
    """What ails the machine is no fault of the video: that is tried again for as long as it takes."""
    if error.code == "no_space":
        return NoSpace(error.message)
    if error.code == "unconfined":
        return Unavailable(error.message, code="unconfined")
    if error.code == "disk_error":
        return Unavailable(error.message, code="storage")
    return AttemptFailed(error.message, code=error.code, retryable=error.retryable)


async def give_up(tx: Transaction, records: Records, job: Job, failure: Failure) -> None:
    """Mark the video of a job as failed, if it still exists."""
    try:
        video = await records.videos.by_id(id_of(job.subject))
    except VideoGone:
        return
    await records.lifecycle.failed(tx, video, failure)
