"""Tickets and view sessions: signed tokens for people who watch without a cookie of an account.

A ticket is part of a media URL and gives access to one video for some hours, for players that send no cookies. It
names its source (a session, an API token or a share link), which is looked up again, and `auth.access` decides what
its caller may see. A view session is a cookie which says that a share link was opened and its password given, so that
a reload does not count as another view.
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
from streamtime.database.engines import EpochWatch
from streamtime.database.people_tables import api_tokens, link_videos, links, sessions, users
from streamtime.database.tables import videos
from streamtime.database.transaction import Database
from streamtime.errors import NotFound, Unauthenticated
from streamtime.sharing.links import Link, link_is_active, link_may_show_video

TICKET_LIFETIME_MS = 4 * 3_600_000
"""The longest validity of a ticket: a film with pauses."""

VIEW_SESSION_LIFETIME_MS = 4 * 3_600_000
"""How long reloads of a share link belong to one counted view."""

MAX_CACHED = 10_000
"""Tickets in the cache; each takes about 400 bytes."""

_TICKET_PATTERN = re.compile(
    r"(?P<kind>[skl])(?P<expires_s>[0-9a-f]{1,10})-(?P<row_id>\d{1,19})-(?P<video>[A-Za-z0-9]{1,64})"
    r"-(?P<key>[A-Za-z0-9]{1,64})-(?P<signature>[A-Za-z0-9_-]{22})"
)


class TicketSource(StrEnum):
    """The credential that a ticket is issued for; its first letter."""

    SESSION = "s"
    TOKEN = "k"  # noqa: S105  # a ticket's first letter
    LINK = "l"


_ACCOUNT_COLUMNS = ("id", "name", "role", "disabled_at_ms", "deleted_at_ms", "awaiting_at_ms")
_SOURCES = {
    AuthMethod.COOKIE: TicketSource.SESSION,
    AuthMethod.ACCESS: TicketSource.SESSION,
    AuthMethod.BEARER: TicketSource.TOKEN,
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as it appears in a URL, and when it expires."""

    text: str
    expires_at_ms: int

    def url(self, path: str) -> str:
        """Return the URL of media at `path`, which begins with `/media/`, with this ticket."""
        return f"/t/{self.text}{path}"


@dataclass(frozen=True, slots=True)
class _TicketClaims:
    source: TicketSource
    row_id: int
    video: str
    expires_at_ms: int

    def signature(self, key: SigningKey, source_id: str) -> str:
        """Return the signature. `source_id`, the public id of the source, is signed but not part of the ticket."""
        message = f"{self.source} {self.expires_at_ms} {self.row_id} {self.video} {source_id}"
        # 128 bits: half of the hash output, the minimum of RFC 2104, section 5.
        digest = hmac.new(key.secret, message.encode(), hashlib.sha256).digest()[:16]
        return urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class _Grant:
    source_id: str
    """The public id of the session, API token or share link."""
    expires_at_ms: int | None
    caller: Caller


