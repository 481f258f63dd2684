"""An OpenID Connect provider: discovery, the code flow with PKCE, and ID token validation (Core, section 3.1.3.7).

The provider is contacted only during a sign-in or a check. Its metadata is read when a sign-in begins; its keys are
fetched for every sign-in, so that a revoked key is not accepted.
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
"""Accepted signature algorithms of ID tokens: asymmetric ones only, neither `none` nor a shared secret."""


class ProviderMetadata(msgspec.Struct, frozen=True):
    """The provider metadata that is used (Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    def auth_method(self, *, secret: bool) -> str:
        """Return how this client authenticates at the token endpoint.

        Raises:
            ProviderUnavailable: the provider supports no method that this client supports.
        """
        supported = ("client_secret_basic", "client_secret_post") if secret else ("none",)
        offered = self.token_endpoint_auth_methods_supported
        found = next((method for method in supported if method in offered), None)
        if found is None and secret:
            raise ProviderUnavailable(
                f"It takes a client's secret by {_listed(offered)} only, and not by {_listed(supported)}."
            )
        return found or "none"  # providers do not always list "none" for public clients


def parse_metadata(body: bytes, issuer: str) -> ProviderMetadata:
    """Return the metadata of the provider with that issuer.

    Raises:
        ProviderUnavailable: it is malformed, of another issuer, or of a provider that cannot be used.
    """
    try:
        found = msgspec.json.decode(body, type=ProviderMetadata)
    except msgspec.MsgspecError as error:
        raise ProviderUnavailable(
            f"The document at {WELL_KNOWN} is not the metadata of an OpenID provider: {error}."
        ) from error
    # The standard requires an exact match. A trailing slash is easily lost, and ignoring it is safe.
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
"""Accepted difference between the clocks of two machines."""

MAX_SUBJECT = 255
"""OpenID Connect Core, section 2."""


@dataclass(frozen=True, slots=True)
class ExpectedClaims:
    """The values that the claims of an ID token must have."""

    issuer: str
    client_id: str
    nonce: str
    now_s: int


def verify_id_token(token: object, keys: bytes, expected: ExpectedClaims, *, access_token: object) -> dict[str, Any]:
    """Return the claims of a valid ID token. `keys` is the provider's current key set, a JWKS document.

    Raises:
        ProviderUntrusted: the token is not valid.
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
    except (ValueError, TypeError, KeyError) as error:  # malformed keys or claims
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
    """Signs users in at an OpenID provider by the code flow with PKCE; see `IdentityProvider`."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client = ProviderClient(settings)
        self._metadata: ProviderMetadata | None = None

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL to send the browser to; see `IdentityProvider`."""
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
        """Return the identity that signed in; see `IdentityProvider`."""
        metadata = self._metadata
        if metadata is None:  # the server was restarted during the sign-in
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
        """Check that the provider can be used; see `IdentityProvider`."""
        async with self._client.open() as session:
            metadata = await self._discover(session)
            metadata.auth_method(secret=bool(self._settings.client_secret))
            keys = _object(await session.fetch(metadata.jwks_uri), "Its key set")
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
        except (ValueError, TypeError) as error:  # not a token response; the error's text may contain the token
            raise ProviderUnavailable(f"{metadata.token_endpoint} gives no token that can be read.") from error
        return token

    async def _with_userinfo(
        self, session: ProviderSession, metadata: ProviderMetadata, claims: dict[str, Any], access_token: object
    ) -> dict[str, Any]:
        """Return the claims, completed by those of the userinfo endpoint."""
        needed = {"preferred_username", self._settings.groups_claim} - {""}
        if needed <= claims.keys() or not metadata.userinfo_endpoint or not isinstance(access_token, str):
            return claims
        userinfo = _object(await session.fetch(metadata.userinfo_endpoint, bearer=access_token), "Its userinfo")
        if userinfo.get("sub") != claims["sub"]:  # Core, section 5.3.2: the subjects must match
            raise ProviderUntrusted("Its userinfo endpoint describes another user.")
        return {**userinfo, **claims}

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
    """Reject a response with the issuer of another provider (RFC 9207)."""
    required = metadata.authorization_response_iss_parameter_supported
    if response.issuer != metadata.issuer and (required or response.issuer):
        raise ProviderUntrusted("The answer is from another provider.")


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ProviderUnavailable(f"{what} cannot be read: {error}.") from error


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
