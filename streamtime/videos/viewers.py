"""Who may watch besides the visibility: grants of videos and playlists to people and groups, as conditions of queries.

A grant adds to the visibility and takes nothing away. One of a playlist may include its videos: those of them that
belong to the owner of the playlist, so that nobody opens a video of another person by adding it to a playlist.
"""

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    false,
    func,
    literal_column,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import ScalarSelect

from streamtime.auth.access import Caller, watchable_visibilities
from streamtime.clock import EpochMs
from streamtime.database.tables.playlists import playlist_items, playlists
from streamtime.database.tables.sharing import follows, group_members, playlist_grants, video_grants
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Transaction


def granted_to(user_id: int, grants: Table) -> ColumnElement[bool]:
    """Return the condition for grants to an account, directly or as a member of a group."""
    own_groups = select(group_members.c.group_id).where(group_members.c.user_id == user_id)
    return or_(grants.c.user_id == user_id, grants.c.group_id.in_(own_groups))


def shared_videos(caller: Caller) -> ColumnElement[bool]:
    """Return the condition for videos that are shared with the caller."""
    if not caller.signed_in or caller.user_id is None or caller.only_video is not None:
        return false()
    direct = select(video_grants.c.video_id).where(granted_to(caller.user_id, video_grants))
    listed = of_shared_playlists(granted_to(caller.user_id, playlist_grants), playlist_items.c.video_id)
    return or_(videos.c.id.in_(direct), videos.c.id.in_(listed))


def followed_videos(caller: Caller) -> ColumnElement[bool]:
    """Return the condition for videos of people and in playlists that the caller follows and may see."""
    of_caller = follows.c.user_id == caller.user_id if caller.signed_in else false()
    people = select(follows.c.person_id).where(of_caller, follows.c.person_id.is_not(None))
    listed = select(playlist_items.c.video_id).select_from(follows)
    listed = listed.join(playlists, playlists.c.id == follows.c.playlist_id)
    listed = listed.join(playlist_items, playlist_items.c.playlist_id == playlists.c.id)
    listed = listed.where(of_caller, visible_playlists(caller))
    # The sign keeps SQLite from the index of owners: in the order of dates, the newest are found first.
    return or_(literal_column("+videos.owner_id").in_(people), videos.c.id.in_(listed))


def visible_playlists(caller: Caller) -> ColumnElement[bool]:
    """Return the condition for playlists that the caller may see: their own, by visibility, and shared ones."""
    shown = playlists.c.visibility.in_([each.value for each in watchable_visibilities(caller)])
    return or_(playlists.c.owner_id == caller.user_id, shown, shared_playlists(caller))


def shared_playlists(caller: Caller) -> ColumnElement[bool]:
    """Return the condition for playlists that are shared with the caller."""
    if not caller.signed_in or caller.user_id is None or caller.only_video is not None:
        return false()
    granted = select(playlist_grants.c.playlist_id).where(granted_to(caller.user_id, playlist_grants))
    return playlists.c.id.in_(granted)


def grant_count(grants: Table, subject: Column[int], row: ColumnElement[Any]) -> ScalarSelect[int]:
    """Select the number of people and groups that a row is shared with; `subject` is the column that names it."""
    return select(func.count()).select_from(grants).where(subject == row).scalar_subquery()


def video_viewers(video_id: int) -> CompoundSelect[Any]:
    """Select the row ids of the accounts that a video is shared with."""
    direct = _accounts(select(video_grants).where(video_grants.c.video_id == video_id))
    listed = of_shared_playlists(playlist_items.c.video_id == video_id, *playlist_grants.c)
    return union(*direct, *_accounts(listed))


def playlist_viewers(playlist_id: int) -> CompoundSelect[Any]:
    """Select the row ids of the accounts that a playlist is shared with."""
    return union(*_accounts(select(playlist_grants).where(playlist_grants.c.playlist_id == playlist_id)))


async def read_video_viewers(connection: AsyncConnection, video_id: int) -> frozenset[int]:
    """Return the row ids of the accounts that a video is shared with."""
    return frozenset((await connection.execute(video_viewers(video_id))).scalars())


async def read_playlist_viewers(connection: AsyncConnection, playlist_id: int) -> frozenset[int]:
    """Return the row ids of the accounts that a playlist is shared with."""
    return frozenset((await connection.execute(playlist_viewers(playlist_id))).scalars())


def in_playlist_of_owner(playlist_id: int, owner_id: int) -> ColumnElement[bool]:
    """Return the condition for the videos of a playlist that belong to its owner."""
    listed = select(playlist_items.c.video_id).where(playlist_items.c.playlist_id == playlist_id)
    return and_(videos.c.owner_id == owner_id, videos.c.id.in_(listed))


async def publish(tx: Transaction, condition: ColumnElement[bool], now_ms: EpochMs) -> None:
    """Give videos that are shared for the first time a date by which lists order them."""
    await tx.execute(update(videos).where(condition, videos.c.published_at_ms.is_(None)).values(published_at_ms=now_ms))


def of_shared_playlists(condition: ColumnElement[bool], *columns: ColumnElement[Any]) -> Select[Any]:
    """Select from the grants of playlists that include their videos, joined with these videos."""
    own = videos.alias()
    query = select(*columns).select_from(playlist_grants)
    query = query.join(playlists, playlists.c.id == playlist_grants.c.playlist_id)
    query = query.join(playlist_items, playlist_items.c.playlist_id == playlist_grants.c.playlist_id)
    # Plus 0 keeps SQLite from looking through all playlists of the owner by their index.
    is_of_owner = own.c.owner_id == playlists.c.owner_id + 0
    query = query.join(own, and_(own.c.id == playlist_items.c.video_id, is_of_owner))
    return query.where(playlist_grants.c.with_videos, condition)


def _accounts(chosen: Select[Any]) -> tuple[Select[Any], Select[Any]]:
    """Select the accounts of chosen grants: those named, and the members of groups."""
    found = chosen.subquery()
    named = select(found.c.user_id).where(found.c.user_id.is_not(None))
    return named, select(group_members.c.user_id).join(found, found.c.group_id == group_members.c.group_id)
