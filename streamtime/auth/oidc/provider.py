"""The provider of the configuration: asked for where to send a browser, and for who came back.

It is spoken to when somebody signs in, and at no other time. Nothing that it says is kept but what it said of itself
when the sign-in began; its keys are fetched each time, so that one that was taken back is good no more.

Whether an ID token is good: by the provider, for us, for this sign-in, and now (OpenID Connect Core, 3.1.3.7).

What a provider says of itself (OpenID Connect Discovery 1.0, section 3), read with care.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from streamtime.auth.oidc.http_client import ProviderClient, ProviderSession
from streamtime.auth.oidc.types import (
    AuthorizationRequest,
    AuthorizationResponse,
    OidcIdentity,
    ProviderSettings,
    ProviderUnavailable,
    ProviderUntrusted,
)
from streamtime.clock import Clock

WELL_KNOWN = "/.well-known/openid-configuration"

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""What an ID token may be signed by: keys that the provider alone has. Neither `none` nor a secret that we share."""


class ProviderMetadata(msgspec.Struct, frozen=True):
    """The part of it that is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    def auth_method(self, *, secret: bool) -> str:
        """How we say who we are at the token endpoint.

        Raises:
            ProviderUnavailable: it knows no way that we know.
        """
        ours = ("client_secret_basic", "client_secret_post") if secret else ("none",)
        known = self.token_endpoint_auth_methods_supported
        found = next((method for method in ours if method in known), None)
        if found is None and secret:
            raise ProviderUnavailable(
                f"It takes a client's secret by {_listed(known)} only, and not by {_listed(ours)}."
            )
        return found or "none"  # providers that have public clients do not always list it


def parse_metadata(body: bytes, issuer: str) -> ProviderMetadata:
    """The metadata of the provider of that name.

    Raises:
        ProviderUnavailable: it is none, or another provider's, or of one that cannot be used.
    """
    try:
        found = msgspec.json.decode(body, type=ProviderMetadata)
    except msgspec.MsgspecError as error:
        raise ProviderUnavailable(
            f"What lies at {WELL_KNOWN} is no description of an OpenID provider: {error}."
        ) from error
    # The standard wants the very same text. A slash at the end is what people lose on the way, and gives nothing away.
    if found.issuer.rstrip("/") != issuer.rstrip("/"):
        raise ProviderUnavailable(f"It calls itself {found.issuer!r}, and accounts.oidc.issuer says {issuer!r}.")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        _require_url(name, getattr(found, name), issuer)
    if not set(ALGORITHMS) & set(found.id_token_signing_alg_values_supported):
        signed_by = _listed(found.id_token_signing_alg_values_supported)
        raise ProviderUnavailable(
            f"It signs by {signed_by} only. Choose a signing key for this client there, such as RS256."
        )
    return found


def _require_url(name: str, address: str, issuer: str) -> None:
    if not address and name == "userinfo_endpoint":
        return
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and address.isprintable()
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable:
        raise ProviderUnavailable(f"Its {name} is no address: {address[:200]!r}.")
    if issuer.startswith("https:") and parts.scheme != "https":
        raise ProviderUnavailable(f"Its {name} is without TLS: {address[:200]!r}.")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words[:10]) or "nothing"


LEEWAY_S = 60
"""What clocks of two machines may differ by."""

MAX_SUBJECT = 255
"""OpenID Connect Core, section 2."""


@dataclass(frozen=True, slots=True)
class ExpectedClaims:
    """What has to stand in it."""

    issuer: str
    client_id: str
    nonce: str
    now_s: int


def verify_id_token(token: object, keys: bytes, expected: ExpectedClaims, *, access_token: object) -> dict[str, Any]:
    """The claims of a good one. `keys` is the provider's key set, as it publishes it just now.

    Raises:
        ProviderUntrusted: it is not good.
    """
    if not isinstance(token, str):
        raise ProviderUntrusted("It gave no ID token. Is `openid` one of the scopes that this client may ask for?")
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        key_set = KeySet.import_key_set(msgspec.json.decode(keys))
        read = jwt.decode(token, key_set, registry=registry)
        claims = _claims(read, expected, access_token)
        claims.validate(now=expected.now_s, leeway=LEEWAY_S)
    except JoseError as error:
        raise ProviderUntrusted(f"The ID token is not good: {str(error)[:200]}.") from error
    except (ValueError, TypeError, KeyError) as error:  # keys or claims of no known shape
        raise ProviderUntrusted(f"The ID token or the keys cannot be read: {type(error).__name__}.") from error
    if not 0 < len(claims["sub"]) <= MAX_SUBJECT:
        raise ProviderUntrusted("The ID token's subject is empty, or too long.")
    return dict(claims)


def _claims(read: jwt.Token, expected: ExpectedClaims, access_token: object) -> Any:  # noqa: ANN401  # the library is not typed
    essential = {"iss": expected.issuer, "aud": expected.client_id}
    return CodeIDToken(
        read.claims,
        read.header,
        options={name: {"essential": True, "value": value} for name, value in essential.items()},
        params={"nonce": expected.nonce, "client_id": expected.client_id, "access_token": access_token},
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
