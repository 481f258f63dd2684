"""The `Video` value, its row, and how single videos are found with an access check."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Select, and_, false, select, true
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import (
    VISIBLE_TO_ANONYMOUS,
    Access,
    Caller,
    VideoAccessFacts,
    Visibility,
    access_level,
    may_view_profile,
    require,
)
from streamtime.auth.users import User
from streamtime.database.tables.auth import users
from streamtime.database.tables.sharing import video_grants
from streamtime.database.tables.videos import video_tags, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.ids import public_id
from streamtime.videos.recording_date import RecordingDate, recorded_in
from streamtime.videos.renditions import StillsFacts
from streamtime.videos.viewers import grant_count, read_video_viewers
from streamtime.workers.protocol import PERMANENT_FAILURE_CODES


class VideoState(StrEnum):
    """The processing state of a video. Whether it can be watched is `playable`."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    TRASHED = "binned"
    """Never stored: the state shown for a video in the trash. Its row keeps the state to restore."""


@dataclass(frozen=True, slots=True)
class Video:
    """A video."""

    id: int
    public_id: str
    owner_id: int
    owner_name: str
    owner_shown_name: str
    """The display name, or else the user name."""
    owner_public_id: str
    owner_picture_version: int
    """0 without a picture."""
    title: str
    description: str
    tags: tuple[str, ...]
    state: VideoState
    playable: bool
    visibility: Visibility
    embeddable: bool
    """Whether other sites may embed it."""
    guest_name: str | None
    """The name that a guest entered for an upload without an account."""
    access_generation: int
    progress: float
    stage: str
    failure_code: str | None
    failure_message: str | None
    storage_prefix: str
    source_name: str
    source_facts: bytes | None
    wanted_rungs: tuple[str, ...]
    """Rungs that the owner requested by name; they are made even if they save little bandwidth."""
    source_object_id: int | None
    poster_object_id: int | None
    poster_version: int
    poster_ms: int | None
    """The moment that the owner chose for the poster; None for an automatic or an uploaded one."""
    poster_uploaded: bool
    """Whether the poster is a picture that the owner has uploaded."""
    chapters_chosen: bool
    """Whether the chapters are those that the owner wrote; else they are those of the file."""
    stills: StillsFacts | None
    stills_version: int
    duration_ms: int | None
    damaged_after_ms: int | None
    """How far a truncated or damaged original could be read."""
    width: int | None
    height: int | None
    views: int
    rotation: int
    """Degrees clockwise by which its owner has rotated it: 0, 90, 180 or 270."""
    version_of: int | None
    """Row id of the video that this is a hidden version of; see `versions.py`."""
    version_kind: str | None
    recorded: RecordingDate | None
    """When it was recorded: from its file, or as the owner set it."""
    created_at_ms: int
    published_at_ms: int | None
    deleted_at_ms: int | None
    duplicate: str | None
    """The owner's decision about a duplicate; see `duplicates.py`."""
    grants: int = 0
    """The number of people and groups that it is shared with by itself."""
    viewers: frozenset[int] = frozenset()
    """Row ids of the accounts that it is shared with; only read for single videos."""

    @property
    def display_state(self) -> VideoState:
        """The state shown to users."""
        return self.state if self.deleted_at_ms is None else VideoState.TRASHED

    @property
    def is_unrecoverable(self) -> bool:
        """Whether it failed because of its file, so that a retry can't help, and nothing of it plays."""
        return self.state is VideoState.FAILED and not self.playable and self.failure_code in PERMANENT_FAILURE_CODES

    @property
    def facts(self) -> VideoAccessFacts:
        """The facts for access checks."""
        deleted = self.deleted_at_ms is not None
        return VideoAccessFacts(self.public_id, self.owner_id, self.visibility, deleted, self.viewers)

    def new_key(self, ending: str) -> str:
        """Return a new random object key for this video."""
        return f"{self.storage_prefix}{public_id()}{ending}"

    @property
    def subject(self) -> str:
        """The subject of this video's jobs."""
        return subject_of(self.id)


def subject_of(video_id: int) -> str:
    """Return the subject of a video's jobs."""
    return f"video:{video_id}"


def video_id_of(subject: str) -> int:
    """Return the row id of the video that is a job's subject."""
    return int(subject.removeprefix("video:"))


