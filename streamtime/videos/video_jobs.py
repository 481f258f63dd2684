"""Retries, repeats and cancels the processing of videos on a user's request."""

from collections.abc import Collection

from streamtime.database.transaction import Transaction
from streamtime.errors import Conflict
from streamtime.jobs.job import Failure
from streamtime.videos.cuts import is_cut
from streamtime.videos.events import Timeline
from streamtime.videos.job_kinds import CUT, FIRST, LADDER, PREPARE, WorkQueue
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.renditions import Renditions
from streamtime.videos.versions import require_no_pending_version
from streamtime.videos.video import Video, VideoState, require_not_deleted


class VideoJobs:
    """Retries, repeats and cancels processing on a user's request."""

    def __init__(
        self,
        work_queue: WorkQueue,
        updater: VideoUpdater,
        renditions: Renditions,
        timeline: Timeline,
        lifecycle: Lifecycle,
    ) -> None:
        self._work_queue = work_queue
        self._updater = updater
        self._renditions = renditions
        self._timeline = timeline
        self._lifecycle = lifecycle

    async def retry(self, tx: Transaction, video: Video) -> None:
        """Process a failed video again. Complete renditions are kept.

        Raises:
            Conflict: the video has not failed.
        """
        row = await require_not_deleted(tx, video.id)
        await require_no_pending_version(tx, video.id)
        if row["state"] != VideoState.FAILED:
            raise Conflict("Only a video that failed can be tried again.")
        await self._updater.update(
            tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, failure_code=None, failure_message=None
        )
        await self._timeline.add(tx, video.id, "retried", "Queued again by hand.")
        if row["source_object_id"] is None and await is_cut(tx, video.id):
            await self._work_queue.cut(tx, video.subject, video.owner_id)
        else:
            await self._prepare_anew(tx, video)

    async def reprocess(self, tx: Transaction, video: Video, *, rungs: Collection[str] | None) -> None:
        """Make all renditions again from the original, or only those of the named `rungs`.

        The present renditions are played until all new ones are complete, and are then replaced under new URLs.

        Raises:
            Conflict: the video is being processed, or its original was not kept.
        """
        row = await require_not_deleted(tx, video.id)
        await require_no_pending_version(tx, video.id)
        if row["state"] not in {VideoState.READY, VideoState.FAILED}:
            raise Conflict("It is being prepared already.")
        if row["source_object_id"] is None:
            raise Conflict("The original was not kept, so nothing can be made of it.")
        await self._renditions.mark_outdated(tx, video.id, rungs)
        wanted = " ".join(sorted({*row["wanted_rungs"].split(), *(rungs or ())}))
        values: dict[str, object] = {"failure_code": None, "failure_message": None, "wanted_rungs": wanted}
        await self._updater.update(tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, **values)
        subject = "Everything" if rungs is None else ", ".join(rungs)
        await self._timeline.add(tx, video.id, "again", f"{subject} is to be made again.")
        await self._prepare_anew(tx, video)

    async def cancel(self, tx: Transaction, video: Video, failure: Failure) -> None:
        """Cancel the processing of a video. It becomes failed and can be retried.

        Raises:
            Conflict: no job is queued or running.
        """
        if not await self._work_queue.cancel(tx, video, kinds=(CUT, PREPARE, FIRST, LADDER)):
            raise Conflict("This video is not being processed any more.")
        await self._lifecycle.mark_failed(tx, video, failure)

    async def _prepare_anew(self, tx: Transaction, video: Video) -> None:
        """Queue `prepare`. A previous one may still make the poster; the queue would drop a second one beside it."""
        await self._work_queue.cancel(tx, video, kinds=(PREPARE, FIRST, LADDER))
        await self._work_queue.prepare(tx, video)
