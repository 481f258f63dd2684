"""The videos of a playlist: list, add, remove, order them, and play through them.

Positions are dense in a playlist and count all its videos. A video that the caller does not see keeps its position
when the others are ordered.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import Caller
from streamtime.clock import Clock
from streamtime.database.tables.playlists import playlist_items, playlists
from streamtime.database.tables.sharing import playlist_grants
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.translation import gettext, number_text
from streamtime.videos.announcements import Announcements
from streamtime.videos.episodes import Episode, find_episode
from streamtime.videos.events import EventBus, PlaylistChanged
from streamtime.videos.listing import MAX_LIMIT, NonNegative, decode_cursor, encode_cursor
from streamtime.videos.playlists import Playlist, shown_items
from streamtime.videos.video import Video, read_videos_in_order
from streamtime.videos.viewers import publish

MAX_ITEMS = 2_000
"""Videos of one playlist."""

QUEUE_BEFORE = 5
QUEUE_AFTER = 20
"""Videos before and after the current one that the queue beside the player lists."""


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One page of the videos of a playlist, and the cursor of the next page if there is one.

    `start` is the number of videos before them.
    """

    items: list[Video]
    start: int
    next: str | None


@dataclass(frozen=True, slots=True)
class PlayQueue:
    """A part of a playlist around the current video, in the order of playback."""

    items: list[Video]
    start: int
    """The number of videos before those in `items`."""
    current: int
    """The number of videos before the current one."""
    total: int
    previous: Video | None
    next: Video | None


