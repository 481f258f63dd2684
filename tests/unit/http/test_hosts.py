"""Which Host names are ours."""

import pytest

from streamtime.http.hosts import Hosts

HOSTS = Hosts(("video.example.org",), "https://films.example.net:8443/")


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8000", "127.0.0.1", "192.168.1.7:8000", "[::1]:8000", "nas", "nas.local", "NAS.Local.",
        "video.example.org", "films.example.net:8443",
    ],
)  # fmt: skip
def test_ours(host: str) -> None:
    assert HOSTS.welcome(host.encode())


@pytest.mark.parametrize(
    "host",
    ["", "evil.example.com", "video.example.org.evil.com", "127.0.0.1.evil.com", "local.evil.com", "[::1", "a.b"],
)
def test_strangers(host: str) -> None:
    assert not HOSTS.welcome(host.encode())
