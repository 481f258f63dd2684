"""Share links: anyone with the link may watch its videos, within the limits that its owner set.

A link shows some videos, or those of a playlist that belong to the playlist's owner. One that is expired, revoked or
used up looks like one that never existed. The states here also apply to upload requests.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, insert, or_, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.rate_limits import RateLimit, RateLimiter, client_network
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.tables.playlists import playlist_items, playlists
from streamtime.database.tables.sharing import share_link_playlists, share_link_videos, share_links
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden, Invalid, NotFound
from streamtime.ids import public_id
from streamtime.sharing.link_rules import link_is_active, may_share_in_playlist, may_share_video
from streamtime.translation import gettext, number_text
from streamtime.videos.editing import clean_line
from streamtime.videos.playlists import Playlist
from streamtime.videos.trash import DAY_MS
from streamtime.videos.video import Video

MAX_LABEL = 100
MAX_DAYS = 3650
MAX_LISTED = 200
"""Links in one list, newest first."""


def expires_after(days: int | None, now_ms: int) -> int | None:
    """Return the expiry time after that many days, in epoch milliseconds; None: no expiry."""
    return None if days is None else now_ms + days * DAY_MS


class LinkState(StrEnum):
    """The state of a share link or an upload request."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED = "used"


def link_state(
    now_ms: int, *, revoked_at_ms: int | None, expires_at_ms: int | None, uses: int, max_uses: int | None
) -> LinkState:
    """Return the state of a link with these limits."""
    if revoked_at_ms is not None:
        return LinkState.REVOKED
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        return LinkState.EXPIRED
    return LinkState.USED if max_uses is not None and uses >= max_uses else LinkState.LIVE


MAX_VIDEOS = 50
MAX_VIEWS = 1_000_000


@dataclass(frozen=True, slots=True)
class NewLink:
    """The properties of a share link to create: to some videos, or to a playlist.

    `password`, `max_views` and `expires_at_ms` are optional limits.
    """

    videos: list[Video]
    label: str = ""
    password: str | None = None
    max_views: int | None = None
    expires_at_ms: int | None = None
    playlist: Playlist | None = None


@dataclass(frozen=True, slots=True)
class LinkedPlaylist:
    """The playlist that a share link shows."""

    public_id: str
    title: str


@dataclass(frozen=True, slots=True)
class LinkedVideo:
    """A video that a share link shows."""

    public_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Link:
    """A share link with its videos, as its owner sees it."""

    id: int
    public_id: str
    label: str
    has_password: bool
    max_views: int | None
    views: int
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    last_viewed_at_ms: int | None
    videos: tuple[LinkedVideo, ...]
    """Those of a playlist only if the link was found by a visitor."""
    playlist: LinkedPlaylist | None

    @property
    def requires_form(self) -> bool:
        """Whether the link opens only by a submitted form: it has a password, or previews must not use up its views."""
        return self.has_password or self.max_views is not None

    def state(self, now_ms: int) -> LinkState:
        """Return whether the link can be opened, or why not."""
        return link_state(
            now_ms,
            revoked_at_ms=self.revoked_at_ms,
            expires_at_ms=self.expires_at_ms,
            uses=self.views,
            max_uses=self.max_views,
        )


