"""Tickets: addresses of one video's media that need no cookie, for some hours, for players that have none.

A ticket names what it stands on (a session, an API token, a share link), the video and its end, and is signed. The
signature alone proves nothing: what it stands on is looked up, and what it lets one see is decided by `access` like
everything else. It knows no request and no page.

That somebody has opened a share link: a signed note in a cookie, so that a reload is no second view.

It lasts as long as the tickets on the page, and proves the link's password as well. What it is for is looked up again
at each request: a link that was taken back has no openings.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import AuthMethod, Caller, Role, TokenScope
from streamtime.auth.signing_keys import SigningKey, SigningKeys
from streamtime.auth.users import is_inactive
from streamtime.clock import Clock
from streamtime.database.epoch import EpochWatch
from streamtime.database.people_tables import api_tokens, link_videos, links, sessions, users
from streamtime.database.tables import videos
from streamtime.database.transaction import Database
from streamtime.errors import NotFound, Unauthenticated
from streamtime.sharing.links import Link, link_is_active, link_may_show_video

TICKET_LIFETIME_MS = 4 * 3_600_000
"""The longest that a ticket is good for: a film and its pauses."""

MAX_CACHED = 10_000
"""Tickets kept in memory; each is some 400 bytes."""

_TICKET_PATTERN = re.compile(
    r"(?P<kind>[skl])(?P<expires_s>[0-9a-f]{1,10})-(?P<row_id>\d{1,19})-(?P<video>[A-Za-z0-9]{1,64})"
    r"-(?P<key>[A-Za-z0-9]{1,64})-(?P<signature>[A-Za-z0-9_-]{22})"
)


class TicketSource(StrEnum):
    """What a ticket stands on, as its first letter says."""

    SESSION = "s"
    TOKEN = "k"  # noqa: S105  # the letter of a kind
    LINK = "l"


_ACCOUNT_COLUMNS = ("id", "name", "role", "disabled_at_ms", "deleted_at_ms", "awaiting_at_ms")
_SOURCES = {
    AuthMethod.COOKIE: TicketSource.SESSION,
    AuthMethod.ACCESS: TicketSource.SESSION,
    AuthMethod.BEARER: TicketSource.TOKEN,
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as it stands in an address, and until when it is good."""

    text: str
    expires_at_ms: int

    def url(self, path: str) -> str:
        """The address of media at `path`, which begins with `/media/`, by this ticket."""
        return f"/t/{self.text}{path}"


@dataclass(frozen=True, slots=True)
class _TicketClaims:
    source: TicketSource
    row_id: int
    video: str
    expires_at_ms: int

    def signature(self, key: SigningKey, name: str) -> str:
        """`name` is the public id of the ground: it is signed and not told, so that it cannot be read off."""
        words = f"{self.source} {self.expires_at_ms} {self.row_id} {self.video} {name}"
        # 128 bits of a MAC are what RFC 2104, section 5, asks for at least.
        digest = hmac.new(key.secret, words.encode(), hashlib.sha256).digest()[:16]
        return urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class _Grant:
    name: str
    """The public id of the ground."""
    expires_at_ms: int | None
    caller: Caller


