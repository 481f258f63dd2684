"""Purge videos: hide one for good in a transaction, and queue the deletion of its objects and row."""

from sqlalchemy import delete, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.tables import storage as storage_tables
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.jobs.job import Job
from streamtime.storage.objects.ledger import Ledger
from streamtime.videos.duplicates import Duplicates
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.renditions import VideoFiles
from streamtime.videos.video import Video, VideoNotFound, select_videos, video_from_row


class VideoDeletion:
    """Purges videos. See `trash.py` for the reversible deletion before it."""

    def __init__(
        self,
        work_queue: WorkQueue,
        files: VideoFiles,
        duplicates: Duplicates,
        updater: VideoUpdater,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._work_queue = work_queue
        self._files = files
        self._duplicates = duplicates
        self._updater = updater
        self._audit = audit
        self._clock = clock

    async def purge(self, tx: Transaction, video: Video, by: Actor | None = None) -> None:
        """Delete a video for good: cancel its jobs and mark its objects for deletion.

        `by` is None, and no audit entry is written, if the video expired in the trash or its upload was terminated.

        Raises:
            VideoNotFound: it has been purged already.
        """
        query = select(videos).where(videos.c.id == video.id, videos.c.purged_at_ms.is_(None))
        row = (await tx.execute(query)).mappings().first()
        if row is None:
            raise VideoNotFound
        for version in await _versions_of(tx, video):
            await self.purge(tx, version)
        now = self._clock.now_ms()
        await tx.execute(
            update(videos)
            .where(videos.c.id == video.id)
            .values(
                deleted_at_ms=now if row["deleted_at_ms"] is None else row["deleted_at_ms"],
                purged_at_ms=now,
                source_object_id=None,
                poster_object_id=None,
                playable=False,
            )
        )
        await self._work_queue.cancel(tx, video)
        await self._files.drop_derived(tx, video.id)
        uploads = video_tables.uploads
        query_uploads = select(uploads.c.object_id).where(uploads.c.video_id == video.id)
        uploaded = list((await tx.execute(query_uploads)).scalars())
        await tx.execute(delete(uploads).where(uploads.c.video_id == video.id))
        await self._files.ledger.mark_for_deletion(
            tx, [i for i in (_own_source(row), row["poster_object_id"], *uploaded) if i]
        )
        await self._duplicates.resume_unblocked(tx, video.owner_id)
        await self.queue_garbage_collection(tx)
        await tx.bump_epoch()
        if by is not None:
            await self._audit.record(tx, by, AuditEvent.VIDEO_DELETED, video.public_id, title=row["title"], final="yes")
        self._updater.publish_deleted(tx, video)

    async def discard_pending_versions(self, tx: Transaction, video: Video) -> None:
        """Cancel the version of a video that is being prepared; the previous one stays."""
        for version in await _versions_of(tx, video):
            if version.version_kind != "previous":
                await self.purge(tx, version)

    async def queue_garbage_collection(self, tx: Transaction) -> None:
        """Queue the deletion of objects that are pending deletion, and of the rows that wait for it."""
        await self._work_queue.collect(tx)


async def _versions_of(tx: Transaction, video: Video) -> list[Video]:
    """Return the hidden versions of a video."""
    query = select_videos().where(videos.c.version_of == video.id, videos.c.purged_at_ms.is_(None))
    return [video_from_row(row, ()) for row in (await tx.execute(query)).mappings().all()]


def _own_source(row: RowMapping) -> int | None:
    """Return the object of a video's original, unless it belongs to the video of which this is a rotated version."""
    source: int | None = None if row["version_kind"] == "rotate" else row["source_object_id"]
    return source


_NOTHING_LEFT = tuple(
    ~select(table.c.id).where(table.c.owner_id == users.c.id).exists()
    for table in (videos, storage_tables.objects, video_tables.uploads)
)
"""Conditions for a deleted account's row: nothing refers to it any more."""


class Tombstones:
    """The rows of purged videos and deleted accounts, which stay until their objects are deleted."""

    def __init__(self, database: Database, work_queue: WorkQueue, ledger: Ledger) -> None:
        self._database = database
        self._work_queue = work_queue
        self._ledger = ledger

    async def delete(self, *, job: Job) -> bool:
        """Delete the rows and complete the job.

        Returns False, and does nothing, if objects are still pending deletion.
        """

        async def body(tx: Transaction) -> bool:
            if await self._ledger.has_pending_deletion(tx):
                return False
            await tx.execute(delete(videos).where(videos.c.purged_at_ms.is_not(None)))
            await tx.execute(delete(users).where(users.c.deleted_at_ms.is_not(None), *_NOTHING_LEFT))
            await self._work_queue.complete(tx, job)
            return True

        return await self._database.write(body)
