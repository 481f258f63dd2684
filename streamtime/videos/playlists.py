"""Playlists: ordered lists of videos that an account makes, with a visibility like a video's.

A caller sees of a playlist only the videos that `shown_videos` allows. It is part of every query here and in
`playlist_items.py`, so neither lists nor counts, durations and covers tell of other videos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, false, func, insert, or_, select, tuple_, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import (
    Access,
    Caller,
    VideoAccessFacts,
    Visibility,
    listed_visibilities,
    require,
    watchable_visibilities,
)
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.tables.playlists import playlist_items, playlists
from streamtime.database.tables.sharing import playlist_grants
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import public_id
from streamtime.translation import gettext, number_text
from streamtime.videos.editing import MAX_TITLE, clean_description, clean_line
from streamtime.videos.events import EventBus, PlaylistChanged
from streamtime.videos.listing import MAX_LIMIT, PAGE_SIZE, NonNegative, decode_cursor, encode_cursor
from streamtime.videos.video import Video, select_videos, video_from_row
from streamtime.videos.viewers import grant_count, read_playlist_viewers, shared_playlists, shared_videos

MAX_PLAYLISTS = 1_000
"""Playlists of one account."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist without its videos."""

    id: int
    public_id: str
    owner_id: int
    owner_name: str
    owner_shown_name: str
    owner_public_id: str
    owner_picture_version: int
    title: str
    description: str
    visibility: Visibility
    created_at_ms: int
    updated_at_ms: int
    grants: int = 0
    """The number of people and groups that it is shared with."""
    viewers: frozenset[int] = frozenset()
    """Row ids of the accounts that it is shared with; only read for single playlists."""

    @property
    def facts(self) -> VideoAccessFacts:
        """The facts for access checks, which are the same as for a video."""
        return VideoAccessFacts(self.public_id, self.owner_id, self.visibility, deleted=False, viewers=self.viewers)


@dataclass(frozen=True, slots=True)
class PlaylistSummary:
    """A playlist, and what its videos that the caller sees amount to. `cover` is the first of them."""

    playlist: Playlist
    count: int
    duration_ms: int
    cover: Video | None


@dataclass(frozen=True, slots=True)
class PlaylistPage:
    """One page of playlists, and the cursor of the next page if there is one."""

    items: list[PlaylistSummary]
    next: str | None


@dataclass(frozen=True, slots=True)
class PlaylistEdit:
    """Changes to a playlist; None leaves a field unchanged."""

    title: str | None = None
    description: str | None = None
    visibility: Visibility | None = None


def shown_videos(caller: Caller) -> ColumnElement[bool]:
    """Return which videos of a playlist the caller sees, as a condition on `videos` joined with `playlists`.

    These are the videos that they may find: listed ones, those shared with them, and their own. An unlisted video is
    also shown in its owner's own unlisted playlists, whose link is given to people like that of the video, and to an
    account in the playlists to which it added the video by its link.
    """
    if caller.only_video is not None:
        return false()
    watchable = watchable_visibilities(caller)
    others: list[ColumnElement[bool]] = [videos.c.visibility.in_([each.value for each in listed_visibilities(caller)])]
    if Visibility.UNLISTED in watchable:
        unlisted = Visibility.UNLISTED.value
        same_owner = videos.c.owner_id == playlists.c.owner_id
        others.append(and_(videos.c.visibility == unlisted, playlists.c.visibility == unlisted, same_owner))
    if caller.signed_in:
        own_list = playlists.c.owner_id == caller.user_id
        added = own_list if caller.is_admin else and_(own_list, videos.c.visibility.in_([v.value for v in watchable]))
        others += [added, shared_videos(caller)]
    shown = and_(videos.c.playable, or_(*others))
    if caller.signed_in:
        shown = or_(shown, videos.c.owner_id == caller.user_id)
    return and_(videos.c.deleted_at_ms.is_(None), shown)


