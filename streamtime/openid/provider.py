"""The provider of the configuration: asked for where to send a browser, and for who came back.

It is spoken to when somebody signs in, and at no other time. Nothing that it says is kept but what it said of itself
when the sign-in began; its keys are fetched each time, so that one that was taken back is good no more.
"""

from typing import Any

import msgspec

from streamtime.clock import Clock
from streamtime.openid.conversation import Conversation, Conversations
from streamtime.openid.id_token import Expected, claims_from
from streamtime.openid.metadata import ALGORITHMS, WELL_KNOWN, Metadata, metadata_from
from streamtime.openid.terms import (
    AuthorizationRequest,
    AuthorizationResponse,
    Identity,
    ProviderAway,
    ProviderMistrusted,
    ProviderSettings,
)

MAX_GROUPS = 1_000


class OpenIdProvider:
    """Speaks OpenID Connect: the code flow, with PKCE."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._conversations = Conversations(settings)
        self._metadata: Metadata | None = None

    async def authorization_address(self, request: AuthorizationRequest) -> str:
        """Where a browser is to go; see `Provider`."""
        async with self._conversations.open() as talk:
            metadata = await self._discover(talk)
            address, _ = talk.client.create_authorization_url(
                metadata.authorization_endpoint,
                state=request.state,
                nonce=request.nonce,
                code_verifier=request.verifier,
                redirect_uri=request.redirect_uri,
            )
        return str(address)

    async def identity(self, request: AuthorizationRequest, response: AuthorizationResponse) -> Identity:
        """Who came back; see `Provider`."""
        metadata = self._metadata
        if metadata is None:  # the server was started anew while somebody was there
            async with self._conversations.open() as talk:
                metadata = await self._discover(talk)
        _require_same_issuer(metadata, response)
        method = metadata.auth_method(secret=bool(self._settings.client_secret))
        async with self._conversations.open(method) as talk:
            token = await self._token(talk, metadata, request, response.code)
            keys = await talk.fetch(metadata.jwks_uri)
            now_s = self._clock.now_ms() // 1000
            expected = Expected(metadata.issuer, self._settings.client_id, request.nonce, now_s)
            access_token = token.get("access_token")
            claims = claims_from(token.get("id_token"), keys, expected, access_token=access_token)
            claims = await self._completed(talk, metadata, claims, access_token)
        return self._identity(claims)

    async def look(self) -> list[str]:
        """Whether it can be used; see `Provider`."""
        async with self._conversations.open() as talk:
            metadata = await self._discover(talk)
            metadata.auth_method(secret=bool(self._settings.client_secret))
            keys = _object(await talk.fetch(metadata.jwks_uri), "its key set")
        if not isinstance(keys.get("keys"), list) or not keys["keys"]:
            raise ProviderAway(f"It has no keys at {metadata.jwks_uri}. Choose a signing key for this client there.")
        signed_by = [name for name in ALGORITHMS if name in metadata.id_token_signing_alg_values_supported]
        encrypted = [] if metadata.issuer.startswith("https:") else ["without TLS: passwords can be read on the way"]
        return [metadata.issuer, f"signs by {signed_by[0]}", *encrypted]

    async def _discover(self, talk: Conversation) -> Metadata:
        body = await talk.fetch(self._settings.issuer.rstrip("/") + WELL_KNOWN)
        self._metadata = metadata_from(body, self._settings.issuer)
        return self._metadata

    async def _token(
        self, talk: Conversation, metadata: Metadata, request: AuthorizationRequest, code: str
    ) -> dict[str, Any]:
        try:
            token: dict[str, Any] = await talk.client.fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code,
                redirect_uri=request.redirect_uri,
                code_verifier=request.verifier,
            )
        except (
            ValueError,
            TypeError,
        ) as error:  # what came is no token; which it is might be said with the token itself
            raise ProviderAway(f"{metadata.token_endpoint} gives no token that can be read.") from error
        return token

    async def _completed(
        self, talk: Conversation, metadata: Metadata, claims: dict[str, Any], access_token: object
    ) -> dict[str, Any]:
        """The claims, with those that the provider tells at its userinfo endpoint alone."""
        wanted = {"preferred_username", self._settings.groups_claim} - {""}
        if wanted <= claims.keys() or not metadata.userinfo_endpoint or not isinstance(access_token, str):
            return claims
        more = _object(await talk.fetch(metadata.userinfo_endpoint, bearer=access_token), "what it tells of somebody")
        if more.get("sub") != claims["sub"]:  # Core, section 5.3.2: else it may be somebody else's
            raise ProviderMistrusted("Its userinfo endpoint speaks of somebody else.")
        return {**more, **claims}

    def _identity(self, claims: dict[str, Any]) -> Identity:
        groups = claims.get(self._settings.groups_claim)
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Identity(
            issuer=claims["iss"],
            subject=claims["sub"],
            username=_text(claims.get("preferred_username")),
            display_name=_text(claims.get("name")),
            groups=frozenset(group for group in listed[:MAX_GROUPS] if isinstance(group, str)),
        )


def _require_same_issuer(metadata: Metadata, response: AuthorizationResponse) -> None:
    """RFC 9207: whoever answers has to be whom we asked, where they say who they are."""
    wanted = metadata.authorization_response_iss_parameter_supported
    if response.issuer != metadata.issuer and (wanted or response.issuer):
        raise ProviderMistrusted("The answer is from another provider.")


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ProviderAway(f"It cannot be read, {what}: {error}.") from error


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
