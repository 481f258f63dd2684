"""That somebody has opened a share link: a signed note in a cookie, so that a reload is no second view.

It lasts as long as the tickets on the page, and proves the link's password as well. What it is for is looked up again
at each request: a link that was taken back has no openings.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from streamtime.auth.signing_keys import SigningKey, SigningKeys
from streamtime.clock import Clock
from streamtime.sharing.links import Link
from streamtime.sharing.tickets import TICKET_LIFETIME_MS

_SHAPE = re.compile(r"(?P<ends_s>[0-9a-f]{1,10})-(?P<key>[A-Za-z0-9]{1,64})-(?P<signature>[A-Za-z0-9_-]{43})")


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
        return ViewSession(f"{ends_s:x}-{key.public_id}-{_signature(key, link, ends_s)}", ends_s * 1000)

    async def verify(self, link: Link, text: str) -> ViewSession | None:
        """The opening that a cookie tells of; None where it is over, or none of that link."""
        parts = _SHAPE.fullmatch(text)
        key = await self._keys.find(parts["key"]) if parts else None
        if parts is None or key is None:
            return None
        ends_s = int(parts["ends_s"], 16)
        if not hmac.compare_digest(_signature(key, link, ends_s), parts["signature"]):
            return None
        return ViewSession(text, ends_s * 1000) if ends_s * 1000 > self._clock.now_ms() else None


def _signature(key: SigningKey, link: Link, ends_s: int) -> str:
    words = f"opening {link.public_id} {ends_s}"
    return urlsafe_b64encode(hmac.new(key.secret, words.encode(), hashlib.sha256).digest()).decode().rstrip("=")