class Links:
    """Creates, lists, opens and revokes share links."""

    def __init__(
        self, database: Database, passwords: PasswordHashing, rate_limiter: RateLimiter, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._rate_limiter = rate_limiter
        self._audit = audit
        self._clock = clock

    async def create(self, caller: Caller, new: NewLink, actor: Actor) -> Link:
        """Create a share link to videos that the caller may manage, or to a playlist of their own.

        Raises:
            Forbidden: the account is a viewer and has no videos, or the playlist belongs to someone else.
            Invalid: a limit, the label or the password is not valid.
            Conflict: a video is given twice.
        """
        if caller.user_id is None or not caller.may_upload:
            raise Forbidden("This account is for watching: it has nothing to share.", code="viewer")
        if new.playlist is not None and new.playlist.owner_id != caller.user_id:
            raise Forbidden("Only the owner of this playlist can do that.")
        now = self._clock.now_ms()
        _validate(new, now)
        values = {
            "public_id": public_id(),
            "owner_id": caller.user_id,
            "label": clean_line(new.label)[:MAX_LABEL],
            "password_hash": await self._passwords.hash(new.password) if new.password else None,
            "max_views": new.max_views,
            "created_at_ms": now,
            "expires_at_ms": new.expires_at_ms,
        }

        async def body(tx: Transaction) -> None:
            link_id = (await tx.execute(insert(share_links).values(**values).returning(share_links.c.id))).scalar_one()
            rows = [{"link_id": link_id, "position": at, "video_id": video.id} for at, video in enumerate(new.videos)]
            await tx.execute_many(insert(share_link_videos), rows)
            if new.playlist is not None:
                linked = {"link_id": link_id, "playlist_id": new.playlist.id}
                await tx.execute(insert(share_link_playlists).values(**linked))
            subject = new.videos[0].public_id if new.playlist is None else new.playlist.public_id
            # The link's id is its secret address: it must not appear in the audit log.
            await self._audit.record(tx, actor, AuditEvent.LINK_CREATED, subject, label=str(values["label"]))

        await self._database.write(body)
        return await self.get(caller, str(values["public_id"]))

    async def list_for_owner(
        self, caller: Caller, *, video_id: int | None = None, playlist_id: int | None = None
    ) -> list[Link]:
        """Return the caller's links, newest first; only those to a video or playlist if that is given."""
        query = select(share_links).where(share_links.c.owner_id == caller.user_id)
        if video_id is not None:
            query = query.where(
                share_links.c.id.in_(
                    select(share_link_videos.c.link_id).where(share_link_videos.c.video_id == video_id)
                )
            )
        if playlist_id is not None:
            linked = select(share_link_playlists.c.link_id).where(share_link_playlists.c.playlist_id == playlist_id)
            query = query.where(share_links.c.id.in_(linked))
        async with self._database.read() as connection:
            return await _read(connection, query.order_by(share_links.c.id.desc()).limit(MAX_LISTED))

    async def get(self, caller: Caller, link: str) -> Link:
        """Return one of the caller's own links by its public id.

        Raises:
            NotFound: it does not exist, or belongs to another account.
        """
        query = select(share_links).where(share_links.c.public_id == link, share_links.c.owner_id == caller.user_id)
        async with self._database.read() as connection:
            found = await _read(connection, query)
        if not found:
            raise NotFound
        return found[0]

    async def revoke(self, caller: Caller, link: str, actor: Actor) -> None:
        """Revoke a link: access through it ends with the next request.

        Raises:
            NotFound: it does not exist, belongs to another account, or was revoked already.
        """
        found = await self.get(caller, link)
        statement = update(share_links).where(share_links.c.id == found.id, share_links.c.revoked_at_ms.is_(None))

        async def body(tx: Transaction) -> None:
            done = await tx.execute(statement.values(revoked_at_ms=self._clock.now_ms()))
            if done.rowcount == 0:
                raise NotFound
            subject = found.videos[0].public_id if found.videos else found.playlist.public_id if found.playlist else ""
            await self._audit.record(tx, actor, AuditEvent.LINK_REVOKED, subject, label=found.label)
            await tx.bump_epoch()

        await self._database.write(body)

    async def find(self, link: str) -> Link:
        """Return an active link by its public id, with the videos that it currently shows.

        Raises:
            NotFound: it does not exist, is revoked or expired, or has no videos left.
        """
        query = select(share_links).join_from(share_links, users, share_links.c.owner_id == users.c.id)
        query = query.where(share_links.c.public_id == link, link_is_active())
        async with self._database.read() as connection:
            found = await _read(connection, query, shown_only=True)
        if not found or not found[0].videos or found[0].state(self._clock.now_ms()) is LinkState.EXPIRED:
            raise NotFound
        return found[0]

    async def open(self, link: Link, password: str, *, address: str) -> None:
        """Check the password of a link that `find` returned, and count a view by a client at `address`.

        Raises:
            TooManyRequests: too many wrong passwords from that network.
            Invalid: the password is wrong.
            NotFound: all views are used up, or the link has been revoked.
        """
        if link.has_password:
            await self._verify_password(link, password, address)
        now = self._clock.now_ms()
        views_left = or_(share_links.c.max_views.is_(None), share_links.c.views < share_links.c.max_views)
        statement = update(share_links).where(
            share_links.c.id == link.id, share_links.c.revoked_at_ms.is_(None), views_left
        )

        async def body(tx: Transaction) -> None:
            done = await tx.execute(statement.values(views=share_links.c.views + 1, last_viewed_at_ms=now))
            if done.rowcount == 0:
                raise NotFound

        await self._database.write(body)

    async def _verify_password(self, link: Link, password: str, address: str) -> None:
        limit_keys = {RateLimit.SHARE_PASSWORD: f"{link.id} {client_network(address)}"}
        self._rate_limiter.consume(limit_keys)
        query = select(share_links.c.password_hash).where(share_links.c.id == link.id)
        async with self._database.read() as connection:
            stored = (await connection.execute(query)).scalar()
        if not await self._passwords.verify(stored, password):
            raise Invalid("That is not the password of this link.", field="password", code="wrong_password")
        self._rate_limiter.refund(limit_keys)


def _validate(new: NewLink, now_ms: int) -> None:
    if (new.playlist is None) != bool(new.videos) or len(new.videos) > MAX_VIDEOS:
        raise Invalid(
            gettext("A link shows 1 to %(most)s videos, or a playlist.", most=number_text(MAX_VIDEOS)), field="videos"
        )
    if len({video.id for video in new.videos}) != len(new.videos):
        raise Conflict("The same video is named twice.")
    if new.max_views is not None and not 1 <= new.max_views <= MAX_VIEWS:
        raise Invalid(
            gettext("A link can be opened 1 to %(most)s times.", most=number_text(MAX_VIEWS)), field="max_views"
        )
    if new.expires_at_ms is not None and new.expires_at_ms <= now_ms:
        raise Invalid("The end of the link must be in the future.", field="expires_at")
    if len(new.label) > MAX_LABEL:
        raise Invalid(gettext("A label has at most %(most)s characters.", most=number_text(MAX_LABEL)), field="label")


async def _read(connection: AsyncConnection, query: Select[tuple[Any, ...]], *, shown_only: bool = False) -> list[Link]:
    rows = (await connection.execute(query)).mappings().all()
    shown_videos = (
        select(share_link_videos.c.link_id, videos.c.public_id, videos.c.title)
        .join_from(share_link_videos, videos, share_link_videos.c.video_id == videos.c.id)
        .where(share_link_videos.c.link_id.in_([row["id"] for row in rows]), videos.c.deleted_at_ms.is_(None))
        .order_by(share_link_videos.c.link_id, share_link_videos.c.position)
    )
    if shown_only:
        shown_videos = shown_videos.join(share_links, share_links.c.id == share_link_videos.c.link_id)
        shown_videos = shown_videos.join(users, users.c.id == share_links.c.owner_id).where(may_share_video())
    by_link: dict[int, list[LinkedVideo]] = {}
    for link_id, video, title in await connection.execute(shown_videos):
        by_link.setdefault(link_id, []).append(LinkedVideo(video, title))
    linked = await _linked_playlists(connection, [row["id"] for row in rows])
    if shown_only and linked:
        by_link |= await _videos_of_playlists(connection, list(linked))
    return [_link(row, tuple(by_link.get(row["id"], ())), linked.get(row["id"])) for row in rows]


async def _linked_playlists(connection: AsyncConnection, link_ids: list[int]) -> dict[int, LinkedPlaylist]:
    query = select(share_link_playlists.c.link_id, playlists.c.public_id, playlists.c.title)
    query = query.join(playlists, playlists.c.id == share_link_playlists.c.playlist_id)
    rows = await connection.execute(query.where(share_link_playlists.c.link_id.in_(link_ids)))
    return {link_id: LinkedPlaylist(playlist, title) for link_id, playlist, title in rows}


async def _videos_of_playlists(connection: AsyncConnection, link_ids: list[int]) -> dict[int, list[LinkedVideo]]:
    query = select(share_links.c.id, videos.c.public_id, videos.c.title)
    query = query.join_from(share_links, share_link_playlists, share_link_playlists.c.link_id == share_links.c.id)
    query = query.join(playlists, playlists.c.id == share_link_playlists.c.playlist_id)
    query = query.join(playlist_items, playlist_items.c.playlist_id == playlists.c.id)
    query = query.join(videos, videos.c.id == playlist_items.c.video_id)
    query = query.where(share_links.c.id.in_(link_ids), may_share_in_playlist())
    found: dict[int, list[LinkedVideo]] = {}
    for link_id, video, title in await connection.execute(query.order_by(playlist_items.c.position)):
        found.setdefault(link_id, []).append(LinkedVideo(video, title))
    return found


def _link(row: RowMapping, shown: tuple[LinkedVideo, ...], playlist: LinkedPlaylist | None) -> Link:
    return Link(
        id=row["id"],
        public_id=row["public_id"],
        label=row["label"],
        has_password=row["password_hash"] is not None,
        max_views=row["max_views"],
        views=row["views"],
        created_at_ms=row["created_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
        last_viewed_at_ms=row["last_viewed_at_ms"],
        videos=shown,
        playlist=playlist,
    )
