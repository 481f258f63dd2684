"""Turns a worker's end into the queue's terms, and the queue's end into the video's."""

from collections.abc import Iterator
from contextlib import contextmanager

from streamtime.database.transaction import Transaction
from streamtime.errors import NotFound
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.video import id_of
from streamtime.library.videos import Videos
from streamtime.workers.failure import WorkerFailed


@contextmanager
def attempt() -> Iterator[None]:
    """What a worker could not do is a failed attempt; a video deleted meanwhile is nothing to do at all."""
    try:
        yield
    except WorkerFailed as error:
        raise AttemptFailed(error.message, code=error.code, retryable=error.retryable) from error
    except NotFound:
        return


async def give_up(tx: Transaction, videos: Videos, lifecycle: Lifecycle, job: Job, failure: Failure) -> None:
    """Mark the video of a job as failed, if it still exists."""
    try:
        video = await videos.by_id(id_of(job.subject))
    except NotFound:
        return
    await lifecycle.failed(tx, video, failure)