class PlaylistItems:
    """Lists and changes the videos of a playlist. The callers of its methods check the access to the playlist."""

    def __init__(self, database: Database, bus: EventBus, announcements: Announcements, clock: Clock) -> None:
        self._database = database
        self._bus = bus
        self._announcements = announcements
        self._clock = clock

    async def page(self, caller: Caller, playlist: Playlist, *, limit: int, cursor: str = "") -> ItemPage:
        """Return one page of the videos that the caller sees, in their order.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"Ask for 1 to {MAX_LIMIT} videos at a time.", field="limit")
        position, start = decode_cursor(cursor, (NonNegative, NonNegative)) if cursor else (-1, 0)
        query = shown_items(caller, playlist_items.c.position, playlist_items.c.video_id)
        query = query.where(playlist_items.c.playlist_id == playlist.id, playlist_items.c.position > position)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(playlist_items.c.position).limit(limit + 1))).all()
            items = await read_videos_in_order(connection, [row[1] for row in rows[:limit]])
        more = len(rows) > limit
        return ItemPage(items, int(start), encode_cursor([rows[limit - 1][0], int(start) + limit]) if more else None)

    async def add(self, playlist: Playlist, video: Video) -> None:
        """Append a video that the caller may watch. One that is in the playlist already stays where it is.

        Raises:
            NotFound: the video or the playlist has been deleted meanwhile.
            Conflict: the playlist is full.
        """
        await self._database.write(lambda tx: self.append(tx, playlist, video))

    async def append(self, tx: Transaction, playlist: Playlist, video: Video) -> bool:
        """Append a video as `add` does. Returns whether that is a change."""
        query = select(func.count().label("count"), func.max(playlist_items.c.position).label("last"))
        row = (await tx.execute(query.where(playlist_items.c.playlist_id == playlist.id))).mappings().one()
        if await self._contains(tx, playlist, video):
            return False
        if row["count"] >= MAX_ITEMS:
            raise Conflict(
                gettext("A playlist has at most %(most)s videos.", most=number_text(MAX_ITEMS)), code="playlist_full"
            )
        await _require_both(tx, playlist, video)
        position, now = 0 if row["last"] is None else row["last"] + 1, self._clock.now_ms()
        values = {"playlist_id": playlist.id, "video_id": video.id, "position": position, "added_at_ms": now}
        await tx.execute(insert(playlist_items).values(**values))
        shared = select(playlist_grants.c.id).where(
            playlist_grants.c.playlist_id == playlist.id, playlist_grants.c.with_videos
        )
        if (await tx.execute(shared.limit(1))).first() is not None:
            await publish(tx, and_(videos.c.id == video.id, videos.c.owner_id == playlist.owner_id), now)
            await tx.bump_epoch()  # people that it is shared with may watch the video from now on
        await self._announcements.announce_added(tx, playlist.id, video.id)
        await self._touch(tx, playlist)
        return True

    async def remove(self, caller: Caller, playlist: Playlist, video: str) -> None:
        """Remove the video with that public id.

        Raises:
            NotFound: the caller sees no such video in the playlist.
        """

        async def body(tx: Transaction) -> None:
            shown = await self._shown(tx, caller, playlist)
            if video not in shown:
                raise NotFound
            chosen = playlist_items.c.video_id == shown[video]
            await tx.execute(delete(playlist_items).where(playlist_items.c.playlist_id == playlist.id, chosen))
            await tx.bump_epoch()  # share links to the playlist do not show it any more
            await self._touch(tx, playlist)

        await self._database.write(body)

    async def move(self, caller: Caller, playlist: Playlist, video: str, *, to: int | None = None, by: int = 0) -> None:
        """Move a video so that `to` of those that the caller sees are before it, or by `by` places; at most to an end.

        Raises:
            NotFound: the caller sees no such video in the playlist.
        """

        async def body(tx: Transaction) -> None:
            shown = await self._shown(tx, caller, playlist)
            if video not in shown:
                raise NotFound
            place = list(shown).index(video) + by if to is None else to
            order = [each for each in shown if each != video]
            order.insert(max(0, place), video)
            await self._write_order(tx, playlist, [shown[each] for each in order])

        await self._database.write(body)

    async def reorder(self, caller: Caller, playlist: Playlist, order: Sequence[str]) -> None:
        """Put videos in this order. Those that the caller sees and that are not named follow after them.

        Raises:
            Invalid: a video is named twice.
            NotFound: the caller sees no such video in the playlist.
        """
        if len(set(order)) != len(order):
            raise Invalid("A video is named twice.", field="videos")

        async def body(tx: Transaction) -> None:
            shown = await self._shown(tx, caller, playlist)
            if not set(order) <= shown.keys():
                raise NotFound
            rest = [each for each in shown if each not in set(order)]
            await self._write_order(tx, playlist, [shown[each] for each in (*order, *rest)])

        await self._database.write(body)

    async def sort_by_episode(self, caller: Caller, playlist: Playlist) -> None:
        """Order by the season and episode numbers in titles, or else file names; videos without numbers follow.

        File names count only for the caller's own videos: others must not learn them.
        """
        query = shown_items(caller, videos.c.id, videos.c.title, videos.c.source_name, videos.c.owner_id)
        query = query.where(playlist_items.c.playlist_id == playlist.id).order_by(playlist_items.c.position)

        async def body(tx: Transaction) -> None:
            found: list[tuple[tuple[bool, Episode], int]] = []
            for row in (await tx.execute(query)).mappings():
                own_name = [row["source_name"]] if row["owner_id"] == caller.user_id else []
                episode = find_episode(row["title"], *own_name)
                found.append(((episode is None, episode or Episode(0, 0)), row["id"]))
            found.sort(key=lambda each: each[0])  # stable: equal ones keep their order
            await self._write_order(tx, playlist, [video_id for _, video_id in found])

        await self._database.write(body)

    async def containing(self, owner_id: int, video: Video) -> frozenset[int]:
        """Return the row ids of an account's playlists that contain the video."""
        query = select(playlist_items.c.playlist_id).join(playlists, playlists.c.id == playlist_items.c.playlist_id)
        query = query.where(playlists.c.owner_id == owner_id, playlist_items.c.video_id == video.id)
        async with self._database.read() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def first(self, caller: Caller, playlist: Playlist, shuffle: str = "") -> str | None:
        """Return the public id of the video that playback begins with; None if nothing can be played."""
        async with self._database.read() as connection:
            order = list(await _play_order(connection, caller, playlist, shuffle))
        return order[0] if order else None

    async def queue(self, caller: Caller, playlist: Playlist, video: str, shuffle: str = "") -> PlayQueue | None:
        """Return the playlist around a video, in the order of playback.

        `shuffle` is the seed of a shuffled order, in which videos that are added later change no other's place. Returns
        None if the caller sees no such video in the playlist, or it cannot be played yet.
        """
        async with self._database.read() as connection:
            order = await _play_order(connection, caller, playlist, shuffle)
            if video not in order:
                return None
            current = list(order).index(video)
            start = max(0, current - QUEUE_BEFORE)
            items = await read_videos_in_order(connection, [*order.values()][start : current + QUEUE_AFTER + 1])
        here = current - start
        return PlayQueue(
            items,
            start,
            current,
            len(order),
            previous=items[here - 1] if here > 0 else None,
            next=items[here + 1] if here + 1 < len(items) else None,
        )

    async def _contains(self, tx: Transaction, playlist: Playlist, video: Video) -> bool:
        query = select(playlist_items.c.position).where(
            playlist_items.c.playlist_id == playlist.id, playlist_items.c.video_id == video.id
        )
        return (await tx.execute(query)).first() is not None

    async def _shown(self, tx: Transaction, caller: Caller, playlist: Playlist) -> dict[str, int]:
        query = shown_items(caller, videos.c.public_id, videos.c.id)
        query = query.where(playlist_items.c.playlist_id == playlist.id).order_by(playlist_items.c.position)
        return {row["public_id"]: row["id"] for row in (await tx.execute(query)).mappings()}

    async def _write_order(self, tx: Transaction, playlist: Playlist, order: Sequence[int]) -> None:
        """Put these videos in this order at the places that they have together; all others keep their places."""
        query = select(playlist_items.c.video_id).where(playlist_items.c.playlist_id == playlist.id)
        before = list((await tx.execute(query.order_by(playlist_items.c.position))).scalars())
        chosen, following = set(order), iter(order)
        after = [next(following) if each in chosen else each for each in before]
        rows = [{"moved": video_id, "place": place} for place, video_id in enumerate(after)]
        statement = update(playlist_items).where(
            playlist_items.c.playlist_id == playlist.id, playlist_items.c.video_id == bindparam("moved")
        )
        await tx.execute_many(statement.values(position=bindparam("place")), rows)
        await self._touch(tx, playlist)

    async def _touch(self, tx: Transaction, playlist: Playlist) -> None:
        statement = update(playlists).where(playlists.c.id == playlist.id)
        await tx.execute(statement.values(updated_at_ms=self._clock.now_ms()))
        tx.after_commit(lambda: self._bus.publish(PlaylistChanged(playlist.public_id)))


async def _require_both(tx: Transaction, playlist: Playlist, video: Video) -> None:
    query = select(playlists.c.id).where(
        playlists.c.id == playlist.id,
        select(videos.c.id).where(videos.c.id == video.id, videos.c.deleted_at_ms.is_(None)).exists(),
    )
    if (await tx.execute(query)).first() is None:
        raise NotFound


async def _play_order(connection: AsyncConnection, caller: Caller, playlist: Playlist, shuffle: str) -> dict[str, int]:
    """Return the row ids of the playable videos that the caller sees, by public id, in the order of playback."""
    query = shown_items(caller, videos.c.public_id, videos.c.id)
    query = query.where(playlist_items.c.playlist_id == playlist.id, videos.c.playable)
    rows = [(row[0], row[1]) for row in await connection.execute(query.order_by(playlist_items.c.position))]
    if shuffle:
        rows.sort(key=lambda row: hashlib.sha256(f"{shuffle}:{row[0]}".encode()).digest())
    return dict(rows)
