"""Whether an ID token is good: by the provider, for us, for this sign-in, and now (OpenID Connect Core, 3.1.3.7)."""

from dataclasses import dataclass
from typing import Any

import msgspec
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from streamtime.openid.metadata import ALGORITHMS
from streamtime.openid.terms import ProviderUntrusted

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
        ProviderMistrusted: it is not good.
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
