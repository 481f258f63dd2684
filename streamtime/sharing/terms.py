"""What share links and links for sending have in common: when they hold, how they are labelled, how many are listed.

Which links are in force, as conditions that every query about them has.
"""

from enum import StrEnum

from sqlalchemy import ColumnElement, or_

from streamtime.auth.access import Role
from streamtime.database.people_tables import links, users
from streamtime.database.tables import videos


def account_is_active() -> ColumnElement[bool]:
    """An account that may sign in: what others were given by one that may not ends with it."""
    return users.c.disabled_at_ms.is_(None) & users.c.deleted_at_ms.is_(None) & users.c.awaiting_at_ms.is_(None)


def link_is_active() -> ColumnElement[bool]:
    """A link that was not taken back, joined with its maker. Its end is compared where the time is known."""
    return links.c.revoked_at_ms.is_(None) & account_is_active()


def link_may_show_video() -> ColumnElement[bool]:
    """A video that is there and that the link's maker may show: their own, or anybody's where they are an admin."""
    own = or_(videos.c.owner_id == links.c.owner_id, users.c.role == Role.ADMIN.value)
    return videos.c.deleted_at_ms.is_(None) & own


MAX_LABEL = 100
MAX_LISTED = 200
"""Links that a list shows, the latest first."""


class LinkState(StrEnum):
    """Whether a link can be opened."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED = "used"


def link_state(
    now_ms: int, *, revoked_at_ms: int | None, expires_at_ms: int | None, uses: int, max_uses: int | None
) -> LinkState:
    """Whether a link with these terms holds, or why not."""
    if revoked_at_ms is not None:
        return LinkState.REVOKED
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        return LinkState.EXPIRED
    return LinkState.USED if max_uses is not None and uses >= max_uses else LinkState.LIVE
