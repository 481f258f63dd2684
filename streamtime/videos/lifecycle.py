"""The states of a video during processing.

`ingest.py` creates videos, `video_jobs.py` repeats their processing, `trash.py` and `deletion.py` delete them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.notices import NoticeKind
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Transaction
from streamtime.jobs.job import Failure, Job
from streamtime.storage.objects.leases import release_abandoned_collection
from streamtime.translation import gettext_noop
from streamtime.videos.adoption import Adoption
from streamtime.videos.duplicates import Duplicates
from streamtime.videos.events import Timeline
from streamtime.videos.job_kinds import POSTER, PROCESSING, EncodeEstimate, WorkQueue
from streamtime.videos.playability import (
    NoPlayableRendition,
    VideoRenditionStatus,
    complete_video_renditions,
    fail_unplayable,
    has_growing_rendition,
    is_playable,
    recheck_all,
)
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.recording_date import RecordingDate, recorded_columns
from streamtime.videos.renditions import VideoFiles
from streamtime.videos.video import Video, VideoState, require_not_deleted, require_same_content


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Duration from the file's metadata, if known, display size in pixels, and when it was recorded, if known."""

    duration_ms: int | None
    width: int
    height: int
    recorded: RecordingDate | None = None


class Lifecycle:
    """Changes the state of videos during processing. Methods raise `VideoNotFound` if the video was deleted."""

    def __init__(
        self,
        work_queue: WorkQueue,
        updater: VideoUpdater,
        files: VideoFiles,
        duplicates: Duplicates,
        timeline: Timeline,
        adoption: Adoption,
    ) -> None:
        self._work_queue = work_queue
        self._updater = updater
        self._ledger = files.ledger
        self._renditions = files.renditions
        self._stills = files.stills
        self._duplicates = duplicates
        self._timeline = timeline
        self._adoption = adoption

    async def mark_processing(self, tx: Transaction, video: Video, *, stage: str) -> None:
        """Set the state `processing`, and drop complete video renditions that do not play."""
        await self.drop_unplayable(tx, video)
        await self._updater.update(tx, video, state=VideoState.PROCESSING, stage=stage)

    async def set_probe_result(
        self, tx: Transaction, video: Video, facts: bytes, media_info: MediaInfo, title: str | None = None
    ) -> None:
        """Save the probe result `facts`, and use the file's `title` and recording date if no person chose them."""
        row = await require_not_deleted(tx, video.id)
        if not row["recorded_chosen"]:
            await self._updater.update(tx, video, **recorded_columns(media_info.recorded))
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
        """Set the duration measured by reading the source to its end."""
        await self._updater.update(tx, video, duration_ms=duration_ms)

    async def mark_truncated(self, tx: Transaction, video: Video, *, after_ms: int, message: str) -> None:
        """Note that the original can't be read beyond `after_ms`."""
        await self._updater.update(tx, video, damaged_after_ms=after_ms)
        await self._timeline.add(tx, video.id, "damaged", message)

    async def mark_playable(self, tx: Transaction, video: Video, *, growing: bool) -> None:
        """Mark a video as playable if it has a `growing` rendition with enough segments, or a complete one."""
        if not growing and not await is_playable(tx, video.id):
            return
        await self._updater.set_playable(tx, video)
        await self._timeline.add(tx, video.id, "playable", "It can be watched.")

    async def set_poster(self, tx: Transaction, video: Video, object_id: int) -> None:
        """Set the poster, and mark the previous one for deletion."""
        previous = (await require_not_deleted(tx, video.id))["poster_object_id"]
        if previous is not None:
            await self._ledger.mark_for_deletion(tx, [previous])
        await self._updater.update(tx, video, poster_object_id=object_id, poster_version=videos.c.poster_version + 1)
        await tx.bump_epoch()

    async def set_chosen_poster(self, tx: Transaction, video: Video, object_id: int, *, job: Job) -> None:
        """Set the poster that the owner chose, and complete its job."""
        await require_same_content(tx, video)
        await self._work_queue.complete(tx, job)
        await self.set_poster(tx, video, object_id)
        await self._updater.update(tx, video, poster_uploaded=False)

    async def set_uploaded_poster(self, tx: Transaction, video: Video, object_id: int) -> None:
        """Set a poster that the owner has uploaded; a moment chosen before no longer counts."""
        await self._work_queue.cancel(tx, video, kinds=(POSTER,))
        await self.set_poster(tx, video, object_id)
        await self._updater.update(tx, video, poster_ms=None, poster_uploaded=True)

    async def clear_chosen_poster(self, tx: Transaction, video: Video) -> None:
        """Forget the owner's choice of a poster that can't be made."""
        await self._updater.update(tx, video, poster_ms=None)

    async def queue_stills(self, tx: Transaction, video: Video) -> None:
        """Queue storyboard and preview unless the video has them; called for each complete video rendition."""
        if (await require_not_deleted(tx, video.id))["stills"] is None:
            await self._work_queue.stills(tx, video)

    async def defer_stills(self, tx: Transaction, video: Video, *, job: Job) -> bool:
        """Complete a stills job that waits for a smaller rendition. False if the video is ready, so none will come."""
        if (await require_not_deleted(tx, video.id))["state"] == VideoState.READY:
            return False
        await self._work_queue.complete(tx, job)
        return True

    async def set_stills(self, tx: Transaction, video: Video, facts: bytes, *, sheets: list[int], preview: int) -> None:
        """Set storyboard and preview, and drop the previous ones.

        Raises:
            VideoNotFound: it was deleted, or another version took its place.
        """
        await require_same_content(tx, video)
        await self._stills.replace(tx, video.id, sheets, preview)
        await self._updater.update(tx, video, stills=facts, stills_version=videos.c.stills_version + 1)
        await self._timeline.add(tx, video.id, "stills", "Storyboard and preview are ready.")
        await self.queue_garbage_collection(tx)
        await tx.bump_epoch()

    async def drop_growing(
        self, tx: Transaction, video_id: int, *, keep: Collection[int] = (), only: Collection[int] | None = None
    ) -> None:
        """Drop growing renditions (all, or `only` these row ids) except those to `keep`.

        Unless all are kept, the video is playable only if a complete rendition plays.
        """
        if not await self._renditions.drop(tx, video_id, only_growing=True, keep=keep, only=only):
            return
        playable = await is_playable(tx, video_id)
        await tx.execute(
            update(videos).where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None)).values(playable=playable)
        )
        await self.queue_garbage_collection(tx)

    async def add_timeline_entry(
        self, tx: Transaction, video: Video, event: str, message: str, **detail: object
    ) -> None:
        """Add an entry to the timeline of a video."""
        await self._timeline.add(tx, video.id, event, message, **detail)

    async def record_failed_attempt(self, tx: Transaction, video_id: int, message: str, **detail: object) -> None:
        """Add a failed attempt to the timeline."""
        await require_not_deleted(tx, video_id)
        await self._timeline.add(tx, video_id, "attempt_failed", message, **detail)

    async def discard_staged(self, tx: Transaction, object_id: int) -> None:
        """Mark a staged object for deletion if it is still staged."""
        await self._ledger.mark_staged_for_deletion(tx, object_id)
        await self.queue_garbage_collection(tx)

    async def recover(self, tx: Transaction) -> None:
        """Clean up after an earlier process; called once at startup.

        Drops growing renditions without a checkpoint; those with one stay and play up to it.
        """
        table = video_tables.renditions
        growing = select(
            table.c.id, table.c.video_id, table.c.segment_index.is_not(None).label("has_checkpoint")
        ).where(table.c.state == "growing")
        kept: dict[int, list[int]] = {}
        for row in await tx.execute(growing):
            kept.setdefault(row.video_id, []).extend([row.id] if row.has_checkpoint else [])
        for video_id, keep in kept.items():
            await self.drop_growing(tx, video_id, keep=keep)
        await recheck_all(tx, self._timeline)
        await release_abandoned_collection(tx)
        await self._ledger.mark_unreferenced_for_deletion(tx)
        await self.queue_garbage_collection(tx)

    async def stop(self, tx: Transaction, video: Video) -> None:
        """Cancel the processing of a video that is deleted; `resume` continues it."""
        await self._work_queue.cancel(tx, video, kinds=PROCESSING)
        await self.drop_growing(tx, video.id)

    async def resume(self, tx: Transaction, video: Video, row: RowMapping, *, unfinished: bool) -> None:
        """Queue the work on a restored video again; `row` is its row, `unfinished` says that it is not ready."""
        if unfinished:
            await self._work_queue.prepare(tx, video)
        elif row["state"] == VideoState.READY:
            await self.recheck(tx, video)
            await self.queue_stills(tx, video)
        if row["poster_ms"] is not None:  # it is not known whether it was made
            await self._work_queue.poster(tx, video.subject)

    async def recheck(self, tx: Transaction, video: Video) -> None:
        """Compare a video's row with its stored renditions, and clear `playable` if none plays.

        A ready video becomes failed and can be retried; processing of others continues.
        """
        row = await require_not_deleted(tx, video.id)
        if not row["playable"] or await has_growing_rendition(tx, video.id) or await is_playable(tx, video.id):
            return
        if row["state"] == VideoState.READY:
            await fail_unplayable(tx, self._timeline, video.id)
        await self._updater.update(tx, video, playable=False)
        await tx.bump_epoch()

    async def queue_first_rendition(self, tx: Transaction, video: Video, estimate: EncodeEstimate) -> None:
        """Queue the encoding of the first rendition and the audio of a video that can't be copied."""
        await self._timeline.add(tx, video.id, "planned", f"To be encoded first: {estimate.names[0]}.")
        await self._work_queue.first(tx, video, memory_bytes=estimate.memory_bytes)

    async def fall_back_to_encode(self, tx: Transaction, video: Video, estimate: EncodeEstimate, *, job: Job) -> None:
        """Drop renditions that do not play after a copy, queue the first rendition to encode, and complete the job."""
        await self._work_queue.complete(tx, job)
        statuses = await complete_video_renditions(tx, video.id, full_length=True)
        await self._drop_broken(tx, video, [status for status in statuses if not status.playable])
        await self._updater.update(tx, video, stage=gettext_noop("Waiting"))
        await self.queue_first_rendition(tx, video, estimate)

    async def queue_ladder(self, tx: Transaction, video: Video, estimate: EncodeEstimate, *, job: Job) -> None:
        """Queue the encoding of the remaining renditions, and complete the job before it."""
        await self._work_queue.complete(tx, job)
        await self._timeline.add(
            tx, video.id, "planned", f"To be encoded: {', '.join(estimate.names)}.",
            names=list(estimate.names), disk_bytes=estimate.disk_bytes, memory_bytes=estimate.memory_bytes,
            passes=estimate.passes,
        )  # fmt: skip
        await self._updater.update(tx, video, stage=gettext_noop("Waiting"))
        await self._work_queue.ladder(tx, video, memory_bytes=estimate.memory_bytes)

    async def queue_finalize(self, tx: Transaction, video: Video, object_id: int) -> None:
        """Queue the move of a complete object from the spool to its store."""
        await self._work_queue.finalize(tx, video, object_id)

    async def mark_ready(self, tx: Transaction, video: Video, *, job: Job, keep_original: bool) -> None:
        """Set the state `ready` and complete the last job.

        Raises:
            NoPlayableRendition: no video rendition plays to its end, or a copied one does not; nothing was changed.
        """
        statuses = [one for one in await complete_video_renditions(tx, video.id, full_length=True) if not one.outdated]
        broken = [status for status in statuses if not status.playable]
        if len(broken) == len(statuses) or any(status.copied for status in broken):
            raise NoPlayableRendition(copied=any(status.copied for status in broken))
        await self._drop_broken(tx, video, broken)
        await self._work_queue.complete(tx, job)
        if not keep_original and video.version_of is None:
            await self._drop_original(tx, video)
        if await self._renditions.drop_outdated(tx, video.id):
            await self.queue_garbage_collection(tx)
        await self._updater.set_playable(tx, video, state=VideoState.READY, progress=1.0, stage="")
        await self.queue_stills(tx, video)
        await self._timeline.add(tx, video.id, "ready", "Everything is prepared.")
        self._updater.clear_progress(tx, video)
        if video.version_of is not None:
            await self._adoption.adopt(tx, video)
        change = {"change": video.version_kind} if video.version_kind else {}
        await self._updater.notify_owner(tx, video, NoticeKind.VIDEO_READY, **change)

    async def mark_failed(self, tx: Transaction, video: Video, failure: Failure) -> None:
        """Set the state `failed`. The original and all complete renditions stay."""
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
        self._updater.clear_progress(tx, video)
        facts = {"code": failure.code, "message": failure.message, "change": video.version_kind or ""}
        await self._updater.notify_owner(tx, video, NoticeKind.VIDEO_FAILED, **facts)

    async def _drop_original(self, tx: Transaction, video: Video) -> None:
        """Delete the original, which is not needed after processing."""
        uploads = video_tables.uploads
        await tx.execute(delete(uploads).where(uploads.c.video_id == video.id))
        source = (await require_not_deleted(tx, video.id))["source_object_id"]
        await self._updater.update(tx, video, source_object_id=None)
        await self._ledger.mark_for_deletion(tx, [source] if source else [])
        await self._duplicates.resume_unblocked(tx, video.owner_id)
        await self.queue_garbage_collection(tx)
        await tx.bump_epoch()

    async def queue_garbage_collection(self, tx: Transaction) -> None:
        """Queue the deletion of objects that are pending deletion."""
        await self._work_queue.collect(tx)

    async def drop_unplayable(self, tx: Transaction, video: Video) -> None:
        """Drop complete video renditions with a damaged index or missing bytes."""
        statuses = await complete_video_renditions(tx, video.id)
        await self._drop_broken(tx, video, [status for status in statuses if not status.playable])

    async def _drop_broken(self, tx: Transaction, video: Video, broken: Sequence[VideoRenditionStatus]) -> None:
        if not broken:
            return
        await self._renditions.drop_by_ids(tx, [status.id for status in broken])
        names = ", ".join(status.name for status in broken)
        await self._timeline.add(tx, video.id, "dropped", f"Removed, because it does not play: {names}.")
        await self._updater.update(tx, video, playable=await is_playable(tx, video.id))
        await tx.bump_epoch()
        await self.queue_garbage_collection(tx)
