"""What share links and links for sending have in common: when they hold, how they are labelled, how many are listed."""

from enum import StrEnum

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
