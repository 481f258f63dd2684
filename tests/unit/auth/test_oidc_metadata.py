"""What a provider says of itself, and what is wrong with it in words."""

import json
from typing import Any

import pytest

from streamtime.auth.oidc.provider import parse_metadata
from streamtime.auth.oidc.types import ProviderUnavailable

ISSUER = "https://auth.example.org/realms/home"
TOLD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}


def said(**changes: object) -> bytes:
    return json.dumps({**TOLD, **changes}).encode()


def wrong(body: bytes, issuer: str = ISSUER) -> str:
    with pytest.raises(ProviderUnavailable) as error:
        parse_metadata(body, issuer)
    return error.value.detail


def test_the_least_that_a_provider_says() -> None:
    found = parse_metadata(said(), ISSUER)
    assert found.auth_method(secret=True) == "client_secret_basic"
    assert found.auth_method(secret=False) == "none"
    assert found.userinfo_endpoint == ""


def test_a_slash_more_or_less_is_the_same_provider() -> None:
    assert parse_metadata(said(issuer=ISSUER + "/"), ISSUER).issuer == ISSUER + "/"
    assert parse_metadata(said(), ISSUER + "/").issuer == ISSUER


def test_the_way_to_say_who_we_are() -> None:
    posting = parse_metadata(
        said(token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_post"]), ISSUER
    )
    assert posting.auth_method(secret=True) == "client_secret_post"
    strange = parse_metadata(said(token_endpoint_auth_methods_supported=["private_key_jwt"]), ISSUER)
    with pytest.raises(ProviderUnavailable) as error:
        strange.auth_method(secret=True)
    assert "private_key_jwt" in error.value.detail


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "https://other.example"}, "It calls itself 'https://other.example'"),
        ({"issuer": None}, "is not the metadata"),
        ({"token_endpoint": "http://auth.example.org/token"}, "token_endpoint is without TLS"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri is no address"),
        ({"jwks_uri": "https://["}, "jwks_uri is no address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint is no address"),
        ({"authorization_endpoint": ""}, "authorization_endpoint is no address"),
        ({"userinfo_endpoint": "//x"}, "userinfo_endpoint is no address"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "It signs by HS256, none only"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(changes: dict[str, object], words: str) -> None:
    assert words in wrong(said(**changes))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"issuer": 1}', b"\xff"])
def test_what_is_no_metadata(body: bytes) -> None:
    assert "is not the metadata of an OpenID provider" in wrong(body)
