"""Whom and what accounts follow: people and playlists. Following gives no permission; only the account sees it."""

from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.sqlite import insert

from streamtime.auth.access import Caller
from streamtime.auth.users import User, require_user, user_from
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.tables.playlists import playlists
from streamtime.database.tables.sharing import follows
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.translation import gettext, number_text
from streamtime.videos.playlists import Playlist
from streamtime.videos.viewers import visible_playlists

MAX_FOLLOWS = 1_000
"""People and playlists that one account follows."""


@dataclass(frozen=True, slots=True)
class FollowedPlaylist:
    """A playlist that an account follows."""

    public_id: str
    title: str
    owner_name: str


class Following:
    """Follows people and playlists, and lists whom an account follows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def follow(self, user_id: int, subject: User | Playlist) -> None:
        """Follow a person or a playlist that the account may see. Without effect if it does already.

        Raises:
            Invalid: it is the account itself, or a playlist of its own.
            NotFound: the person or the playlist has been deleted meanwhile.
            Conflict: the account follows too many.
        """
        if user_id == (subject.id if isinstance(subject, User) else subject.owner_id):
            raise Invalid("You cannot follow yourself or your own playlists.")
        values = {"user_id": user_id, _column(subject): subject.id, "followed_at_ms": self._clock.now_ms()}

        async def body(tx: Transaction) -> None:
            await _require(tx, subject)
            count = select(func.count()).select_from(follows).where(follows.c.user_id == user_id)
            if (await tx.execute(count)).scalar_one() >= MAX_FOLLOWS:
                most = number_text(MAX_FOLLOWS)
                raise Conflict(gettext("You can follow at most %(most)s.", most=most), code="too_many_follows")
            await tx.execute(insert(follows).values(**values).on_conflict_do_nothing())

        await self._database.write(body)

    async def unfollow(self, user_id: int, subject: User | Playlist) -> None:
        """Stop following. Without effect if the account does not follow it."""
        statement = delete(follows).where(follows.c.user_id == user_id, follows.c[_column(subject)] == subject.id)
        await self._database.write(lambda tx: tx.execute(statement))

    async def has(self, user_id: int, *, person_id: int | None = None, playlist_id: int | None = None) -> bool:
        """Return whether an account follows the person or the playlist with that row id."""
        subject = follows.c.person_id == person_id if playlist_id is None else follows.c.playlist_id == playlist_id
        async with self._database.read() as connection:
            query = select(follows.c.id).where(follows.c.user_id == user_id, subject)
            return (await connection.execute(query)).first() is not None

    async def people(self, user_id: int, *, limit: int = MAX_FOLLOWS) -> list[User]:
        """Return the people that an account follows, the last followed first."""
        query = select(users).join(follows, follows.c.person_id == users.c.id)
        query = query.where(follows.c.user_id == user_id, users.c.deleted_at_ms.is_(None)).order_by(follows.c.id.desc())
        async with self._database.read() as connection:
            return [user_from(row) for row in (await connection.execute(query.limit(limit))).mappings()]

    async def playlists(self, caller: Caller, *, limit: int = MAX_FOLLOWS) -> list[FollowedPlaylist]:
        """Return the playlists that the caller follows and may see, the last followed first."""
        query = select(playlists.c.public_id, playlists.c.title, users.c.name).join(
            follows, follows.c.playlist_id == playlists.c.id
        )
        query = query.join(users, users.c.id == playlists.c.owner_id).where(
            follows.c.user_id == caller.user_id,
            visible_playlists(caller),
        )
        query = query.order_by(follows.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return [FollowedPlaylist(*row) for row in await connection.execute(query)]


def _column(subject: User | Playlist) -> str:
    return "person_id" if isinstance(subject, User) else "playlist_id"


async def _require(tx: Transaction, subject: User | Playlist) -> None:
    if isinstance(subject, User):
        await require_user(tx, subject.id)
    elif (await tx.execute(select(playlists.c.id).where(playlists.c.id == subject.id))).first() is None:
        raise NotFound
