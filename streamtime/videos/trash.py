"""The trash: deleted videos are hidden immediately, and can be restored for some days before they are purged.

Their complete files stay in place and count against the owner's quota; growing renditions are dropped.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Caller, may_restore
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.duplicates import DUPLICATE_PENDING
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.video import Video, VideoNotFound, VideoState, read_videos, require_not_deleted, select_videos

DAY_MS = 86_400_000

IN_TRASH: ColumnElement[bool] = and_(videos.c.deleted_at_ms.is_not(None), videos.c.purged_at_ms.is_(None))
"""The condition for deleted videos that can be restored."""


@dataclass(slots=True)
class TrashRetention:
    """How many days deleted videos can be restored; `days` may change while the server runs."""

    clock: Clock
    days: int

    def deleted_at_ms(self, created_at_ms: int) -> int:
        """Return the time of a deletion now; never before the creation, since a wrong clock is mostly behind."""
        return max(self.clock.now_ms(), created_at_ms)

    def expired_before_ms(self) -> int:
        """Return the time of the last deletion that is over now."""
        return self.clock.now_ms() - self.days * DAY_MS


class Trash:
    """Soft-deletes, restores and purges videos."""

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        deletion: VideoDeletion,
        updater: VideoUpdater,
        audit: AuditLog,
        retention: TrashRetention,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._deletion = deletion
        self._updater = updater
        self._audit = audit
        self.retention = retention

    @property
    def retention_days(self) -> int:
        """How many days deleted videos can be restored."""
        return self.retention.days

    async def require(self, caller: Caller, public_id: str) -> Video:
        """Return a video in the trash, for its owner or an administrator.

        Raises:
            NotFound: there is none, or the caller may not restore it.
        """
        async with self._database.read() as connection:
            found = await read_videos(connection, select_videos().where(videos.c.public_id == public_id, IN_TRASH))
        if not found or not may_restore(caller, found[0].facts):
            raise VideoNotFound
        return found[0]

    def purge_at_ms(self, video: Video) -> int | None:
        """Return when a deleted video will be purged; None if it is not deleted."""
        return None if video.deleted_at_ms is None else video.deleted_at_ms + self.retention_days * DAY_MS

    async def soft_delete(self, tx: Transaction, video: Video, by: Actor, *, batch: str | None = None) -> None:
        """Move a video to the trash. One that is still uploading is purged, as is any if retention is 0 days.

        `batch` names the videos that are deleted together, and can be restored together.

        Raises:
            VideoNotFound: it is deleted already.
        """
        row = await require_not_deleted(tx, video.id)
        if self.retention_days == 0 or row["state"] == VideoState.UPLOADING:
            await self._deletion.purge(tx, video, by)
            return
        await self._lifecycle.stop(tx, video)
        await self._deletion.discard_pending_versions(tx, video)
        await self._lifecycle.add_timeline_entry(tx, video, "binned", "It was deleted, and is in the bin.")
        deleted_at = self.retention.deleted_at_ms(row["created_at_ms"])
        values = {"deleted_at_ms": deleted_at, "deletion_batch": batch}
        await tx.execute(update(videos).where(videos.c.id == video.id).values(**values))
        await self._forget_client_key(tx, video)
        await self._audit.record(tx, by, AuditEvent.VIDEO_DELETED, video.public_id, title=row["title"])
        await tx.bump_epoch()
        self._updater.publish_deleted(tx, video)

    async def restore(self, tx: Transaction, video: Video, by: Actor) -> None:
        """Restore a video, and queue its unfinished work again.

        Raises:
            Conflict: it is not in the trash any more.
        """
        row = await self._require_trashed(tx, video)
        values: dict[str, object] = {
            "deleted_at_ms": None,
            "deletion_batch": None,
            # Media URLs from before the deletion have answered 404, and must continue to.
            "access_generation": videos.c.access_generation + 1,
        }
        if row["duplicate"] == DUPLICATE_PENDING:
            values["duplicate"] = None  # restoring it answers the question
        unfinished = row["state"] in {VideoState.QUEUED, VideoState.PROCESSING}
        if unfinished:
            values |= {"state": VideoState.QUEUED.value, "stage": "Waiting", "progress": 0.0}
        await tx.execute(update(videos).where(videos.c.id == video.id).values(**values))
        await self._lifecycle.add_timeline_entry(tx, video, "restored", "It was brought back from the bin.")
        await self._lifecycle.resume(tx, video, row, unfinished=unfinished)
        await self._audit.record(tx, by, AuditEvent.VIDEO_RESTORED, video.public_id, title=row["title"])
        await tx.bump_epoch()
        self._updater.publish_restored(tx, video)

    async def purge(self, tx: Transaction, video: Video, by: Actor | None = None) -> None:
        """Purge a video in the trash. `by` is None if its retention is over.

        Raises:
            Conflict: it is not in the trash any more.
        """
        await self._require_trashed(tx, video)
        await self._deletion.purge(tx, video, by)

    async def expired(self) -> list[Video]:
        """Return videos in the trash whose retention is over, oldest first, up to 100."""
        query = select_videos().where(IN_TRASH, videos.c.deleted_at_ms <= self.retention.expired_before_ms())
        async with self._database.read() as connection:
            return await read_videos(connection, query.order_by(videos.c.deleted_at_ms, videos.c.id).limit(100))

    async def list_for_owner(self, owner_id: int) -> list[Video]:
        """Return an owner's videos in the trash, last deleted first."""
        query = select_videos().where(IN_TRASH, videos.c.owner_id == owner_id)
        async with self._database.read() as connection:
            return await read_videos(connection, query.order_by(videos.c.deleted_at_ms.desc(), videos.c.id.desc()))

    async def _require_trashed(self, tx: Transaction, video: Video) -> RowMapping:
        row = (await tx.execute(select(videos).where(videos.c.id == video.id, IN_TRASH))).mappings().first()
        if row is None:
            raise Conflict("This video is not in the bin any more.", code="not_binned")
        return row

    async def _forget_client_key(self, tx: Transaction, video: Video) -> None:
        """Allow uploading the same file again while this video is in the trash."""
        uploads = video_tables.uploads
        await tx.execute(update(uploads).where(uploads.c.video_id == video.id).values(client_key=None))
