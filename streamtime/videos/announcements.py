"""Tell followers of people and playlists about new videos, in the transaction that makes a video visible to them.

A follower gets one notice for one video, and only of what was published or added after they began to follow.
"""

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select

from streamtime.auth.access import Visibility
from streamtime.auth.notices import NewNotice, NoticeKind, Notices
from streamtime.database.tables.auth import users
from streamtime.database.tables.playlists import playlist_items, playlists
from streamtime.database.tables.sharing import follows
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Transaction
from streamtime.videos.viewers import playlist_viewers, video_viewers

MAX_TOLD = 500
"""Followers of a person or a playlist that get a notice of one video: those who have followed longest."""

MAX_PLAYLISTS = 50
"""Playlists whose followers get a notice of one video."""

_PRIVATE = Visibility.PRIVATE.value
_LISTED = (Visibility.MEMBERS.value, Visibility.PUBLIC.value)


class Announcements:
    """Adds the notices of followers."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def announce(self, tx: Transaction, video_id: int) -> None:
        """Tell the followers of its owner, and of playlists with it, about a video that has become visible to them."""
        row = await _new_video(tx, video_id)
        if row is None:
            return
        if row.visibility in _LISTED:
            query = _followers(follows.c.person_id == row.owner_id, follows.c.followed_at_ms <= row.published_at_ms)
            told = list((await tx.execute(query)).scalars())
            new = NewNotice(NoticeKind.NEW_VIDEO, _fact(video_id), video_id=video_id, person_id=row.owner_id)
            await self._notices.add(tx, told, new)
        followed = select(playlist_items.c.playlist_id).where(
            playlist_items.c.video_id == video_id,
            select(follows.c.id).where(follows.c.playlist_id == playlist_items.c.playlist_id).exists(),
        )
        for playlist_id in (await tx.execute(followed.limit(MAX_PLAYLISTS))).scalars().all():
            await self.announce_added(tx, playlist_id, video_id)

    async def announce_added(self, tx: Transaction, playlist_id: int, video_id: int) -> None:
        """Tell the followers of a playlist about a video in it, as far as they may see both."""
        row = await _new_video(tx, video_id)
        if row is None:
            return
        query = _followers(follows.c.playlist_id == playlist_id)
        query = query.join(playlists, playlists.c.id == follows.c.playlist_id)
        query = query.join(playlist_items, playlist_items.c.playlist_id == playlists.c.id)
        query = query.where(
            playlist_items.c.video_id == video_id,
            playlist_items.c.added_at_ms >= follows.c.followed_at_ms,
            users.c.id != row.owner_id,
            or_(playlists.c.visibility != _PRIVATE, users.c.id.in_(playlist_viewers(playlist_id))),
        )
        if row.visibility not in _LISTED:
            query = query.where(users.c.id.in_(video_viewers(video_id)))
        told = list((await tx.execute(query)).scalars())
        new = NewNotice(NoticeKind.NEW_VIDEO, _fact(video_id), video_id=video_id, playlist_id=playlist_id)
        await self._notices.add(tx, told, new)


def _fact(video_id: int) -> str:
    return f"video:{video_id}"


async def _new_video(tx: Transaction, video_id: int) -> Row[Any] | None:
    """Return owner, visibility and date of a video that is in lists of those who may see it; else None."""
    query = select(videos.c.owner_id, videos.c.visibility, videos.c.published_at_ms).where(
        videos.c.id == video_id,
        videos.c.playable,
        videos.c.published_at_ms.is_not(None),
        videos.c.deleted_at_ms.is_(None),
        videos.c.version_of.is_(None),
    )
    return (await tx.execute(query)).first()


def _followers(*conditions: ColumnElement[bool]) -> Select[tuple[int]]:
    """Select the accounts that may sign in and that follow something."""
    query = select(follows.c.user_id).join(users, users.c.id == follows.c.user_id)
    query = query.where(
        *conditions,
        users.c.disabled_at_ms.is_(None),
        users.c.deleted_at_ms.is_(None),
        users.c.awaiting_at_ms.is_(None),
    )
    return query.order_by(follows.c.id).limit(MAX_TOLD)
