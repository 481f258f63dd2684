"""Versions of a video: a new one is prepared beside it, then takes its place in one transaction.

A version is a hidden video: its row names the video that it belongs to (`version_of`), and no list, search or URL shows
it. It is processed like any other. When it is ready, its content (the original, renditions, stills) and that of the
video are exchanged (`adoption.py`). If it fails or is cancelled, the video stays as it is.

What a cut or a new file has replaced stays as the previous version, and can be restored or deleted. A rotation shares
the original with its video, so nothing of the version before it is kept.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Visibility
from streamtime.clock import Clock, EpochMs
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, NotFound
from streamtime.ids import public_id
from streamtime.videos.adoption import Adoption
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.events import Timeline
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.video import Video, VideoState, read_videos, require_not_deleted, select_videos


class VersionKind(StrEnum):
    """How a version differs from its video."""

    ROTATED = "rotate"
    REPLACED = "replace"
    CUT = "cut"
    PREVIOUS = "previous"
    """What another version has replaced."""


PENDING_KINDS = frozenset({VersionKind.ROTATED, VersionKind.REPLACED, VersionKind.CUT})
"""Kinds of versions that take the place of their video once they are ready."""

QUARTER_TURNS = (90, 180, 270)
_FULL_TURN = 360
_COPIED = ("owner_id", "title", "title_folded", "source_name", "wanted_rungs", "rotation", "poster_ms")
"""What a version has in common with its video at first."""


@dataclass(frozen=True, slots=True)
class VersionsOfVideo:
    """The version of a video that is being prepared, and the previous one; each may be missing."""

    pending: Video | None = None
    previous: Video | None = None


class Versions:
    """Creates, finds, discards and restores versions."""

    def __init__(
        self,
        database: Database,
        work_queue: WorkQueue,
        deletion: VideoDeletion,
        adoption: Adoption,
        timeline: Timeline,
        clock: Clock,
    ) -> None:
        self._database = database
        self._work_queue = work_queue
        self._deletion = deletion
        self._adoption = adoption
        self._timeline = timeline
        self._clock = clock

    async def of_video(self, video: Video) -> VersionsOfVideo:
        """Return the versions of a video."""
        query = select_videos().where(videos.c.version_of == video.id, videos.c.deleted_at_ms.is_(None))
        async with self._database.read() as connection:
            found = await read_videos(connection, query)
        return VersionsOfVideo(
            next((one for one in found if one.version_kind in PENDING_KINDS), None),
            next((one for one in found if one.version_kind == VersionKind.PREVIOUS), None),
        )

    async def rotate(self, video: Video, degrees: int) -> None:
        """Prepare the video again, rotated clockwise by `degrees`, one of `QUARTER_TURNS`.

        Raises:
            Conflict: the original was not kept, or as for `create`.
            NotFound: the video was deleted meanwhile.
        """

        async def body(tx: Transaction) -> None:
            row = await require_not_deleted(tx, video.id)
            if row["source_object_id"] is None:
                raise Conflict("The original was not kept, so nothing can be made of it.", code="no_original")
            rotation = (row["rotation"] + degrees) % _FULL_TURN
            source = {"source_object_id": row["source_object_id"], "rotation": rotation}
            version_id, _ = await create_version(tx, video, VersionKind.ROTATED, self._clock.now_ms(), **source)
            await self._timeline.add(tx, video.id, "version_begun", "A rotated version is being prepared.")
            await self._work_queue.prepare_by_subject(tx, f"video:{version_id}", row["owner_id"])

        await self._database.write(body)

    async def discard_pending(self, video: Video) -> None:
        """Cancel the version that is being prepared; the video stays as it is.

        Raises:
            NotFound: there is none.
        """

        async def body(tx: Transaction) -> None:
            await self._deletion.purge(tx, await self._one(tx, video, *PENDING_KINDS))
            await self._timeline.add(tx, video.id, "version_cancelled", "The new version was cancelled.")

        await self._database.write(body)

    async def discard_previous(self, video: Video) -> None:
        """Delete the previous version.

        Raises:
            NotFound: there is none.
        """

        async def body(tx: Transaction) -> None:
            await self._deletion.purge(tx, await self._one(tx, video, VersionKind.PREVIOUS))
            await self._timeline.add(tx, video.id, "version_deleted", "The previous version was deleted.")

        await self._database.write(body)

    async def restore_previous(self, video: Video) -> None:
        """Put the previous version back in the place of the present one, which is deleted.

        Raises:
            NotFound: there is none.
            Conflict: another version is being prepared.
        """

        async def body(tx: Transaction) -> None:
            previous = await self._one(tx, video, VersionKind.PREVIOUS)
            await require_no_pending_version(tx, video.id)
            await self._adoption.restore(tx, video, previous)

        await self._database.write(body)

    async def _one(self, tx: Transaction, video: Video, *kinds: VersionKind) -> Video:
        row = await _find(tx, video.id, *kinds)
        if row is None:
            raise NotFound
        return await self._adoption.version(tx, row["id"])


async def create_version(
    tx: Transaction, video: Video, kind: VersionKind, now_ms: EpochMs, **values: object
) -> tuple[int, str]:
    """Insert a version of a video, with further columns. Returns its row id and the object key of its source.

    Raises:
        Conflict: the video is being processed, or another version of it is being prepared.
        NotFound: the video was deleted meanwhile.
    """
    row = await require_not_deleted(tx, video.id)
    if row["state"] not in {VideoState.READY, VideoState.FAILED}:
        raise Conflict("It is being prepared. Try again when that is complete.", code="in_preparation")
    await require_no_pending_version(tx, video.id)
    prefix = f"videos/{public_id()}/"
    copied = {name: row[name] for name in _COPIED}
    made = {
        "public_id": public_id(),
        "title_chosen": True,
        "state": VideoState.QUEUED.value,
        "stage": "Waiting",
        "visibility": Visibility.PRIVATE.value,
        "storage_prefix": prefix,
        "created_at_ms": now_ms,
        "version_of": video.id,
        "version_kind": kind.value,
    }
    statement = insert(videos).values(**{**copied, **made, **values})
    version_id: int = (await tx.execute(statement.returning(videos.c.id))).scalar_one()
    return version_id, f"{prefix}source"


async def require_no_pending_version(tx: Transaction, video_id: int) -> None:
    """Check that no version of a video is being prepared.

    Raises:
        Conflict: one is.
    """
    if await _find(tx, video_id, *PENDING_KINDS) is not None:
        message = "Another version of this video is being prepared. Wait for it, or cancel it."
        raise Conflict(message, code="version_pending")


async def _find(tx: Transaction, video_id: int, *kinds: VersionKind) -> RowMapping | None:
    query = select(videos.c.id).where(
        videos.c.version_of == video_id,
        videos.c.version_kind.in_([kind.value for kind in kinds]),
        videos.c.deleted_at_ms.is_(None),
    )
    return (await tx.execute(query)).mappings().first()
