"""Starts the OpenID provider of `openid_provider.py` for a test, tells it what to do, and goes on there as a person."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.server import NO_TLS, Server

CLIENT_ID = "streamtime"
SECRET = "provider's secret"
HOST = "127.0.0.2"
"""Another site than the servers', which browsers tell apart by the host alone."""

ENDS_WITHIN_S = 30


class FakeOidcProvider:
    """One that runs. `issuer` is its name and address."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._client = httpx.Client(base_url=issuer, verify=NO_TLS, timeout=60)

    def close(self) -> None:
        """Ask nothing of it any more."""
        self._client.close()

    def settings(self, **more: str) -> dict[str, Any]:
        """The environment of a server whose people sign in by it."""
        keys = {"issuer": self.issuer, "client_id": CLIENT_ID, "client_secret": SECRET, "name": "Home SSO", **more}
        return {f"STREAMTIME_ACCOUNTS__OIDC__{key.upper()}": value for key, value in keys.items()}

    def configure(self, **orders: Any) -> None:  # noqa: ANN401  # what openid_provider.py knows
        """Say what it is to do from now on; whatever it was told before is over, besides people and redirect URIs."""
        self._client.put("/-/orders", json=orders).raise_for_status()

    def register_client(self, server: Server, **people: dict[str, Any]) -> None:
        """Let that server's people come, and know these."""
        self.configure(redirect_uris=[server.url + "/login/oidc/callback"], people=people)

    def consent(self, address: str, subject: str) -> httpx.Response:
        """Go on as somebody, on the page that a browser was sent to; the answer leads back."""
        assert self._client.get(address).raise_for_status().status_code == 200
        return self._client.post(address, data={"subject": subject, "allow": "yes"})

    def deny(self, address: str) -> httpx.Response:
        """Not go on."""
        return self._client.post(address, data={"deny": "yes"})


@contextmanager
def running_provider() -> Iterator[FakeOidcProvider]:
    """A provider that is gone when the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_oidc_server", HOST, CLIENT_ID, SECRET],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        issuer = process.stdout.readline().strip()
        assert issuer, "the provider has not started"
        provider = FakeOidcProvider(issuer)
        yield provider
        provider.close()
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)
        process.kill()
        process.wait()
        process.stdout.close()
