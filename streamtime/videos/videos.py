"""Changing what stands in a video's row, unless the video is gone. Every change is told to the pages that watch.

Finding single videos, and the one check of who may have them.

Whose name and picture somebody may see: everybody's with an account; else those of whom a video can be watched.
"""

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
from streamtime.videos.events import VideoEventPublisher
from streamtime.videos.video import Video, video_from_row


class ProfileVisibility:
    """Knows who may know whom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, caller: Caller, person: User) -> None:
        """Let pass, or raise.

        Raises:
            NotFound: the caller may not know that there is such a person.
        """
        if not may_view_profile(caller, shows_something=caller.signed_in or await self._shows_something(person)):
            raise NotFound

    async def _shows_something(self, person: User) -> bool:
        shown = [visibility.value for visibility in VISIBLE_TO_ANONYMOUS]
        theirs = select(videos.c.id).where(
            videos.c.owner_id == person.id, videos.c.deleted_at_ms.is_(None), videos.c.visibility.in_(shown)
        )
        async with self._database.read() as connection:
            return (await connection.execute(theirs.limit(1))).first() is not None


class VideoNotFound(NotFound):
    """There is no such video, or there was one until a moment ago."""


class Videos:
    """Looks videos up. A deleted one is not there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, caller: Caller, public_id: str, wanted: Access) -> Video:
        """The video, if the caller may do that with it.

        Raises:
            NotFound: there is none, or the caller may not know of it.
            Forbidden: the caller sees it, but may not do this.
        """
        video = await self.by_public_id(public_id)
        require(caller, video.facts, wanted)
        return video

    async def by_public_id(self, public_id: str) -> Video:
        """The video of that public id, for a caller whose right to it is decided next.

        Raises:
            NotFound: there is none.
        """
        return await self._one(videos.c.public_id == public_id)

    async def by_id(self, video_id: int) -> Video:
        """The video with that row id, for work that the server does by itself.

        Raises:
            NotFound: there is none any more.
        """
        return await self._one(videos.c.id == video_id)

    async def by_ids(self, video_ids: Collection[int]) -> dict[int, Video]:
        """Those of these videos that still exist, by row id, for work that the server does by itself."""
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
    """The video's row as a write transaction sees it: what was read before may have changed since.

    Raises:
        VideoGone: it has been deleted.
    """
    query = select(videos).where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None))
    row = (await tx.execute(query)).mappings().first()
    if row is None:
        raise VideoNotFound
    return row


def select_videos() -> Select[tuple[object, ...]]:
    """The columns that `read_videos` needs."""
    of_owner = [
        users.c[name].label(f"owner_{name}") for name in ("public_id", "name", "display_name", "picture_version")
    ]
    return select(videos, *of_owner).join_from(videos, users, onclause=videos.c.owner_id == users.c.id)


async def read_videos(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> list[Video]:
    """The videos of a `selection()`, with their tags, in the order of the query."""
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
    """Writes columns of videos."""

    def __init__(self, publisher: VideoEventPublisher) -> None:
        self._publisher = publisher

    async def update(self, tx: Transaction, video: Video, **values: object) -> None:
        """Write these columns, by name.

        Raises:
            VideoGone: it has been deleted.
        """
        done = await tx.execute(
            update(videos).where(videos.c.id == video.id, videos.c.deleted_at_ms.is_(None)).values(**values)
        )
        if done.rowcount == 0:
            raise VideoNotFound
        self._publisher.publish_on_commit(tx, video)
