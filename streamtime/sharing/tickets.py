"""Tickets and view sessions: signed tokens for people who watch without a cookie of an account.

A ticket is part of a media URL and gives access to one video for some hours, for players that send no cookies. It
names its source (a session, an API token or a share link), which is looked up again, and `auth.access` decides what
its caller may see. A view session is a cookie which says that a share link was opened and its password given, so that
a reload does not count as another view.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import AuthMethod, Caller, Role, TokenScope
from streamtime.auth.signed_tokens import SignedToken, SignedTokens, TokenKeys, TokenKind, claim_fingerprint
from streamtime.auth.users import is_inactive
from streamtime.clock import Clock
from streamtime.database.tables.auth import api_tokens, sessions, users
from streamtime.database.tables.sharing import share_links
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, EpochWatch
from streamtime.errors import NotFound, Unauthenticated
from streamtime.sharing.link_rules import link_is_active, link_shows_video
from streamtime.sharing.links import Link

TICKET_LIFETIME_MS = 4 * 3_600_000
"""The longest validity of a ticket: a film with pauses."""

VIEW_SESSION_LIFETIME_MS = 4 * 3_600_000
"""How long reloads of a share link belong to one counted view."""

MAX_CACHED = 10_000
"""Tickets in the cache; each takes about 600 bytes."""


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


class Ticket(SignedToken):
    """A ticket as it appears in a URL, and when it expires."""

    def url(self, path: str) -> str:
        """Return the URL of media at `path`, which begins with `/media/`, with this ticket."""
        return f"/t/{self.text}{path}"


class _TicketClaims(msgspec.Struct, frozen=True, rename={"source": "src", "video": "vid", "source_id": "fpt"}):
    source: TicketSource
    row: int
    video: str
    source_id: bytes
    """The fingerprint of the source's public id, which may be a secret: after a restore, another source cannot use the
    ticket with the same row id."""


@dataclass(frozen=True, slots=True)
class _Grant:
    source_id: str
    """The public id of the session, API token or share link."""
    expires_at_ms: int | None
    caller: Caller


class Tickets:
    """Issues tickets, and resolves a ticket to its caller."""

    def __init__(self, database: Database, epoch: EpochWatch, keys: TokenKeys, clock: Clock) -> None:
        self._database = database
        self._epoch = epoch
        self._tokens = SignedTokens(TokenKind.TICKET, _TicketClaims, keys, clock)
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
            raise NotFound(reason="ticket_expired")
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
        token = await self._tokens.issue(
            _TicketClaims(source, row_id, video, claim_fingerprint(grant.source_id)), expires_at_ms
        )
        return Ticket(token.text, token.expires_at_ms)

    async def _verify(self, text: str) -> tuple[Caller, int]:
        """Return the caller of a ticket, and when it expires. Raises `NotFound`."""
        token = await self._tokens.decode(text)
        if token is None:
            raise NotFound(reason="ticket_invalid")
        claims = token.claims
        grant = await self._look_up(claims.source, claims.row, claims.video)
        if grant is None or claims.source_id != claim_fingerprint(grant.source_id):
            raise NotFound(reason="ticket_revoked")
        if grant.expires_at_ms is None:
            return grant.caller, token.expires_at_ms
        return grant.caller, min(token.expires_at_ms, grant.expires_at_ms)

    async def _look_up(self, source: TicketSource, row_id: int, video: str) -> _Grant | None:
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
            select(share_links.c.public_id, share_links.c.expires_at_ms)
            .join_from(share_links, users, share_links.c.owner_id == users.c.id)
            .join(videos, videos.c.public_id == video)
            .where(share_links.c.id == link_id, link_is_active(), link_shows_video())
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


class _ViewClaims(msgspec.Struct, frozen=True, rename={"link": "fpt"}):
    link: bytes
    """The fingerprint of the link's public id."""


class ViewSessions:
    """Issues and verifies view sessions of share links."""

    def __init__(self, keys: TokenKeys, clock: Clock) -> None:
        self._tokens = SignedTokens(TokenKind.VIEW_SESSION, _ViewClaims, keys, clock)
        self._clock = clock

    async def issue(self, link: Link) -> SignedToken:
        """Issue a view session, the value of a cookie, for a link that has just been opened."""
        claims = _ViewClaims(claim_fingerprint(link.public_id))
        return await self._tokens.issue(claims, self._clock.now_ms() + VIEW_SESSION_LIFETIME_MS)

    async def verify(self, link: Link, text: str) -> SignedToken | None:
        """Return the view session of a cookie; None if it has expired or belongs to another link."""
        token = await self._tokens.verify(text)
        if token is None or token.claims.link != claim_fingerprint(link.public_id):
            return None
        return SignedToken(text, token.expires_at_ms)
