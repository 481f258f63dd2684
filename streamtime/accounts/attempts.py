"""A sign-in by a provider on its way: a signed note, kept by the browser that began it, so that nobody else ends it.

The note is good for ten minutes and once. It is signed with a key of this process alone: what a restart interrupts
begins anew. Its holder may read it; what is in it is theirs.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict

import msgspec

from streamtime.clock import Clock
from streamtime.errors import Unauthenticated
from streamtime.openid.terms import AuthorizationRequest

STATE_LIFETIME_S = 600
"""Time enough to find one's telephone for the second factor."""

MAX_NEXT_PATH = 1_000
MAX_STATE_TOKEN = 4_000
"""Browsers keep cookies up to 4,096 bytes."""

MAX_USED_STATES = 10_000
"""Notes that are remembered as spent. Of those forgotten the provider still refuses the code, which is spent too."""


class OidcLoginState(msgspec.Struct, frozen=True):
    """One sign-in, or, with `user_id`, the connection of an account that is signed in."""

    request: AuthorizationRequest
    next_path: str
    """The path to go to afterwards."""
    expires_at_ms: int
    user_id: int | None = None


class OidcLoginStates:
    """Writes the notes and takes them back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[str, None] = OrderedDict()

    def create(self, redirect_uri: str, following: str, user_id: int | None) -> OidcLoginState:
        """A new one. A path that is too long to be kept leads to the library."""
        request = AuthorizationRequest(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            code_verifier=secrets.token_urlsafe(48),
            redirect_uri=redirect_uri,
        )
        kept = following if len(following.encode()) <= MAX_NEXT_PATH else "/library"
        return OidcLoginState(request, kept, self._clock.now_ms() + STATE_LIFETIME_S * 1000, user_id)

    def encode(self, attempt: OidcLoginState) -> str:
        """The note for the browser."""
        body = msgspec.json.encode(attempt)
        return f"{_text(body)}.{_text(self._signature(body))}"

    def consume(self, note: str, state: str) -> OidcLoginState:
        """The attempt that a browser comes back from, which is spent with that.

        Raises:
            Unauthenticated: it is another browser's, over, or was ended already.
        """
        attempt = self._decode(note)
        if attempt is None or not hmac.compare_digest(attempt.request.state.encode(), state.encode()):
            raise Unauthenticated(
                "This sign-in was not begun in this browser, took longer than ten minutes, or has ended already. "
                "Begin again.",
                code="provider_state",
            )
        self._used[attempt.request.state] = None
        if len(self._used) > MAX_USED_STATES:
            self._used.popitem(last=False)
        return attempt

    def _decode(self, note: str) -> OidcLoginState | None:
        body, _, signature = note.partition(".")
        try:
            raw = _bytes(body)
            good = len(note) <= MAX_STATE_TOKEN and hmac.compare_digest(self._signature(raw), _bytes(signature))
            attempt = msgspec.json.decode(raw, type=OidcLoginState) if good else None
        except ValueError:
            return None
        if attempt is None or attempt.expires_at_ms <= self._clock.now_ms() or attempt.request.state in self._used:
            return None
        return attempt

    def _signature(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
