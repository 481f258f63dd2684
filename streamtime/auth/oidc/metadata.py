"""What a provider says of itself (OpenID Connect Discovery 1.0, section 3), read with care."""

from urllib.parse import urlsplit

import msgspec

from streamtime.auth.oidc.types import ProviderUnavailable

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
            ProviderAway: it knows no way that we know.
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
        ProviderAway: it is none, or another provider's, or of one that cannot be used.
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
