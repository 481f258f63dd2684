"""What a person has done about the preparation of a video: try it again, make it anew, stop it."""

from collections.abc import Collection

from streamtime.database.transaction import Transaction
from streamtime.errors import Conflict
from streamtime.jobs.job import Failure
from streamtime.jobs.queue import JobQueue
from streamtime.videos.job_kinds import FIRST, LADDER, PREPARE, WorkQueue
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.renditions import Renditions
from streamtime.videos.timeline import Timeline
from streamtime.videos.video import Video, VideoState
from streamtime.videos.videos import VideoUpdater, require_not_deleted


class VideoJobs:
    """Queues and stops preparation by hand."""

    def __init__(
        self,
        queue: JobQueue,
        work_queue: WorkQueue,
        updater: VideoUpdater,
        renditions: Renditions,
        timeline: Timeline,
        lifecycle: Lifecycle,
    ) -> None:
        self._queue = queue
        self._work_queue = work_queue
        self._updater = updater
        self._renditions = renditions
        self._timeline = timeline
        self._lifecycle = lifecycle

    async def retry(self, tx: Transaction, video: Video) -> None:
        """Try a failed video again, from its original; what is finished already is kept.

        Raises:
            Conflict: it has not failed.
        """
        row = await require_not_deleted(tx, video.id)
        if row["state"] != VideoState.FAILED:
            raise Conflict("Only a video that failed can be tried again.")
        await self._updater.update(
            tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, failure_code=None, failure_message=None
        )
        await self._timeline.add(tx, video.id, "retried", "Queued again by hand.")
        await self._work_queue.prepare(tx, video)

    async def reprocess(self, tx: Transaction, video: Video, *, rungs: Collection[str] | None) -> None:
        """Make all of it anew from its original, or the `rungs` named, there already or not.

        What it has is played until the new ones are whole; then they take its place at once, at new addresses.

        Raises:
            Conflict: it is being prepared, or there is no original to make anything of.
        """
        row = await require_not_deleted(tx, video.id)
        if row["state"] not in {VideoState.READY, VideoState.FAILED}:
            raise Conflict("It is being prepared already.")
        if row["source_object_id"] is None:
            raise Conflict("The original was not kept, so nothing can be made of it.")
        await self._renditions.mark_outdated(tx, video.id, rungs)
        wanted = " ".join(sorted({*row["wanted_rungs"].split(), *(rungs or ())}))
        values: dict[str, object] = {"failure_code": None, "failure_message": None, "wanted_rungs": wanted}
        await self._updater.update(tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, **values)
        what = "Everything" if rungs is None else ", ".join(rungs)
        await self._timeline.add(tx, video.id, "again", f"{what} is to be made anew.")
        await self._work_queue.prepare(tx, video)

    async def cancel(self, tx: Transaction, video: Video, failure: Failure) -> None:
        """End the work on it by hand: it counts as failed, and can be tried again.

        Raises:
            Conflict: nothing is being done, or waits to be done.
        """
        if not await self._queue.cancel(tx, video.subject, kinds=(PREPARE, FIRST, LADDER)):
            raise Conflict("Nothing is being done with this video any more.")
        await self._lifecycle.mark_failed(tx, video, failure)
