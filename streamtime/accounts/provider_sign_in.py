"""Signing in by a provider, in two halves: a browser is sent there, and comes back with its word.

A second factor of ours is not asked here: whoever vouches for somebody has asked what it asks.
"""

from dataclasses import dataclass

from streamtime.accounts.attempts import STATE_LIFETIME_S, OidcLoginState, OidcLoginStates
from streamtime.accounts.failures import FailedLoginLog
from streamtime.accounts.identities import OidcIdentities
from streamtime.accounts.limits import RateLimit, RateLimiter
from streamtime.accounts.sign_in import NewSession, SignIn
from streamtime.accounts.visit import ClientInfo
from streamtime.accounts.vouched import OidcAccounts
from streamtime.errors import Forbidden, StreamtimeError, Unauthenticated
from streamtime.logging import get_logger
from streamtime.openid.terms import (
    AuthorizationResponse,
    IdentityProvider,
    OidcIdentity,
    ProviderUnavailable,
    ProviderUntrusted,
)

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
            ProviderAway: the provider does not answer as it should.
            TooMany: it was tried too often from there.
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
            TooMany: it was tried too often from there.
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
            ProviderAway: the provider does not answer as it should.
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
