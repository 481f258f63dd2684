"""Signing in by a provider, in two halves: a browser is sent there, and comes back with its word.

A second factor of ours is not asked here: whoever vouches for somebody has asked what it asks.

A sign-in by a provider on its way: a signed note, kept by the browser that began it, so that nobody else ends it.

The note is good for ten minutes and once. It is signed with a key of this process alone: what a restart interrupts
begins anew. Its holder may read it; what is in it is theirs.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from streamtime.auth.audit import ClientInfo
from streamtime.auth.failed_logins import FailedLoginLog
from streamtime.auth.oidc.accounts import OidcAccounts, OidcIdentities
from streamtime.auth.oidc.types import (
    AuthorizationRequest,
    AuthorizationResponse,
    IdentityProvider,
    OidcIdentity,
    ProviderUnavailable,
    ProviderUntrusted,
)
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.sign_in import NewSession, SignIn
from streamtime.clock import Clock
from streamtime.errors import Forbidden, StreamtimeError, Unauthenticated
from streamtime.logging import get_logger

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


_log = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class AuthorizationRedirect:
    """Where a browser is to go, and the note that it is to keep meanwhile."""

    url: str
    state_token: str
    max_age_s: int = STATE_LIFETIME_S


class OidcSignIn:
    """Signs people in by the word of a provider. `identities` are what connects accounts with it."""

    def __init__(
        self,
        provider: IdentityProvider,
        identities: OidcIdentities,
        accounts: OidcAccounts,
        login_states: OidcLoginStates,
        sign_in: SignIn,
        rate_limiter: RateLimiter,
        failed_logins: FailedLoginLog,
        *,
        name: str,
    ) -> None:
        self.name = name
        self.identities = identities
        self._provider = provider
        self._accounts = accounts
        self._login_states = login_states
        self._sign_in = sign_in
        self._rate_limiter = rate_limiter
        self._failed_logins = failed_logins

    async def start(
        self, client: ClientInfo, redirect_uri: str, next_path: str, *, user_id: int | None = None
    ) -> AuthorizationRedirect:
        """Begin a sign-in, or, with `user_id`, the connection of that account.

        Raises:
            ProviderUnavailable: the provider does not answer as it should.
            TooManyRequests: it was tried too often from there.
        """
        self._rate_limiter.consume(_limit_keys(client))
        attempt = self._login_states.create(redirect_uri, next_path, user_id)
        try:
            address = await self._provider.authorization_url(attempt.request)
        except ProviderUnavailable as error:
            _log.warning("provider_unavailable", detail=error.detail)
            raise
        return AuthorizationRedirect(address, self._login_states.encode(attempt))

    async def consume_state(self, note: str, state: str, client: ClientInfo) -> OidcLoginState:
        """The attempt that a browser comes back from. Failures, here and below, are in the audit.

        Raises:
            Unauthenticated: it was not begun there, or is over.
            TooManyRequests: it was tried too often from there.
        """
        self._rate_limiter.consume(_limit_keys(client))
        try:
            return self._login_states.consume(note, state)
        except Unauthenticated as error:
            await self._failed(client, error)
            raise

    async def fetch_identity(
        self, attempt: OidcLoginState, response: AuthorizationResponse, client: ClientInfo
    ) -> OidcIdentity:
        """Who came back.

        Raises:
            Unauthenticated: it was denied, or cannot be believed.
            ProviderUnavailable: the provider does not answer as it should.
        """
        try:
            self._require_consent(response)
            return await self._provider.fetch_identity(attempt.request, response)
        except (ProviderUnavailable, ProviderUntrusted) as error:
            _log.warning(error.code, detail=error.detail)
            await self._failed(client, error)
            raise
        except Unauthenticated as error:
            await self._failed(client, error)
            raise

    async def sign_in(self, identity: OidcIdentity, client: ClientInfo) -> NewSession:
        """Start a session for whoever it is; the account is made where it may be.

        Raises:
            Unauthenticated: the account is shut out.
            Forbidden: there is none, and none is made.
        """
        try:
            user_id = await self._accounts.find_or_create(identity, client)
            session = await self._sign_in.start_oidc_session(user_id, client, by=self.name)
        except (Unauthenticated, Forbidden) as error:
            await self._failed(client, error)
            raise
        self.refund(client)
        return session

    def refund(self, client: ClientInfo) -> None:
        """Give back the tries of somebody who went there and came back as who they are."""
        for _ in range(2):
            self._rate_limiter.refund(_limit_keys(client))

    def _require_consent(self, response: AuthorizationResponse) -> None:
        if response.code and not response.error:
            return
        if response.error == "access_denied":
            words = f"{self.name} did not let you in, or you did not go on there."
            raise Unauthenticated(words, code="provider_denied")
        told = response.error if response.error.isascii() and response.error.isprintable() else "nothing that is known"
        words = f"{self.name} did not sign you in. It says: {told or 'nothing'}."
        raise Unauthenticated(words, code="provider_error")

    async def _failed(self, client: ClientInfo, error: StreamtimeError) -> None:
        await self._failed_logins.record("", client, by=self.name, reason=error.code)


def _limit_keys(client: ClientInfo) -> dict[RateLimit, str]:
    return {RateLimit.SIGN_IN_PROVIDER: client.network}
