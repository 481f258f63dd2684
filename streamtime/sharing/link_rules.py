"""The rules of share links, as conditions of queries: which links work, and which videos they show."""

from sqlalchemy import ColumnElement, and_, or_, select

from streamtime.auth.access import Role
from streamtime.database.tables.auth import users
from streamtime.database.tables.playlists import playlist_items, playlists
from streamtime.database.tables.sharing import share_link_playlists, share_link_videos, share_links
from streamtime.database.tables.videos import videos


def account_is_active() -> ColumnElement[bool]:
    """Return the condition for an account that may sign in; links of other accounts do not work."""
    return users.c.disabled_at_ms.is_(None) & users.c.deleted_at_ms.is_(None) & users.c.awaiting_at_ms.is_(None)


def link_is_active() -> ColumnElement[bool]:
    """Return the condition for a link that is not revoked, joined with its owner. Expiry is not part of it."""
    return share_links.c.revoked_at_ms.is_(None) & account_is_active()


def may_share_video() -> ColumnElement[bool]:
    """Return the condition for an existing video that the link's owner may share: their own; for an admin, any."""
    own = or_(videos.c.owner_id == share_links.c.owner_id, users.c.role == Role.ADMIN.value)
    return videos.c.deleted_at_ms.is_(None) & own


def may_share_in_playlist() -> ColumnElement[bool]:
    """Return the condition for a video that a link to a playlist shows, joined with that playlist.

    The playlist and the video belong to the owner of the link, also if they are an admin: nobody chose the videos for
    the link one by one, and a video of another person may be added to the playlist at any time.
    """
    own = and_(playlists.c.owner_id == share_links.c.owner_id, videos.c.owner_id == share_links.c.owner_id)
    return and_(videos.c.deleted_at_ms.is_(None), videos.c.playable, own)


def link_shows_video() -> ColumnElement[bool]:
    """Return the condition for a video that a link shows, on `videos` and the link joined with its owner."""
    chosen = select(share_link_videos.c.position).where(
        share_link_videos.c.link_id == share_links.c.id, share_link_videos.c.video_id == videos.c.id
    )
    listed = select(playlist_items.c.position).select_from(share_link_playlists)
    listed = listed.join(playlists, playlists.c.id == share_link_playlists.c.playlist_id)
    listed = listed.join(playlist_items, playlist_items.c.playlist_id == playlists.c.id)
    listed = listed.where(
        share_link_playlists.c.link_id == share_links.c.id,
        playlist_items.c.video_id == videos.c.id,
        may_share_in_playlist(),
    )
    return or_(
        and_(chosen.correlate(share_links, videos).exists(), may_share_video()),
        listed.correlate(share_links, videos).exists(),
    )
