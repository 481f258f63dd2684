"""The videos that are shared with an account by name, or through a group or a playlist, the last shared first."""

from dataclasses import dataclass

from sqlalchemy import func, select, tuple_, union_all

from streamtime.auth.access import Caller
from streamtime.database.tables.playlists import playlist_items
from streamtime.database.tables.sharing import playlist_grants, video_grants
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database
from streamtime.errors import Invalid
from streamtime.videos.listing import MAX_LIMIT, NonNegative, decode_cursor, encode_cursor
from streamtime.videos.video import Video, read_videos_in_order
from streamtime.videos.viewers import granted_to, of_shared_playlists


@dataclass(frozen=True, slots=True)
class SharedPage:
    """One page of videos, and the cursor of the next page if there is one."""

    items: list[Video]
    next: str | None


class SharedVideos:
    """Lists what is shared with an account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, caller: Caller, *, limit: int, cursor: str = "") -> SharedPage:
        """Return one page of playable videos that are shared with the caller, without their own.

        Raises:
            Invalid: the cursor is invalid, or the limit is out of range.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"Ask for 1 to {MAX_LIMIT} videos at a time.", field="limit")
        if caller.user_id is None or caller.only_video is not None:
            return SharedPage([], None)
        by_itself = select(video_grants.c.video_id, video_grants.c.granted_at_ms)
        by_itself = by_itself.where(granted_to(caller.user_id, video_grants))
        since = func.max(playlist_items.c.added_at_ms, playlist_grants.c.granted_at_ms).label("granted_at_ms")
        in_playlists = of_shared_playlists(
            granted_to(caller.user_id, playlist_grants), playlist_items.c.video_id, since
        )
        every = union_all(by_itself, in_playlists).subquery()
        granted = func.max(every.c.granted_at_ms).label("granted_at_ms")
        latest = select(every.c.video_id, granted).group_by(every.c.video_id).subquery()
        key = tuple_(latest.c.granted_at_ms, latest.c.video_id)
        query = select(latest.c.granted_at_ms, latest.c.video_id).join(videos, videos.c.id == latest.c.video_id)
        query = query.where(videos.c.deleted_at_ms.is_(None), videos.c.version_of.is_(None), videos.c.playable)
        query = query.where(videos.c.owner_id != caller.user_id)
        if cursor:
            query = query.where(key < tuple_(*decode_cursor(cursor, (NonNegative, NonNegative))))
        query = query.order_by(latest.c.granted_at_ms.desc(), latest.c.video_id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            items = await read_videos_in_order(connection, [row[1] for row in rows[:limit]])
        more = len(rows) > limit
        return SharedPage(items, encode_cursor([rows[limit - 1][0], rows[limit - 1][1]]) if more else None)
