"""What the start page shows a caller: videos that they have begun, the newest ones, tags, people and playlists.

The permission rule is part of each query. There are eight of them however large the library, and the counts of tags
and the order of people are those of the newest videos.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import Caller
from streamtime.database.tables.auth import users
from streamtime.database.tables.sharing import follows
from streamtime.database.tables.videos import video_tags, videos
from streamtime.database.transaction import Database
from streamtime.videos.listing import ListScope, Query, conditions, date_column, encode_cursor
from streamtime.videos.playlists import PlaylistSummary, newest_playlists, playlist_sums, summarized
from streamtime.videos.video import Video, read_videos, select_videos
from streamtime.videos.watching import Watch, Watching

RECENT = 200
"""Newest videos whose tags and owners are shown."""

SHOWN_BEGUN = 6
SHOWN_NEWEST = 8
SHOWN_PLAYLISTS = 4
SHOWN_PEOPLE = 6
SHOWN_TAGS = 10


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose videos are listed for the caller."""

    name: str
    shown_name: str
    public_id: str
    picture_version: int


@dataclass(frozen=True, slots=True)
class Home:
    """The parts of the start page. `next` is the cursor of the list of all videos after the newest ones."""

    begun: list[tuple[Video, Watch]]
    newest: list[tuple[Video, Watch | None]]
    next: str | None
    tags: list[str]
    people: list[Person]
    playlists: list[PlaylistSummary]
    follows: bool
    """Whether the caller follows a person or a playlist, if there are videos."""


class StartPage:
    """Reads the parts of the start page."""

    def __init__(self, database: Database, watching: Watching) -> None:
        self._database = database
        self._watching = watching

    async def read(self, caller: Caller) -> Home:
        """Return what the caller may find."""
        begun = await self._watching.unfinished(caller, SHOWN_BEGUN)
        async with self._database.read() as connection:
            recent = await _recent(connection, caller)
            lists = await newest_playlists(connection, caller, SHOWN_PLAYLISTS)
            sums = await playlist_sums(connection, caller, lists)
            newest = [row.id for row in recent[:SHOWN_NEWEST]]
            wanted = {*begun, *newest, *(each.cover_id for each in sums.values())}
            found = {
                video.id: video
                for video in await read_videos(connection, select_videos().where(videos.c.id.in_(wanted)))
            }
            tags = await _tags(connection, [row.id for row in recent])
        watched = {} if caller.user_id is None else await self._watching.of_videos(caller.user_id, newest)
        return Home(
            begun=[(found[each], watch) for each, watch in begun.items() if each in found],
            newest=[(found[each], watched.get(each)) for each in newest],
            next=_cursor_after(recent),
            tags=tags,
            people=_people(recent, caller),
            playlists=[each for each in summarized(lists, sums, found) if each.count],
            follows=bool(recent and recent[0].follows),
        )


async def _recent(connection: AsyncConnection, caller: Caller) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the newest videos that are listed for the caller, with owner, and whether the caller follows anyone."""
    published = date_column(ListScope.LISTED)
    owner = (users.c.public_id, users.c.name, users.c.display_name, users.c.picture_version)
    following = select(follows.c.id).where(follows.c.user_id == (caller.user_id or -1)).exists().label("follows")
    query = select(videos.c.id, published.label("published"), videos.c.owner_id, *owner, following)
    query = query.join(users, videos.c.owner_id == users.c.id)
    query = query.where(*conditions(caller, Query(scope=ListScope.LISTED)))
    query = query.order_by(published.desc(), videos.c.id.desc()).limit(RECENT)
    return (await connection.execute(query)).all()


def _cursor_after(recent: Sequence[Row[*tuple[Any, ...]]]) -> str | None:
    """Return the cursor of `Listing.page` after the newest videos; None if these are all."""
    if len(recent) <= SHOWN_NEWEST:
        return None
    last = recent[SHOWN_NEWEST - 1]
    return encode_cursor([last.published, last.id])


def _people(recent: Sequence[Row[*tuple[Any, ...]]], caller: Caller) -> list[Person]:
    """Return the owners of the newest videos without the caller, the one of the newest first."""
    owners = {
        row.owner_id: Person(row.name, row.display_name or row.name, row.public_id, row.picture_version)
        for row in recent
        if row.owner_id != caller.user_id
    }
    return list(owners.values())[:SHOWN_PEOPLE]


async def _tags(connection: AsyncConnection, recent: Collection[int]) -> list[str]:
    """Return the tags of these videos, the most frequent first."""
    query = select(func.min(video_tags.c.tag)).where(video_tags.c.video_id.in_(recent))
    query = query.group_by(video_tags.c.tag_folded).order_by(func.count().desc(), video_tags.c.tag_folded)
    return list((await connection.execute(query.limit(SHOWN_TAGS))).scalars())