def shown_items(caller: Caller, *columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Select columns of the items that the caller sees, joined with `playlists` and `videos`."""
    joined: Select[*tuple[Any, ...]] = select(*columns).select_from(playlist_items)
    joined = joined.join(playlists, playlists.c.id == playlist_items.c.playlist_id)
    return joined.join(videos, videos.c.id == playlist_items.c.video_id).where(shown_videos(caller))


class Playlists:
    """Creates, finds, lists, changes and deletes playlists."""

    def __init__(self, database: Database, bus: EventBus, clock: Clock) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock

    async def create(self, owner_id: int, new: PlaylistEdit) -> str:
        """Create an empty playlist, by default a private one, and return its public id.

        Raises:
            Invalid: the title is missing, or a text is too long.
            Conflict: the account has too many playlists.
        """
        now, visibility = self._clock.now_ms(), new.visibility or Visibility.PRIVATE
        values = {
            "public_id": public_id(),
            "owner_id": owner_id,
            "title": _clean_title(new.title or ""),
            "description": clean_description(new.description or ""),
            "visibility": visibility.value,
            "created_at_ms": now,
            "updated_at_ms": now,
        }

        async def body(tx: Transaction) -> None:
            query = select(func.count()).select_from(playlists).where(playlists.c.owner_id == owner_id)
            if (await tx.execute(query)).scalar_one() >= MAX_PLAYLISTS:
                raise Conflict(
                    gettext("An account has at most %(most)s playlists.", most=number_text(MAX_PLAYLISTS)),
                    code="too_many_playlists",
                )
            await tx.execute(insert(playlists).values(**values))

        await self._database.write(body)
        return str(values["public_id"])

    async def require(self, caller: Caller, playlist: str, wanted: Access) -> Playlist:
        """Return a playlist if the caller has the `wanted` access to it.

        Raises:
            NotFound: there is none, or the caller may not know of it.
            Forbidden: the caller may see it, but not change it.
        """
        async with self._database.read() as connection:
            query = _select_playlists().where(playlists.c.public_id == playlist)
            row = (await connection.execute(query)).mappings().first()
            viewers = frozenset() if row is None else await read_playlist_viewers(connection, row["id"])
        if row is None:
            raise NotFound
        found = replace(_playlist(row), viewers=viewers)
        require(caller, found.facts, wanted, what="playlist")
        return found

    async def summary(self, caller: Caller, playlist: Playlist) -> PlaylistSummary:
        """Return a playlist with what the caller sees of it."""
        async with self._database.read() as connection:
            return (await _summaries(connection, caller, [playlist]))[0]

    async def page(
        self,
        caller: Caller,
        *,
        own: bool = False,
        shared: bool = False,
        owner_id: int | None = None,
        limit: int = PAGE_SIZE,
        cursor: str = "",
    ) -> PlaylistPage:
        """Return playlists that the caller may find, the last changed first: their own, and listed ones of others.

        Those of others that show the caller no video are left out, unless they are shared with the caller. With `own`,
        only their own are returned, with `shared` only those shared with them, with `owner_id` only those of that
        account.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"Ask for 1 to {MAX_LIMIT} playlists at a time.", field="limit")
        key = tuple_(playlists.c.updated_at_ms, playlists.c.id)
        query = _select_playlists().where(_findable(caller, own=own))
        if shared:
            query = query.where(shared_playlists(caller))
        if owner_id is not None:
            query = query.where(playlists.c.owner_id == owner_id)
        if cursor:
            query = query.where(key < tuple_(*decode_cursor(cursor, (NonNegative, NonNegative))))
        query = _newest(query).limit(limit + 1)
        async with self._database.read() as connection:
            found = [_playlist(row) for row in (await connection.execute(query)).mappings()]
            items = await _summaries(connection, caller, found[:limit])
        last = found[limit - 1] if len(found) > limit else None
        return PlaylistPage(items, None if last is None else encode_cursor([last.updated_at_ms, last.id]))

    async def titles(self, owner_id: int, *, limit: int) -> dict[str, str]:
        """Return the titles of an account's playlists by public id, the last changed first."""
        query = select(playlists.c.public_id, playlists.c.title).where(playlists.c.owner_id == owner_id)
        query = query.order_by(playlists.c.updated_at_ms.desc(), playlists.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def edit(self, playlist: Playlist, changes: PlaylistEdit) -> None:
        """Change title, description and visibility, all or none.

        Raises:
            Invalid: the title is empty, or a text is too long.
            NotFound: it has been deleted meanwhile.
        """
        values: dict[str, object] = {"updated_at_ms": self._clock.now_ms()}
        if changes.title is not None:
            values["title"] = _clean_title(changes.title)
        if changes.description is not None:
            values["description"] = clean_description(changes.description)
        if changes.visibility is not None:
            values["visibility"] = changes.visibility.value

        async def body(tx: Transaction) -> None:
            done = await tx.execute(update(playlists).where(playlists.c.id == playlist.id).values(**values))
            if done.rowcount == 0:
                raise NotFound
            tx.after_commit(lambda: self._bus.publish(PlaylistChanged(playlist.public_id)))

        await self._database.write(body)

    async def delete(self, playlist: Playlist) -> None:
        """Delete a playlist. Its videos stay.

        Raises:
            NotFound: it has been deleted already.
        """

        async def body(tx: Transaction) -> None:
            if (await tx.execute(delete(playlists).where(playlists.c.id == playlist.id))).rowcount == 0:
                raise NotFound
            await tx.bump_epoch()  # share links to it show nothing any more
            tx.after_commit(lambda: self._bus.publish(PlaylistChanged(playlist.public_id)))

        await self._database.write(body)


def _findable(caller: Caller, *, own: bool) -> ColumnElement[bool]:
    is_own = playlists.c.owner_id == (caller.user_id if caller.signed_in else -1)
    if own:
        return is_own
    listed = playlists.c.visibility.in_([each.value for each in listed_visibilities(caller)])
    # The items are correlated with the playlist of the outer query.
    some = select(playlist_items.c.video_id).join(videos, videos.c.id == playlist_items.c.video_id)
    some = some.where(playlist_items.c.playlist_id == playlists.c.id, shown_videos(caller)).correlate(playlists)
    return or_(is_own, and_(listed, some.exists()), shared_playlists(caller))


@dataclass(frozen=True, slots=True)
class PlaylistSums:
    """What the videos of a playlist that a caller sees amount to. `cover_id`: the row id of the first of them."""

    count: int
    duration_ms: int
    cover_id: int | None


async def playlist_sums(
    connection: AsyncConnection, caller: Caller, found: Sequence[Playlist]
) -> dict[int, PlaylistSums]:
    """Return the sums of these playlists by row id; of those that show the caller no video, none."""
    total, first = func.coalesce(func.sum(videos.c.duration_ms), 0), func.min(playlist_items.c.position)
    # SQLite takes a column without an aggregate from the row that has the minimum.
    query = shown_items(
        caller, playlist_items.c.playlist_id, func.count(), total, first, playlist_items.c.video_id.label("cover")
    )
    query = query.where(playlist_items.c.playlist_id.in_([each.id for each in found]))
    rows = await connection.execute(query.group_by(playlist_items.c.playlist_id))
    return {row[0]: PlaylistSums(row[1], row[2], row.cover) for row in rows}


async def _summaries(connection: AsyncConnection, caller: Caller, found: Sequence[Playlist]) -> list[PlaylistSummary]:
    sums = await playlist_sums(connection, caller, found)
    covers = [each.cover_id for each in sums.values()]
    rows = (await connection.execute(select_videos().where(videos.c.id.in_(covers)))).mappings() if covers else ()
    return summarized(found, sums, {row["id"]: video_from_row(row, ()) for row in rows})  # covers show no tags


def summarized(
    found: Sequence[Playlist], sums: Mapping[int, PlaylistSums], covers: Mapping[int, Video]
) -> list[PlaylistSummary]:
    """Return these playlists with their sums. `covers`: videos by row id."""
    nothing = PlaylistSums(0, 0, None)
    each_with_sums = ((each, sums.get(each.id, nothing)) for each in found)
    return [
        PlaylistSummary(each, of.count, of.duration_ms, covers.get(of.cover_id or 0)) for each, of in each_with_sums
    ]


async def newest_playlists(connection: AsyncConnection, caller: Caller, limit: int) -> list[Playlist]:
    """Return playlists that the caller may find, the last changed first."""
    query = _newest(_select_playlists().where(_findable(caller, own=False))).limit(limit)
    return [_playlist(row) for row in (await connection.execute(query)).mappings()]


def _newest(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.order_by(playlists.c.updated_at_ms.desc(), playlists.c.id.desc())


def _clean_title(text: str) -> str:
    title = clean_line(text)
    if not 1 <= len(title) <= MAX_TITLE:
        raise Invalid(
            gettext("Give the playlist a title of 1 to %(most)s characters.", most=number_text(MAX_TITLE)),
            field="title",
        )
    return title


def _select_playlists() -> Select[*tuple[Any, ...]]:
    of_owner = [
        users.c[name].label(f"owner_{name}") for name in ("public_id", "name", "display_name", "picture_version")
    ]
    grants = grant_count(playlist_grants, playlist_grants.c.playlist_id, playlists.c.id).label("grants")
    return select(playlists, *of_owner, grants).join_from(playlists, users, onclause=playlists.c.owner_id == users.c.id)


def _playlist(row: RowMapping) -> Playlist:
    return Playlist(
        id=row["id"],
        public_id=row["public_id"],
        owner_id=row["owner_id"],
        owner_name=row["owner_name"],
        owner_shown_name=row["owner_display_name"] or row["owner_name"],
        owner_public_id=row["owner_public_id"],
        owner_picture_version=row["owner_picture_version"],
        title=row["title"],
        description=row["description"],
        visibility=Visibility(row["visibility"]),
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        grants=row["grants"],
    )
