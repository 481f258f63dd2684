"""How a video goes from state to state while it is prepared. Every change is told to the pages that watch.

How it comes into being stands in `ingest.py`, what people do about its preparation in `retry.py`, how it ends in
`trash.py` and `deletion.py`.

How often the program that works on a video crashed over it. The count is kept for good, retries included.

What a person has done about the preparation of a video: try it again, make it anew, stop it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from streamtime.database import tables
from streamtime.database.people_tables import users
from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.errors import Conflict
from streamtime.jobs.job import Failure, Job
from streamtime.jobs.queue import JobQueue
from streamtime.storage.objects.ledger import Ledger
from streamtime.videos.duplicates import Duplicates
from streamtime.videos.events import Timeline
from streamtime.videos.job_kinds import FIRST, LADDER, PREPARE, EncodeEstimate, WorkQueue
from streamtime.videos.playability import (
    NoPlayableRendition,
    VideoRenditionStatus,
    complete_video_renditions,
    fail_unplayable,
    has_growing_rendition,
    is_playable,
    recheck_all,
)
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.renditions import Renditions, StillRepository
from streamtime.videos.video import Video, VideoState
from streamtime.videos.videos import VideoUpdater, require_not_deleted


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """How long a video lasts, as far as its file tells, and how large it is shown."""

    duration_ms: int | None
    width: int
    height: int


_NOTHING_LEFT = tuple(
    ~select(table.c.id).where(table.c.owner_id == users.c.id).exists()
    for table in (videos, tables.objects, tables.uploads)
)
"""Of a closed account: no row needs it any more."""


class Lifecycle:
    """Moves videos from state to state as work on them goes on."""

    def __init__(
        self,
        queue: JobQueue,
        work_queue: WorkQueue,
        updater: VideoUpdater,
        ledger: Ledger,
        renditions: Renditions,
        stills: StillRepository,
        duplicates: Duplicates,
        timeline: Timeline,
        progress: ProgressTracker,
    ) -> None:
        self._queue = queue
        self._work_queue = work_queue
        self._updater = updater
        self._ledger = ledger
        self._renditions = renditions
        self._stills = stills
        self._duplicates = duplicates
        self._timeline = timeline
        self._progress = progress

    async def mark_processing(self, tx: Transaction, video: Video, *, stage: str) -> None:
        """A worker has it. Whole pictures that do not play are made anew: nothing is built on them."""
        await self.drop_unplayable(tx, video)
        await self._updater.update(tx, video, state=VideoState.PROCESSING, stage=stage)

    async def set_probe_result(
        self, tx: Transaction, video: Video, facts: bytes, media_info: MediaInfo, title: str | None = None
    ) -> None:
        """It is known what is in the file; its own title stands where nobody has chosen one."""
        row = await require_not_deleted(tx, video.id)
        if title and not row["title_chosen"]:
            await self._updater.update(tx, video, title=title, title_folded=title.casefold())
        await self._updater.update(
            tx,
            video,
            source_facts=facts,
            duration_ms=media_info.duration_ms,
            width=media_info.width,
            height=media_info.height,
        )

    async def set_duration(self, tx: Transaction, video: Video, *, duration_ms: int) -> None:
        """Somebody has read it to its end and knows how long it is."""
        await self._updater.update(tx, video, duration_ms=duration_ms)

    async def mark_truncated(self, tx: Transaction, video: Video, *, after_ms: int, words: str) -> None:
        """Its original breaks off there; what comes before is all that there will be."""
        await self._updater.update(tx, video, damaged_after_ms=after_ms)
        await self._timeline.add(tx, video.id, "damaged", words)

    async def mark_playable(self, tx: Transaction, video: Video, *, growing: bool) -> None:
        """It can be watched from now on, however much is still to come: whole, or with `growing` as far as it is shown.

        Nothing happens where neither is true.
        """
        if not growing and not await is_playable(tx, video.id):
            return
        await self._updater.update(tx, video, playable=True)
        await tx.bump_epoch()
        await self._timeline.add(tx, video.id, "playable", "It can be watched.")

    async def set_poster(self, tx: Transaction, video: Video, object_id: int) -> None:
        """It has a poster; one that it had before goes."""
        before = (await require_not_deleted(tx, video.id))["poster_object_id"]
        if before is not None:
            await self._ledger.mark_for_deletion(tx, [before])
        await self._updater.update(tx, video, poster_object_id=object_id, poster_version=videos.c.poster_version + 1)
        await tx.bump_epoch()

    async def set_chosen_poster(self, tx: Transaction, video: Video, object_id: int, *, job: Job) -> None:
        """It has the poster that its owner wished for, and the job that made it is done."""
        await self._queue.complete(tx, job)
        await self.set_poster(tx, video, object_id)

    async def clear_chosen_poster(self, tx: Transaction, video: Video) -> None:
        """The poster that its owner wished for cannot be made: the wish is forgotten."""
        await self._updater.update(tx, video, poster_ms=None)

    async def queue_stills(self, tx: Transaction, video: Video) -> None:
        """There is one more whole picture: have stills made of it, unless there are some."""
        if (await require_not_deleted(tx, video.id))["stills"] is None:
            await self._work_queue.stills(tx, video)

    async def defer_stills(self, tx: Transaction, video: Video, *, job: Job) -> bool:
        """A better picture for its stills is to come: end the job. False where none is to come any more."""
        if (await require_not_deleted(tx, video.id))["state"] == VideoState.READY:
            return False
        await self._queue.complete(tx, job)
        return True

    async def set_stills(self, tx: Transaction, video: Video, facts: bytes, *, sheets: list[int], preview: int) -> None:
        """It has a storyboard and a preview; those that it had before go."""
        await require_not_deleted(tx, video.id)
        await self._stills.replace(tx, video.id, sheets, preview)
        await self._updater.update(tx, video, stills=facts, stills_version=videos.c.stills_version + 1)
        await self._timeline.add(tx, video.id, "stills", "Storyboard and preview are made.")
        await self.queue_garbage_collection(tx)
        await tx.bump_epoch()

    async def drop_growing(
        self, tx: Transaction, video_id: int, *, keep: Collection[int] = (), only: Collection[int] | None = None
    ) -> None:
        """Take out what attempts left half made (`only` of these renditions), but what is to be gone on with (`keep`).

        What could be watched only as it grew cannot be any more, unless all of it is kept.
        """
        if not await self._renditions.drop(tx, video_id, only_growing=True, keep=keep, only=only):
            return
        whole = await is_playable(tx, video_id)
        await tx.execute(
            update(videos).where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None)).values(playable=whole)
        )
        await self.queue_garbage_collection(tx)

    async def add_timeline_entry(
        self, tx: Transaction, video: Video, event: str, message: str, **detail: object
    ) -> None:
        """Write down what was decided or done about it."""
        await self._timeline.add(tx, video.id, event, message, **detail)

    async def record_failed_attempt(self, tx: Transaction, video_id: int, message: str, **detail: object) -> None:
        """An attempt came to nothing: write down why, whatever comes after it. Raises `VideoGone`."""
        await require_not_deleted(tx, video_id)
        await self._timeline.add(tx, video_id, "attempt_failed", message, **detail)

    async def discard_staged(self, tx: Transaction, object_id: int) -> None:
        """An object that was to be made never came to anything; one that did after all is left alone."""
        await self._ledger.mark_staged_for_deletion(tx, object_id)
        await self.queue_garbage_collection(tx)

    async def recover(self, tx: Transaction) -> None:
        """Once, at the start: take out what an earlier process made that nobody can go on with, and have it collected.

        What has a checkpoint stays, and plays as far as that.
        """
        table = tables.renditions
        growing = select(
            table.c.id, table.c.video_id, table.c.segment_index.is_not(None).label("has_checkpoint")
        ).where(table.c.state == "growing")
        kept: dict[int, list[int]] = {}
        for row in await tx.execute(growing):
            kept.setdefault(row.video_id, []).extend([row.id] if row.has_checkpoint else [])
        for video_id, keep in kept.items():
            await self.drop_growing(tx, video_id, keep=keep)
        await recheck_all(tx, self._timeline)
        await self._ledger.mark_unreferenced_for_deletion(tx)
        await self.queue_garbage_collection(tx)

    async def recheck(self, tx: Transaction, video: Video) -> None:
        """Compare what is said of a video with what is stored: unless a whole picture plays, it is not playable.

        One that was ready has failed, and can be tried again; one in preparation goes on. Raises `VideoGone`.
        """
        row = await require_not_deleted(tx, video.id)
        if not row["playable"] or await has_growing_rendition(tx, video.id) or await is_playable(tx, video.id):
            return
        if row["state"] == VideoState.READY:
            await fail_unplayable(tx, self._timeline, video.id)
        await self._updater.update(tx, video, playable=False)
        await tx.bump_epoch()

    async def queue_first_rendition(self, tx: Transaction, video: Video, estimate: EncodeEstimate) -> None:
        """Nothing can be copied: queue the one rendition that is quickly made and useful, and the sound with it."""
        await self._timeline.add(tx, video.id, "planned", f"To be encoded first: {estimate.names[0]}.")
        await self._work_queue.first(tx, video, memory_bytes=estimate.memory_bytes)

    async def fall_back_to_encode(self, tx: Transaction, video: Video, estimate: EncodeEstimate, *, job: Job) -> None:
        """What was copied does not play: take out all that does not, and queue the first rendition to be encoded."""
        await self._queue.complete(tx, job)
        pictures = [one for one in await complete_video_renditions(tx, video.id, full_length=True) if not one.playable]
        await self._drop_broken(tx, video, pictures)
        await self._updater.update(tx, video, stage="Waiting")
        await self.queue_first_rendition(tx, video, estimate)

    async def queue_ladder(self, tx: Transaction, video: Video, estimate: EncodeEstimate, *, job: Job) -> None:
        """What could be had quickly is there: queue the renditions that take time, and end the job before them."""
        await self._queue.complete(tx, job)
        await self._timeline.add(
            tx, video.id, "planned", "To be encoded: " + ", ".join(estimate.names) + ".",
            names=list(estimate.names), disk_bytes=estimate.disk_bytes, memory_bytes=estimate.memory_bytes,
            passes=estimate.passes,
        )  # fmt: skip
        await self._updater.update(tx, video, stage="Waiting")
        await self._work_queue.ladder(tx, video, memory_bytes=estimate.memory_bytes)

    async def queue_finalize(self, tx: Transaction, video: Video, object_id: int) -> None:
        """An object of the video is whole: have it carried into the store where it stays."""
        await self._work_queue.finalize(tx, video, object_id)

    async def mark_ready(self, tx: Transaction, video: Video, *, job: Job, keep_original: bool) -> None:
        """Everything that was to be made of it is made, and the last job is done.

        Raises:
            NothingPlays: no whole picture plays to its end, or one that was copied does not; nothing was changed.
        """
        pictures = [one for one in await complete_video_renditions(tx, video.id, full_length=True) if not one.outdated]
        broken = [one for one in pictures if not one.playable]
        if len(broken) == len(pictures) or any(one.copied for one in broken):
            raise NoPlayableRendition(copied=any(one.copied for one in broken))
        await self._drop_broken(tx, video, broken)
        await self._queue.complete(tx, job)
        if not keep_original:
            await self._drop_original(tx, video)
        if await self._renditions.drop_outdated(tx, video.id):
            await self.queue_garbage_collection(tx)
        await self._updater.update(tx, video, state=VideoState.READY, playable=True, progress=1.0, stage="")
        await tx.bump_epoch()
        await self.queue_stills(tx, video)
        await self._timeline.add(tx, video.id, "ready", "Everything is prepared.")
        tx.after_commit(lambda: self._progress.clear(video.id))

    async def mark_failed(self, tx: Transaction, video: Video, failure: Failure) -> None:
        """Nothing more will come of it by itself; what can be watched stays, and so does the original."""
        await self.drop_growing(tx, video.id)
        await self._updater.update(
            tx,
            video,
            state=VideoState.FAILED,
            playable=await is_playable(tx, video.id),
            stage="",
            failure_code=failure.code,
            failure_message=failure.message,
        )
        await tx.bump_epoch()
        await self._timeline.add(tx, video.id, "failed", failure.message, code=failure.code)
        tx.after_commit(lambda: self._progress.clear(video.id))

    async def delete_tombstones(self, tx: Transaction, *, job: Job) -> bool:
        """Drop the rows of purged videos and closed accounts and end the job; False where bytes are still to go."""
        if await self._ledger.has_pending_deletion(tx):
            return False
        await tx.execute(delete(videos).where(videos.c.purged_at_ms.is_not(None)))
        await tx.execute(delete(users).where(users.c.deleted_at_ms.is_not(None), *_NOTHING_LEFT))
        await self._queue.complete(tx, job)
        return True

    async def _drop_original(self, tx: Transaction, video: Video) -> None:
        """Let the uploaded file go: everything that can be watched has been made of it."""
        uploads = tables.uploads
        await tx.execute(delete(uploads).where(uploads.c.video_id == video.id))
        source = (await require_not_deleted(tx, video.id))["source_object_id"]
        await self._updater.update(tx, video, source_object_id=None)
        await self._ledger.mark_for_deletion(tx, [source] if source else [])
        await self._duplicates.resume_unblocked(tx, video.owner_id)
        await self.queue_garbage_collection(tx)
        await tx.bump_epoch()

    async def queue_garbage_collection(self, tx: Transaction) -> None:
        """Have the bytes of doomed objects deleted soon."""
        await self._work_queue.collect(tx)

    async def drop_unplayable(self, tx: Transaction, video: Video) -> None:
        """Take out whole pictures that do not play: their index is damaged, or their bytes are gone."""
        broken = [one for one in await complete_video_renditions(tx, video.id) if not one.playable]
        await self._drop_broken(tx, video, broken)

    async def _drop_broken(self, tx: Transaction, video: Video, broken: Sequence[VideoRenditionStatus]) -> None:
        if not broken:
            return
        await self._renditions.drop_by_ids(tx, [one.id for one in broken])
        names = ", ".join(one.name for one in broken)
        await self._timeline.add(tx, video.id, "dropped", f"Taken out, as it does not play: {names}.")
        await self._updater.update(tx, video, playable=await is_playable(tx, video.id))
        await tx.bump_epoch()
        await self.queue_garbage_collection(tx)


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
