"""Find single videos with an access check, update their rows, and check who may see the profiles of owners."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import VISIBLE_TO_ANONYMOUS, Access, Caller, may_view_profile, require
from streamtime.auth.users import User
from streamtime.database.people_tables import users
from streamtime.database.tables import video_tags, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.videos.events import ChangeKind, VideoEventPublisher
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.video import Video, video_from_row


class ProfileVisibility:
    """Checks who may see the profile of a user.

    Signed-in callers may see all; others only that of users with a video that they may watch.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, caller: Caller, person: User) -> None:
        """Check that the caller may see a profile.

        Raises:
            NotFound: the caller may not know that the user exists.
        """
        if not may_view_profile(caller, shows_something=caller.signed_in or await self._shows_something(person)):
            raise NotFound

    async def _shows_something(self, person: User) -> bool:
        visibilities = [visibility.value for visibility in VISIBLE_TO_ANONYMOUS]
        query = select(videos.c.id).where(
            videos.c.owner_id == person.id, videos.c.deleted_at_ms.is_(None), videos.c.visibility.in_(visibilities)
        )
        async with self._database.read() as connection:
            return (await connection.execute(query.limit(1))).first() is not None


class VideoNotFound(NotFound):
    """The video does not exist or was deleted."""


class Videos:
    """Finds single videos that are not deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, caller: Caller, public_id: str, wanted: Access) -> Video:
        """Return a video if the caller has the `wanted` access to it.

        Raises:
            NotFound: there is none, or the caller may not know of it.
            Forbidden: the caller may see it, but has not the wanted access.
        """
        video = await self.by_public_id(public_id)
        require(caller, video.facts, wanted)
        return video

    async def by_public_id(self, public_id: str) -> Video:
        """Return the video with that public id. The caller of this method must check access.

        Raises:
            NotFound: there is none.
        """
        return await self._one(videos.c.public_id == public_id)

    async def by_id(self, video_id: int) -> Video:
        """Return the video with that row id, without an access check.

        Raises:
            NotFound: there is none.
        """
        return await self._one(videos.c.id == video_id)

    async def by_ids(self, video_ids: Collection[int]) -> dict[int, Video]:
        """Return those of these videos that exist, by row id, without an access check."""
        query = select_videos().where(videos.c.id.in_(video_ids), videos.c.deleted_at_ms.is_(None))
        async with self._database.read() as connection:
            return {video.id: video for video in await read_videos(connection, query)}

    async def _one(self, condition: ColumnElement[bool]) -> Video:
        async with self._database.read() as connection:
            found = await read_videos(connection, select_videos().where(condition, videos.c.deleted_at_ms.is_(None)))
        if not found:
            raise VideoNotFound
        return found[0]


async def require_not_deleted(tx: Transaction, video_id: int) -> RowMapping:
    """Return the video's current row within a write transaction.

    Raises:
        VideoNotFound: it has been deleted.
    """
    query = select(videos).where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None))
    row = (await tx.execute(query)).mappings().first()
    if row is None:
        raise VideoNotFound
    return row


def select_videos() -> Select[tuple[object, ...]]:
    """Select the columns that `read_videos` needs."""
    of_owner = [
        users.c[name].label(f"owner_{name}") for name in ("public_id", "name", "display_name", "picture_version")
    ]
    return select(videos, *of_owner).join_from(videos, users, onclause=videos.c.owner_id == users.c.id)


async def read_videos(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> list[Video]:
    """Run a `select_videos()` query and return the videos with their tags, in its order."""
    rows = (await connection.execute(query)).mappings().all()
    tags = await _tags(connection, [row["id"] for row in rows])
    return [video_from_row(row, tags.get(row["id"], ())) for row in rows]


async def _tags(connection: AsyncConnection, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    if not ids:
        return {}
    query = select(video_tags.c.video_id, video_tags.c.tag).where(video_tags.c.video_id.in_(ids))
    tags: dict[int, tuple[str, ...]] = {}
    for video_id, tag in await connection.execute(query.order_by(video_tags.c.video_id, video_tags.c.position)):
        tags[video_id] = (*tags.get(video_id, ()), tag)
    return tags


class VideoUpdater:
    """Updates rows of videos, publishes the change, and forgets the progress of a video whose processing ends."""

    def __init__(self, publisher: VideoEventPublisher, progress: ProgressTracker) -> None:
        self._publisher = publisher
        self._progress = progress

    async def update(self, tx: Transaction, video: Video, **values: object) -> None:
        """Update these columns.

        Raises:
            VideoNotFound: it has been deleted.
        """
        done = await tx.execute(
            update(videos).where(videos.c.id == video.id, videos.c.deleted_at_ms.is_(None)).values(**values)
        )
        if done.rowcount == 0:
            raise VideoNotFound
        self._publisher.publish_on_commit(tx, video)

    def clear_progress(self, tx: Transaction, video: Video) -> None:
        """Forget the progress of a video when `tx` is committed."""
        tx.after_commit(lambda: self._progress.clear(video.id))

    def publish_deleted(self, tx: Transaction, video: Video) -> None:
        """When `tx` is committed, publish that a video has been deleted, and forget its progress."""
        self._publisher.publish_on_commit(tx, video, ChangeKind.DELETED)
        self.clear_progress(tx, video)

    def publish_restored(self, tx: Transaction, video: Video) -> None:
        """Publish that a deleted video is back when `tx` is committed."""
        self._publisher.publish_on_commit(tx, video, ChangeKind.CREATED)
