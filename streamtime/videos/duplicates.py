"""Find videos of one owner with the same original. The owner decides whether to keep both or delete the later one.

Videos never share objects, so deleting one can't affect another.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, select, update
from sqlalchemy.engine import RowMapping

from streamtime.database.tables.storage import objects
from streamtime.database.tables.videos import uploads, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.translation import gettext_noop
from streamtime.videos.events import Timeline
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.video import Video, VideoState, require_not_deleted, subject_of

DUPLICATE_PENDING = "asked"
"""The video is not processed until its owner decides."""

DUPLICATE_KEPT = "kept"
"""The owner keeps both."""

WAITING_STAGE = gettext_noop("Waiting for you: you have this already")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The earlier video with the same original."""

    public_id: str
    title: str
    in_trash: bool


class Duplicates:
    """Finds duplicates, and stores the decisions of their owners."""

    def __init__(self, database: Database, work_queue: WorkQueue, updater: VideoUpdater, timeline: Timeline) -> None:
        self._database = database
        self._work_queue = work_queue
        self._updater = updater
        self._timeline = timeline

    async def find_for_videos(self, found: Collection[Video]) -> dict[int, Duplicate]:
        """Return the duplicates of these videos by row id, without those that the owner decided to keep."""
        undecided = [
            video.id for video in found if video.source_object_id is not None and video.duplicate != DUPLICATE_KEPT
        ]
        if not undecided:
            return {}
        async with self._database.read() as connection:
            rows = (await connection.execute(_duplicates_query(undecided))).mappings().all()
        return {row["later"]: _duplicate(row) for row in rows}

    async def find_exact(self, tx: Transaction, video: Video) -> Duplicate | None:
        """Return the duplicate of a video whose upload completes in this transaction."""
        row = (await tx.execute(_duplicates_query([video.id]))).mappings().first()
        return _duplicate(row) if row else None

    async def find_probable(self, video_id: int) -> Duplicate | None:
        """Return a likely duplicate of a video that is still uploading: same owner, file name and length."""
        new = videos.alias("new")
        query = (
            select(videos.c.public_id, videos.c.title, videos.c.deleted_at_ms)
            .join_from(new, uploads, uploads.c.video_id == new.c.id)
            .join(objects, objects.c.bytes == uploads.c.length_bytes)
            .join(videos, videos.c.source_object_id == objects.c.id)
            .where(
                new.c.id == video_id,
                videos.c.id < new.c.id,
                videos.c.owner_id == new.c.owner_id,
                videos.c.source_name == new.c.source_name,
                videos.c.purged_at_ms.is_(None),
                videos.c.version_of.is_(None),
                objects.c.owner_id == new.c.owner_id,
                objects.c.kind == "source",
                objects.c.state == "live",
            )
            .order_by(videos.c.deleted_at_ms.is_not(None), videos.c.id)
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _duplicate(row) if row else None

    async def keep_both(self, tx: Transaction, video: Video) -> None:
        """Keep a video beside its duplicate, and process it if it was waiting for this decision.

        Raises:
            VideoNotFound: it was deleted meanwhile.
        """
        row = await require_not_deleted(tx, video.id)
        await tx.execute(update(videos).where(videos.c.id == video.id).values(duplicate=DUPLICATE_KEPT))
        await self._timeline.add(tx, video.id, "kept_both", "Kept beside the video with the same bytes.")
        if row["duplicate"] == DUPLICATE_PENDING and row["state"] == VideoState.QUEUED:
            await self._updater.update(tx, video, stage="Waiting")
            await self._work_queue.prepare(tx, video)

    async def resume_unblocked(self, tx: Transaction, owner_id: int) -> None:
        """Process videos of an owner that wait for a decision but have no duplicate left."""
        waiting = select(videos.c.id).where(
            videos.c.owner_id == owner_id, videos.c.duplicate == DUPLICATE_PENDING, videos.c.deleted_at_ms.is_(None)
        )
        unblocked = set((await tx.execute(waiting)).scalars())
        if not unblocked:
            return
        unblocked -= {row["later"] for row in (await tx.execute(_duplicates_query(unblocked))).mappings()}
        for video_id in unblocked:
            await tx.execute(update(videos).where(videos.c.id == video_id).values(duplicate=None, stage="Waiting"))
            await self._work_queue.prepare_by_subject(tx, subject_of(video_id), owner_id)


def _duplicates_query(video_ids: Collection[int]) -> Select[int, str, str, int | None]:
    """Select earlier videos of the same owner with the same bytes.

    Videos outside the trash come last: `find_for_videos` keeps the last row of each video.
    """
    late, late_source = videos.alias("late"), objects.alias("late_source")
    return (
        select(late.c.id.label("later"), videos.c.public_id, videos.c.title, videos.c.deleted_at_ms)
        .join_from(late, late_source, late.c.source_object_id == late_source.c.id)
        .join(objects, objects.c.sha256 == late_source.c.sha256)
        .join(videos, videos.c.source_object_id == objects.c.id)
        .where(
            late.c.id.in_(video_ids),
            videos.c.id < late.c.id,
            videos.c.owner_id == late.c.owner_id,
            videos.c.purged_at_ms.is_(None),
            videos.c.version_of.is_(None),
            late.c.version_of.is_(None),
            objects.c.bytes == late_source.c.bytes,
            objects.c.state == "live",
        )
        .order_by(videos.c.deleted_at_ms.is_(None), videos.c.id.desc())
    )


def _duplicate(row: RowMapping) -> Duplicate:
    return Duplicate(row["public_id"], row["title"], in_trash=row["deleted_at_ms"] is not None)