def video_from_row(row: RowMapping, tags: tuple[str, ...]) -> Video:
    """Convert a row of `select_videos()`."""
    return Video(
        id=row["id"],
        public_id=row["public_id"],
        owner_id=row["owner_id"],
        owner_name=row["owner_name"],
        owner_shown_name=row["owner_display_name"] or row["owner_name"],
        owner_public_id=row["owner_public_id"],
        owner_picture_version=row["owner_picture_version"],
        title=row["title"],
        description=row["description"],
        tags=tags,
        state=VideoState(row["state"]),
        playable=bool(row["playable"]),
        visibility=Visibility(row["visibility"]),
        embeddable=bool(row["embeddable"]),
        guest_name=row["guest_name"],
        access_generation=row["access_generation"],
        progress=row["progress"],
        stage=row["stage"],
        failure_code=row["failure_code"],
        failure_message=row["failure_message"],
        storage_prefix=row["storage_prefix"],
        source_name=row["source_name"],
        source_facts=row["source_facts"],
        wanted_rungs=tuple(row["wanted_rungs"].split()),
        source_object_id=row["source_object_id"],
        poster_object_id=row["poster_object_id"],
        poster_version=row["poster_version"],
        poster_ms=row["poster_ms"],
        poster_uploaded=bool(row["poster_uploaded"]),
        chapters_chosen=bool(row["chapters_chosen"]),
        stills=msgspec.msgpack.decode(row["stills"], type=StillsFacts) if row["stills"] else None,
        stills_version=row["stills_version"],
        duration_ms=row["duration_ms"],
        damaged_after_ms=row["damaged_after_ms"],
        width=row["width"],
        height=row["height"],
        views=row["views"],
        rotation=row["rotation"],
        version_of=row["version_of"],
        version_kind=row["version_kind"],
        recorded=recorded_in(row),
        created_at_ms=row["created_at_ms"],
        published_at_ms=row["published_at_ms"],
        deleted_at_ms=row["deleted_at_ms"],
        duplicate=row["duplicate"],
        grants=row["grants"],
    )


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

    reason = "no_such_video"


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

    async def require_manageable(self, caller: Caller, public_id: str) -> Video:
        """Return the video with that public id if the caller may manage it.

        Raises:
            NotFound: they may not, even if they may watch it.
        """
        video = await self.by_public_id(public_id)
        if access_level(caller, video.facts) < Access.MANAGE:
            raise NotFound
        return video

    async def by_public_id(self, public_id: str) -> Video:
        """Return the video with that public id. The caller of this method must check access.

        Raises:
            NotFound: there is none.
        """
        return await self._one(and_(videos.c.public_id == public_id, videos.c.version_of.is_(None)))

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
            viewers = await read_video_viewers(connection, found[0].id) if found else frozenset()
        if not found:
            raise VideoNotFound
        return replace(found[0], viewers=viewers)


def manageable(caller: Caller) -> ColumnElement[bool]:
    """Return which videos a caller may manage, in any state, as `access_level` and `may_restore` decide for one."""
    if not caller.signed_in or caller.only_video is not None:
        return false()
    return true() if caller.is_admin else videos.c.owner_id == caller.user_id


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


async def require_same_content(tx: Transaction, video: Video) -> RowMapping:
    """Return the video's current row if no other version took its place since `video` was read.

    Raises:
        VideoNotFound: it has been deleted, or its content is another.
    """
    row = await require_not_deleted(tx, video.id)
    if row["storage_prefix"] != video.storage_prefix:
        raise VideoNotFound
    return row


def select_videos() -> Select[tuple[object, ...]]:
    """Select the columns that `read_videos` needs."""
    of_owner = [
        users.c[name].label(f"owner_{name}") for name in ("public_id", "name", "display_name", "picture_version")
    ]
    grants = grant_count(video_grants, video_grants.c.video_id, videos.c.id).label("grants")
    return select(videos, *of_owner, grants).join_from(videos, users, onclause=videos.c.owner_id == users.c.id)


async def read_videos(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> list[Video]:
    """Run a `select_videos()` query and return the videos with their tags, in its order."""
    rows = (await connection.execute(query)).mappings().all()
    tags = await _tags(connection, [row["id"] for row in rows])
    return [video_from_row(row, tags.get(row["id"], ())) for row in rows]


async def read_videos_in_order(connection: AsyncConnection, ids: Collection[int]) -> list[Video]:
    """Return the videos with these row ids, in this order; those that do not exist are omitted."""
    found = {each.id: each for each in await read_videos(connection, select_videos().where(videos.c.id.in_(ids)))}
    return [found[each] for each in ids if each in found]


async def _tags(connection: AsyncConnection, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    if not ids:
        return {}
    query = select(video_tags.c.video_id, video_tags.c.tag).where(video_tags.c.video_id.in_(ids))
    tags: dict[int, tuple[str, ...]] = {}
    for video_id, tag in await connection.execute(query.order_by(video_tags.c.video_id, video_tags.c.position)):
        tags[video_id] = (*tags.get(video_id, ()), tag)
    return tags
