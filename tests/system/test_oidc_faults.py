"""A provider that says what it should not, or nothing, or too late: nobody is signed in, and everybody is told so."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.oidc_sign_in import OidcSetup, assert_refused, open_oidc_setup


@pytest.fixture(scope="module")
def hasty() -> Iterator[OidcSetup]:
    """One that waits for its provider for a few seconds."""
    with open_oidc_setup(create_accounts="true", timeout="5s") as made:
        yield made


BAD_TOKENS: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "another"}},
    "no nonce": {"without": ["nonce"]},
    "another audience": {"claims": {"aud": "another"}},
    "one audience more, and not for us": {"claims": {"aud": ["streamtime", "another"], "azp": "another"}},
    "no audience": {"without": ["aud"]},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "no issuer": {"without": ["iss"]},
    "expired": {"claims": {"exp": 1_700_000_000}},
    "no end": {"without": ["exp"]},
    "an end that is none": {"claims": {"exp": "never"}},
    "of the future": {"claims": {"iat": 4_000_000_000}},
    "nobody": {"claims": {"sub": ""}},
    "no subject": {"without": ["sub"]},
    "a subject that is a list": {"claims": {"sub": ["ida"]}},
    "a long subject": {"claims": {"sub": "x" * 256}},
    "not signed": {"algorithm": "none"},
    "signed by a secret that all know": {"algorithm": "HS256"},
    "a key that is not the provider's": {"foreign_key": True},
    "a key that is not the provider's, without a name": {"foreign_key": True, "nameless_key": True},
    "of another access token": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    "userinfo of somebody else": {"tell_at_userinfo": True, "userinfo": {"sub": "boss"}},
}


@pytest.mark.parametrize("orders", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_token_that_is_not_good_signs_nobody_in(hasty: OidcSetup, orders: dict[str, Any]) -> None:
    hasty.provider.configure(**orders)
    browser, before = hasty.browser(), len(hasty.server.log_output)
    assert_refused(hasty, browser, hasty.sign_in_via_provider("ida", browser=browser), 401, "response is not valid")
    assert '"event": "provider_mistrusted"' in hasty.server.log_output[before:]


ANSWERS: dict[str, dict[str, Any]] = {
    "slow at first": {"/.well-known/openid-configuration": {"after_s": 30}},
    "slow at the token": {"/token": {"after_s": 30}},
    "slow with its keys": {"/jwks": {"after_s": 30}},
    "an error at first": {"/.well-known/openid-configuration": {"says": "sorry", "status": 500}},
    "an error at the token": {"/token": {"says": "sorry", "status": 502}},
    "no JSON at first": {"/.well-known/openid-configuration": {"says": "<html>"}},
    "no JSON at the token": {"/token": {"says": "<html>"}},
    "a list at the token": {"/token": {"says": "[1]"}},
    "no keys": {"/jwks": {"says": "{}"}},
    "keys that are none": {"/jwks": {"says": '{"keys": [1, {"kty": "RSA"}]}'}},
    "no JSON for keys": {"/jwks": {"says": "<html>"}},
    "an answer without end": {"/jwks": {"says": "x" * 1000, "times": 2000}},
    "another provider": {
        "/.well-known/openid-configuration": {
            "says": '{"issuer": "https://e.example", "authorization_endpoint": "https://e.example/a",'
            ' "token_endpoint": "https://e.example/t", "jwks_uri": "https://e.example/j"}'
        }
    },
}


@pytest.mark.parametrize("at", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_provider_that_is_slow_or_says_nonsense_gets_a_page(hasty: OidcSetup, at: dict[str, Any]) -> None:
    hasty.provider.configure(at=at)
    browser = hasty.browser()
    answer = browser.get("/login/oidc")
    if answer.status_code == 303:
        answer = browser.get(hasty.callback_path(answer.headers["location"], "ida"))
    assert answer.status_code in {401, 503}, answer.text
    assert_refused(hasty, browser, answer, answer.status_code, "You wanted to sign in with Home SSO.")
    assert "unexpected_error" not in hasty.server.log_output
    hasty.provider.configure()
    assert hasty.sign_in_via_provider("ida").status_code == 303