class Tickets:
    """Issues tickets, and resolves a ticket to its caller."""

    def __init__(self, database: Database, epoch: EpochWatch, keys: SigningKeys, clock: Clock) -> None:
        self._database = database
        self._epoch = epoch
        self._keys = keys
        self._clock = clock
        self._cache_epoch = -1
        self._cache: OrderedDict[str, tuple[Caller, int]] = OrderedDict()

    async def issue_for_caller(self, caller: Caller, video: str) -> Ticket:
        """Issue a ticket with the caller's access to that video; it ends with their session or token.

        Raises:
            Unauthenticated: the caller has neither.
        """
        source = _SOURCES.get(caller.auth_method)
        if source is None:
            raise Unauthenticated("Sign in first.")
        return await self._issue(source, caller.credential_id, video, self._clock.now_ms() + TICKET_LIFETIME_MS)

    async def issue_for_link(self, link_id: int, video: str, *, expires_at_ms: int) -> Ticket:
        """Issue a ticket for one video of a share link, by the link's row id.

        Raises:
            NotFound: the link is not active, or does not show that video.
        """
        latest = self._clock.now_ms() + TICKET_LIFETIME_MS
        return await self._issue(TicketSource.LINK, link_id, video, min(latest, expires_at_ms))

    async def authenticate(self, text: str) -> Caller:
        """Return the caller of a ticket.

        Raises:
            NotFound: the ticket is not valid or has expired.
        """
        resolved = self._cached(text)
        if resolved is None:
            epoch_before = self._cache_epoch
            resolved = await self._verify(text)
            # A result read while the epoch changed may be stale: it serves this request and is not cached.
            if self._epoch.current() == epoch_before == self._cache_epoch:
                self._cache[text] = resolved
                if len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
        caller, expires_at_ms = resolved
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

    async def _issue(self, source: TicketSource, row_id: int, video: str, expires_at_ms: int) -> Ticket:
        grant = await self._look_up(source, row_id, video)
        if grant is None:
            raise NotFound
        if grant.expires_at_ms is not None:
            expires_at_ms = min(expires_at_ms, grant.expires_at_ms)
        expires_s = expires_at_ms // 1000
        claims = _TicketClaims(source, row_id, video, expires_s * 1000)
        key = await self._keys.current()
        signature = claims.signature(key, grant.source_id)
        text = f"{source}{expires_s:x}-{row_id}-{video}-{key.public_id}-{signature}"
        return Ticket(text, claims.expires_at_ms)

    async def _verify(self, text: str) -> tuple[Caller, int]:
        """Return the caller of a ticket, and when it expires. Raises `NotFound`."""
        parts = _TICKET_PATTERN.fullmatch(text)
        key = await self._keys.find(parts["key"]) if parts else None
        if parts is None or key is None:
            raise NotFound
        source = TicketSource(parts["kind"])
        claims = _TicketClaims(source, int(parts["row_id"]), parts["video"], int(parts["expires_s"], 16) * 1000)
        grant = await self._look_up(source, claims.row_id, claims.video)
        if grant is None or not hmac.compare_digest(claims.signature(key, grant.source_id), parts["signature"]):
            raise NotFound
        if grant.expires_at_ms is None:
            return grant.caller, claims.expires_at_ms
        return grant.caller, min(claims.expires_at_ms, grant.expires_at_ms)

    async def _look_up(self, source: TicketSource, row_id: int, video: str) -> _Grant | None:
        if row_id >= 1 << 63:
            return None
        if source is TicketSource.LINK:
            return await self._link(row_id, video)
        account = [users.c[name] for name in _ACCOUNT_COLUMNS]
        if source is TicketSource.SESSION:
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


_SESSION_PATTERN = re.compile(
    r"(?P<expires_s>[0-9a-f]{1,10})-(?P<key>[A-Za-z0-9]{1,64})-(?P<signature>[A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True)
class ViewSession:
    """A view session: the cookie's value, and when it expires."""

    text: str
    expires_at_ms: int


class ViewSessions:
    """Issues and verifies view sessions of share links."""

    def __init__(self, keys: SigningKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def issue(self, link: Link) -> ViewSession:
        """Issue a view session for a link that has just been opened."""
        expires_s = (self._clock.now_ms() + VIEW_SESSION_LIFETIME_MS) // 1000
        key = await self._keys.current()
        signature = _session_signature(key, link, expires_s)
        return ViewSession(f"{expires_s:x}-{key.public_id}-{signature}", expires_s * 1000)

    async def verify(self, link: Link, text: str) -> ViewSession | None:
        """Return the view session of a cookie; None if it has expired or belongs to another link."""
        parts = _SESSION_PATTERN.fullmatch(text)
        key = await self._keys.find(parts["key"]) if parts else None
        if parts is None or key is None:
            return None
        expires_s = int(parts["expires_s"], 16)
        if not hmac.compare_digest(_session_signature(key, link, expires_s), parts["signature"]):
            return None
        return ViewSession(text, expires_s * 1000) if expires_s * 1000 > self._clock.now_ms() else None


def _session_signature(key: SigningKey, link: Link, expires_s: int) -> str:
    message = f"opening {link.public_id} {expires_s}"
    return urlsafe_b64encode(hmac.new(key.secret, message.encode(), hashlib.sha256).digest()).decode().rstrip("=")