class Tickets:
    """Makes tickets, and knows who comes with one."""

    def __init__(self, database: Database, epoch: EpochWatch, keys: SigningKeys, clock: Clock) -> None:
        self._database = database
        self._epoch = epoch
        self._keys = keys
        self._clock = clock
        self._cache_epoch = -1
        self._cache: OrderedDict[str, tuple[Caller, int]] = OrderedDict()

    async def issue_for_caller(self, caller: Caller, video: str) -> Ticket:
        """A ticket that sees of that video what the caller sees, for as long as their session or token is there.

        Raises:
            Unauthenticated: the caller has neither.
        """
        ground = _SOURCES.get(caller.auth_method)
        if ground is None:
            raise Unauthenticated("Sign in first.")
        return await self._issue(ground, caller.credential_id, video, self._clock.now_ms() + TICKET_LIFETIME_MS)

    async def issue_for_link(self, link_id: int, video: str, *, expires_at_ms: int) -> Ticket:
        """A ticket for one video of a share link, by the link's row id.

        Raises:
            NotFound: the link is over, or does not show that video.
        """
        most = self._clock.now_ms() + TICKET_LIFETIME_MS
        return await self._issue(TicketSource.LINK, link_id, video, min(most, expires_at_ms))

    async def authenticate(self, text: str) -> Caller:
        """Who comes with a ticket.

        Raises:
            NotFound: it is none of ours, or over.
        """
        known = self._cached(text)
        if known is None:
            known_at = self._cache_epoch
            known = await self._verify(text)
            # What was read while the epoch moved may be stale already: it serves this one request and is not kept.
            if self._epoch.current() == known_at == self._cache_epoch:
                self._cache[text] = known
                if len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
        caller, expires_at_ms = known
        if expires_at_ms <= self._clock.now_ms():
            raise NotFound
        return caller

    def _cached(self, text: str) -> tuple[Caller, int] | None:
        epoch = self._epoch.current()
        if epoch != self._cache_epoch:
            self._cache.clear()
            self._cache_epoch = epoch
            return None
        return self._cache.get(text)

    async def _issue(self, ground: TicketSource, row_id: int, video: str, expires_at_ms: int) -> Ticket:
        found = await self._look_up(ground, row_id, video)
        if found is None:
            raise NotFound
        if found.expires_at_ms is not None:
            expires_at_ms = min(expires_at_ms, found.expires_at_ms)
        seconds = expires_at_ms // 1000
        claim = _TicketClaims(ground, row_id, video, seconds * 1000)
        key = await self._keys.current()
        signature = claim.signature(key, found.name)
        text = f"{ground}{seconds:x}-{row_id}-{video}-{key.public_id}-{signature}"
        return Ticket(text, claim.expires_at_ms)

    async def _verify(self, text: str) -> tuple[Caller, int]:
        """Whom a ticket speaks for, and until when. Raises `NotFound`."""
        parts = _TICKET_PATTERN.fullmatch(text)
        key = await self._keys.find(parts["key"]) if parts else None
        if parts is None or key is None:
            raise NotFound
        ground = TicketSource(parts["kind"])
        claim = _TicketClaims(ground, int(parts["row_id"]), parts["video"], int(parts["expires_s"], 16) * 1000)
        found = await self._look_up(ground, claim.row_id, claim.video)
        if found is None or not hmac.compare_digest(claim.signature(key, found.name), parts["signature"]):
            raise NotFound
        ends = claim.expires_at_ms if found.expires_at_ms is None else min(claim.expires_at_ms, found.expires_at_ms)
        return found.caller, ends

    async def _look_up(self, ground: TicketSource, row_id: int, video: str) -> _Grant | None:
        if row_id >= 1 << 63:
            return None
        if ground is TicketSource.LINK:
            return await self._link(row_id, video)
        account = [users.c[name] for name in _ACCOUNT_COLUMNS]
        if ground is TicketSource.SESSION:
            query = select(*account, sessions.c.public_id, sessions.c.expires_at_ms).join_from(users, sessions)
            row = await self._one(query.where(sessions.c.id == row_id))
        else:
            query = select(*account, api_tokens.c.public_id, api_tokens.c.scope).join_from(users, api_tokens)
            row = await self._one(query.where(api_tokens.c.id == row_id, api_tokens.c.revoked_at_ms.is_(None)))
        if row is None or is_inactive(row):
            return None
        caller = Caller(
            user_id=row["id"],
            name=row["name"],
            role=Role(row["role"]),
            auth_method=AuthMethod.TICKET,
            credential_id=row_id,
            scope=TokenScope(row.get("scope", TokenScope.ADMIN)),
            only_video=video,
        )
        return _Grant(row["public_id"], row.get("expires_at_ms"), caller)

    async def _link(self, link_id: int, video: str) -> _Grant | None:
        query = (
            select(links.c.public_id, links.c.expires_at_ms)
            .join_from(links, users, links.c.owner_id == users.c.id)
            .join(link_videos, link_videos.c.link_id == links.c.id)
            .join(videos, videos.c.id == link_videos.c.video_id)
            .where(links.c.id == link_id, videos.c.public_id == video, link_is_active(), link_may_show_video())
        )
        row = await self._one(query)
        if row is None:
            return None
        caller = Caller(auth_method=AuthMethod.TICKET, credential_id=link_id, only_video=video, granted=True)
        return _Grant(row["public_id"], row["expires_at_ms"], caller)

    async def _one(self, query: Select[tuple[Any, ...]]) -> RowMapping | None:
        async with self._database.read() as connection:
            row: RowMapping | None = (await connection.execute(query)).mappings().first()
        return row


_SESSION_PATTERN = re.compile(r"(?P<ends_s>[0-9a-f]{1,10})-(?P<key>[A-Za-z0-9]{1,64})-(?P<signature>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class ViewSession:
    """An opening, as its cookie says it."""

    text: str
    expires_at_ms: int


class ViewSessions:
    """Makes openings and reads them."""

    def __init__(self, keys: SigningKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def issue(self, link: Link) -> ViewSession:
        """An opening of a link that was opened just now."""
        ends_s = (self._clock.now_ms() + TICKET_LIFETIME_MS) // 1000
        key = await self._keys.current()
        return ViewSession(f"{ends_s:x}-{key.public_id}-{_session_signature(key, link, ends_s)}", ends_s * 1000)

    async def verify(self, link: Link, text: str) -> ViewSession | None:
        """The opening that a cookie tells of; None where it is over, or none of that link."""
        parts = _SESSION_PATTERN.fullmatch(text)
        key = await self._keys.find(parts["key"]) if parts else None
        if parts is None or key is None:
            return None
        ends_s = int(parts["ends_s"], 16)
        if not hmac.compare_digest(_session_signature(key, link, ends_s), parts["signature"]):
            return None
        return ViewSession(text, ends_s * 1000) if ends_s * 1000 > self._clock.now_ms() else None


def _session_signature(key: SigningKey, link: Link, ends_s: int) -> str:
    words = f"opening {link.public_id} {ends_s}"
    return urlsafe_b64encode(hmac.new(key.secret, words.encode(), hashlib.sha256).digest()).decode().rstrip("=")
