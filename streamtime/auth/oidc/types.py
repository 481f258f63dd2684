"""Types of the OpenID sign-in: settings, requests, responses, errors, and the `IdentityProvider` protocol.

This module does not need the libraries of the extra `oidc`.
"""

from dataclasses import dataclass
from typing import Protocol

from streamtime.errors import Unauthenticated, Unavailable


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """An OpenID provider, and this server's registration as its client."""

    issuer: str
    client_id: str
    client_secret: str
    """Empty for a public client."""
    scopes: tuple[str, ...]
    groups_claim: str
    """The claim with the user's groups; empty if groups are not used."""
    timeout_s: int
    """The timeout of all requests of one step together."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """The random values of one authorization request (OpenID Connect Core, section 3.1.2.1); each is used once."""

    state: str
    nonce: str
    code_verifier: str
    """The PKCE secret (RFC 7636): an intercepted code cannot be used without it."""
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """The parameters of the provider's redirect to the callback; absent ones are empty."""

    state: str
    code: str
    error: str
    issuer: str


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """A user as a provider describes them. Only issuer and subject identify the user; the rest may change."""

    issuer: str
    subject: str
    username: str
    """The claim `preferred_username`; may be any text."""
    display_name: str
    groups: frozenset[str]


class ProviderUnavailable(Unavailable):
    """The provider is unreachable, too slow, or sends an unexpected response.

    `message` is for the user, `detail` for the administrator; neither holds a secret.
    """

    code = "provider_away"

    def __init__(self, detail: str) -> None:
        super().__init__("It does not respond as expected at the moment. Try again later.", retry_after_s=30)
        self.detail = detail


class ProviderUntrusted(Unauthenticated):
    """The provider's response is not valid, or it rejects this client; `detail` is for the administrator."""

    code = "provider_mistrusted"

    def __init__(self, detail: str) -> None:
        super().__init__("Its response is not valid, so you are not signed in. Begin again.")
        self.detail = detail


class IdentityProvider(Protocol):
    """An OpenID provider."""

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL to send the browser to for the sign-in.

        Raises:
            ProviderUnavailable: the provider does not respond as expected.
        """
        ...

    async def fetch_identity(self, request: AuthorizationRequest, response: AuthorizationResponse) -> OidcIdentity:
        """Exchange the code of the response and return the identity.

        Raises:
            ProviderUnavailable: the provider does not respond as expected.
            ProviderUntrusted: it refuses the request, or its response is not valid.
        """
        ...

    async def check(self) -> list[str]:
        """Check that the provider is reachable and can be used; return notes for the administrator.

        Raises:
            ProviderUnavailable: it cannot be used.
        """
        ...
