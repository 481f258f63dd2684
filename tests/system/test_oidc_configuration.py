"""What is said of a provider before anybody signs in by it: by `check`, and at the start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_oidc_provider import FakeOidcProvider, running_provider
from tests.server import Server, running_server

KEY = "STREAMTIME_ACCOUNTS__OIDC__"


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOidcProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def idle(provider: FakeOidcProvider) -> Iterator[Server]:
    """A configured server that does not run."""
    with running_server(started=False, **provider.settings()) as server:
        yield server


def fault(idle: Server, **environ: str) -> str:
    """What `check` finds wrong with the provider."""
    done = idle.command("check", **environ)
    assert done.returncode == 1, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("fault")]
    return line


def test_check_says_that_a_provider_is_well(idle: Server, provider: FakeOidcProvider) -> None:
    done = idle.command("check")
    assert done.returncode == 0, done.stdout
    line = next(line for line in done.stdout.splitlines() if " provider: " in line)
    assert line == (
        f"ok     provider: Home SSO, {provider.issuer}, signs by RS256, without TLS: passwords can be read on the way"
    )


def test_check_says_what_is_wrong_with_it(idle: Server, provider: FakeOidcProvider) -> None:
    assert "cannot be reached" in fault(idle, **{KEY + "ISSUER": "http://127.0.0.2:9"})
    assert "answers 404" in fault(idle, **{KEY + "ISSUER": provider.issuer + "/realms/home"})
    provider.configure(metadata={"issuer": "https://auth.example.org"})
    assert "It calls itself 'https://auth.example.org'" in fault(idle)
    provider.configure(metadata={"id_token_signing_alg_values_supported": ["HS256"]})
    assert "Choose a signing key" in fault(idle)
    provider.configure(at={"/jwks": {"says": '{"keys": []}'}})
    assert "It has no keys" in fault(idle)
    provider.configure()


def test_half_a_configuration_is_refused_in_words(idle: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    assert "issuer needs accounts.oidc.client_id" in fault(idle, **{KEY + "CLIENT_ID": ""})
    assert "not both" in fault(idle, **{KEY + "CLIENT_SECRET_FILE": str(secret)})
    alone = {KEY + "CLIENT_SECRET": "", KEY + "CLIENT_SECRET_FILE": str(secret)}
    assert "cannot be read" in fault(idle, **alone)
    secret.write_text(" \n")
    assert "is empty" in fault(idle, **alone)
    secret.write_text("provider's secret\n")
    assert idle.command("check", **alone).returncode == 0
    done = idle.command("check", **{KEY + "ISSUER": "auth.example.org"})
    assert "it takes an address such as" in done.stdout


def test_without_the_extra_the_start_says_what_to_run(provider: FakeOidcProvider, tmp_path: Path) -> None:
    (tmp_path / "authlib.py").write_text("raise ModuleNotFoundError(name='authlib')\n")
    before = ("env", f"PYTHONPATH={tmp_path}")
    with running_server(started=False, before=before, **provider.settings()) as bare:
        for command in ("serve", "check"):
            done = bare.command(command, "--port", "0") if command == "serve" else bare.command(command)
            said = done.stdout + done.stderr
            assert done.returncode != 0
            assert "accounts.oidc needs what is not installed (authlib)" in said
            assert '-m pip install "streamtime[oidc]"' in said
            assert "Traceback" not in said
        assert bare.command("check", **{KEY + "ISSUER": "", KEY + "CLIENT_ID": ""}).returncode == 0
