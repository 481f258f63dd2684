"""The provider of the configuration: asked for where to send a browser, and for who came back.

It is spoken to when somebody signs in, and at no other time. Nothing that it says is kept but what it said of itself
when the sign-in began; its keys are fetched each time, so that one that was taken back is good no more.
"""

from typing import Any

import msgspec

from streamtime.clock import Clock
from streamtime.openid.conversation import ProviderClient, ProviderSession
from streamtime.openid.id_token import ExpectedClaims, verify_id_token
from streamtime.openid.metadata import ALGORITHMS, WELL_KNOWN, ProviderMetadata, parse_metadata
from streamtime.openid.terms import (
    AuthorizationRequest,
    AuthorizationResponse,
    OidcIdentity,
    ProviderSettings,
    ProviderUnavailable,
    ProviderUntrusted,
)

MAX_GROUPS = 1_000


class OidcProvider:
    """Speaks OpenID Connect: the code flow, with PKCE."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client = ProviderClient(settings)
        self._metadata: ProviderMetadata | None = None

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Where a browser is to go; see `Provider`."""
        async with self._client.open() as session:
            metadata = await self._discover(session)
            address, _ = session.client.create_authorization_url(
                metadata.authorization_endpoint,
                state=request.state,
                nonce=request.nonce,
                code_verifier=request.code_verifier,
                redirect_uri=request.redirect_uri,
            )
        return str(address)

    async def fetch_identity(self, request: AuthorizationRequest, response: AuthorizationResponse) -> OidcIdentity:
        """Who came back; see `Provider`."""
        metadata = self._metadata
        if metadata is None:  # the server was started anew while somebody was there
            async with self._client.open() as session:
                metadata = await self._discover(session)
        _require_same_issuer(metadata, response)
        method = metadata.auth_method(secret=bool(self._settings.client_secret))
        async with self._client.open(method) as session:
            token = await self._exchange_code(session, metadata, request, response.code)
            keys = await session.fetch(metadata.jwks_uri)
            now_s = self._clock.now_ms() // 1000
            expected = ExpectedClaims(metadata.issuer, self._settings.client_id, request.nonce, now_s)
            access_token = token.get("access_token")
            claims = verify_id_token(token.get("id_token"), keys, expected, access_token=access_token)
            claims = await self._with_userinfo(session, metadata, claims, access_token)
        return self._identity(claims)

    async def check(self) -> list[str]:
        """Whether it can be used; see `Provider`."""
        async with self._client.open() as session:
            metadata = await self._discover(session)
            metadata.auth_method(secret=bool(self._settings.client_secret))
            keys = _object(await session.fetch(metadata.jwks_uri), "its key set")
        if not isinstance(keys.get("keys"), list) or not keys["keys"]:
            raise ProviderUnavailable(
                f"It has no keys at {metadata.jwks_uri}. Choose a signing key for this client there."
            )
        signed_by = [name for name in ALGORITHMS if name in metadata.id_token_signing_alg_values_supported]
        encrypted = [] if metadata.issuer.startswith("https:") else ["without TLS: passwords can be read on the way"]
        return [metadata.issuer, f"signs by {signed_by[0]}", *encrypted]

    async def _discover(self, session: ProviderSession) -> ProviderMetadata:
        body = await session.fetch(self._settings.issuer.rstrip("/") + WELL_KNOWN)
        self._metadata = parse_metadata(body, self._settings.issuer)
        return self._metadata

    async def _exchange_code(
        self, session: ProviderSession, metadata: ProviderMetadata, request: AuthorizationRequest, code: str
    ) -> dict[str, Any]:
        try:
            token: dict[str, Any] = await session.client.fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code,
                redirect_uri=request.redirect_uri,
                code_verifier=request.code_verifier,
            )
        except (
            ValueError,
            TypeError,
        ) as error:  # what came is no token; which it is might be said with the token itself
            raise ProviderUnavailable(f"{metadata.token_endpoint} gives no token that can be read.") from error
        return token

    async def _with_userinfo(
        self, session: ProviderSession, metadata: ProviderMetadata, claims: dict[str, Any], access_token: object
    ) -> dict[str, Any]:
        """The claims, with those that the provider tells at its userinfo endpoint alone."""
        wanted = {"preferred_username", self._settings.groups_claim} - {""}
        if wanted <= claims.keys() or not metadata.userinfo_endpoint or not isinstance(access_token, str):
            return claims
        more = _object(
            await session.fetch(metadata.userinfo_endpoint, bearer=access_token), "what it tells of somebody"
        )
        if more.get("sub") != claims["sub"]:  # Core, section 5.3.2: else it may be somebody else's
            raise ProviderUntrusted("Its userinfo endpoint speaks of somebody else.")
        return {**more, **claims}

    def _identity(self, claims: dict[str, Any]) -> OidcIdentity:
        groups = claims.get(self._settings.groups_claim)
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return OidcIdentity(
            issuer=claims["iss"],
            subject=claims["sub"],
            username=_text(claims.get("preferred_username")),
            display_name=_text(claims.get("name")),
            groups=frozenset(group for group in listed[:MAX_GROUPS] if isinstance(group, str)),
        )


def _require_same_issuer(metadata: ProviderMetadata, response: AuthorizationResponse) -> None:
    """RFC 9207: whoever answers has to be whom we asked, where they say who they are."""
    wanted = metadata.authorization_response_iss_parameter_supported
    if response.issuer != metadata.issuer and (wanted or response.issuer):
        raise ProviderUntrusted("The answer is from another provider.")


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ProviderUnavailable(f"It cannot be read, {what}: {error}.") from error


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
