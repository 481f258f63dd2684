"""Sign-in with an OpenID provider in two steps: the redirect to the provider, and the callback with its response.

In between, the browser keeps the login state as a signed cookie, valid for ten minutes and once, so that no other
browser can complete the sign-in. It is signed with a key of this process: a restart invalidates pending sign-ins. The
account's own second factor is not asked for; the provider is responsible for that.
"""

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from streamtime.auth.audit import ClientInfo
from streamtime.auth.failed_login_log import FailedLoginLog
from streamtime.auth.oidc.accounts import OidcAccounts
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
from streamtime.auth.signed_tokens import SignedTokens, TokenKind
from streamtime.auth.signing_keys import ProcessKey
from streamtime.clock import Clock
from streamtime.errors import Forbidden, StreamtimeError, Unauthenticated
from streamtime.logging import get_logger

STATE_LIFETIME_S = 600
"""Time enough to find the phone for a second factor at the provider."""

MAX_NEXT_PATH = 2_000
"""Characters in the JSON of the token, where one that is not ASCII takes six: the cookie must fit in 4,096 bytes."""
MAX_USED_STATES = 10_000
"""Used states kept in memory. For older ones the provider still rejects the code, which is used as well."""


class OidcLoginState(msgspec.Struct, frozen=True):
    """The state of one sign-in, or, with `user_id`, of connecting a signed-in account."""

    request: AuthorizationRequest
    next_path: str
    """The path to redirect to after the sign-in."""
    user_id: int | None = None


class OidcLoginStates:
    """Creates, signs and consumes login states."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens = SignedTokens(TokenKind.OIDC_LOGIN_STATE, OidcLoginState, ProcessKey(clock), clock)
        self._used: OrderedDict[str, None] = OrderedDict()

    def create(self, redirect_uri: str, next_path: str, user_id: int | None) -> OidcLoginState:
        """Create a login state. A `next_path` that is too long is replaced by the library's."""
        request = AuthorizationRequest(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            code_verifier=secrets.token_urlsafe(48),
            redirect_uri=redirect_uri,
        )
        path = next_path if len(json.dumps(next_path)) <= MAX_NEXT_PATH else "/library"
        return OidcLoginState(request, path, user_id)

    async def encode(self, login_state: OidcLoginState) -> str:
        """Return the signed token for the browser's cookie."""
        return (await self._tokens.issue(login_state, self._clock.now_ms() + STATE_LIFETIME_S * 1000)).text

    async def consume(self, token: str, state: str) -> OidcLoginState:
        """Verify a browser's token against the callback's `state`, and mark the login state as used.

        Raises:
            Unauthenticated: it belongs to another browser, has expired, or was used before.
        """
        found = await self._tokens.verify(token)
        if found is None or found.claims.request.state != state or state in self._used:
            raise Unauthenticated(
                "This sign-in was not begun in this browser, took longer than ten minutes, or has ended already. "
                "Begin again.",
                code="provider_state",
            )
        self._used[state] = None
        if len(self._used) > MAX_USED_STATES:
            self._used.popitem(last=False)
        return found.claims


_log = get_logger("auth")


@dataclass(frozen=True, slots=True)
class AuthorizationRedirect:
    """The URL to redirect the browser to, and the state token for its cookie."""

    url: str
    state_token: str
    max_age_s: int = STATE_LIFETIME_S


class OidcSignIn:
    """Signs users in with an OpenID provider."""

    def __init__(
        self,
        provider: IdentityProvider,
        accounts: OidcAccounts,
        login_states: OidcLoginStates,
        sign_in: SignIn,
        rate_limiter: RateLimiter,
        failed_logins: FailedLoginLog,
    ) -> None:
        self.name = accounts.policy.name
        self.identities = accounts.identities
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
            ProviderUnavailable: the provider does not respond as expected.
            TooManyRequests: too many attempts from this network.
        """
        self._rate_limiter.consume(_limit_keys(client))
        login_state = self._login_states.create(redirect_uri, next_path, user_id)
        try:
            url = await self._provider.authorization_url(login_state.request)
        except ProviderUnavailable as error:
            _log.warning("provider_unavailable", detail=error.detail)
            raise
        return AuthorizationRedirect(url, await self._login_states.encode(login_state))

    async def consume_state(self, token: str, state: str, client: ClientInfo) -> OidcLoginState:
        """Verify the state of a callback and mark it as used. Failures of this and the next steps are audited.

        Raises:
            Unauthenticated: it belongs to another browser, has expired, or was used before.
            TooManyRequests: too many attempts from this network.
        """
        self._rate_limiter.consume(_limit_keys(client))
        try:
            return await self._login_states.consume(token, state)
        except Unauthenticated as error:
            await self._failed(client, error)
            raise

    async def fetch_identity(
        self, login_state: OidcLoginState, response: AuthorizationResponse, client: ClientInfo
    ) -> OidcIdentity:
        """Return the identity of a callback's response.

        Raises:
            Unauthenticated: the sign-in was denied, or the response is not trusted.
            ProviderUnavailable: the provider does not respond as expected.
        """
        try:
            self._require_consent(response)
            return await self._provider.fetch_identity(login_state.request, response)
        except (ProviderUnavailable, ProviderUntrusted) as error:
            _log.warning(error.code, detail=error.detail)
            await self._failed(client, error)
            raise
        except Unauthenticated as error:
            await self._failed(client, error)
            raise

    async def sign_in(self, identity: OidcIdentity, client: ClientInfo) -> NewSession:
        """Create a session for an identity, and an account if configured.

        Raises:
            Unauthenticated: the account is disabled, deleted or not approved yet.
            Forbidden: there is no account, and none may be created.
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
        """Give back the two attempts of a successful sign-in."""
        for _ in range(2):
            self._rate_limiter.refund(_limit_keys(client))

    def _require_consent(self, response: AuthorizationResponse) -> None:
        if response.code and not response.error:
            return
        if response.error == "access_denied":
            message = f"{self.name} did not let you in, or you did not go on there."
            raise Unauthenticated(message, code="provider_denied")
        reason = (
            response.error if response.error.isascii() and response.error.isprintable() else "nothing that is known"
        )
        message = f"{self.name} did not sign you in. It says: {reason or 'nothing'}."
        raise Unauthenticated(message, code="provider_error")

    async def _failed(self, client: ClientInfo, error: StreamtimeError) -> None:
        await self._failed_logins.record("", client, by=self.name, reason=error.code)


def _limit_keys(client: ClientInfo) -> dict[RateLimit, str]:
    return {RateLimit.SIGN_IN_PROVIDER: client.network}
