"""What is asked of an OpenID provider and what it answers, as plain values.

Nothing here needs the libraries that the extra `oidc` brings: the other rooms know this file alone.
"""

from dataclasses import dataclass
from typing import Protocol

from streamtime.errors import Unauthenticated, Unavailable


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Which provider, and what it calls us."""

    issuer: str
    client_id: str
    client_secret: str
    """Empty for a public client."""
    scopes: tuple[str, ...]
    groups_claim: str
    """Where it tells somebody's groups; empty where they do not matter."""
    timeout_s: int
    """How long one conversation with it may take, whatever is said in it."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What one sign-in is known by on its way: random, and good once (OpenID Connect Core, section 3.1.2.1)."""

    state: str
    nonce: str
    code_verifier: str
    """Of RFC 7636: whoever took the code on its way cannot use it without this."""
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """What a browser brings back from the provider; empty where it brings nothing of the kind."""

    state: str
    code: str
    error: str
    issuer: str


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """Somebody, by the word of a provider. Only issuer and subject together name them; the rest may change."""

    issuer: str
    subject: str
    username: str
    """What they would like to be called here (`preferred_username`); may be anything."""
    display_name: str
    groups: frozenset[str]


class ProviderUnavailable(Unavailable):
    """The provider cannot be reached, is too slow, or does not say what a provider says.

    `message` is for whoever signs in, `detail` for whoever runs the server; neither holds a secret.
    """

    code = "provider_unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__("It does not answer as it should at the moment. Try again in a while.", retry_after_s=30)
        self.detail = detail


class ProviderUntrusted(Unauthenticated):
    """What the provider says of somebody cannot be believed, or it does not believe us. `detail` as above."""

    code = "provider_mistrusted"

    def __init__(self, detail: str) -> None:
        super().__init__("What it says of you cannot be believed, so you are not signed in. Begin again.")
        self.detail = detail


class IdentityProvider(Protocol):
    """An OpenID provider."""

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Where a browser is to go to sign in.

        Raises:
            ProviderUnavailable: it does not answer as it should.
        """
        ...

    async def fetch_identity(self, request: AuthorizationRequest, response: AuthorizationResponse) -> OidcIdentity:
        """Who came back from there.

        Raises:
            ProviderUnavailable: it does not answer as it should.
            ProviderUntrusted: it refuses, or its word is not good.
        """
        ...

    async def check(self) -> list[str]:
        """Whether it is there and can be used, in words.

        Raises:
            ProviderUnavailable: it cannot.
        """
        ...
