"""What a Host header may be, and which names are ours."""

import pytest

from streamtime.http.middleware.hosts import Authority, HostStatus, HostValidator

HOSTS = HostValidator(("video.example.org",), "https://films.example.net:8443/")


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8000", "127.0.0.1", "192.168.1.7:8000", "[::1]:8000", "[2001:db8::7]", "nas", "nas_2", "nas.local",
        "NAS.Local.", "video.example.org", "films.example.net:8443", "nas:", "nas:0", "nas:65535", "nas:00080",
    ],
)  # fmt: skip
def test_ours(host: str) -> None:
    assert HOSTS.check(host.encode()) is HostStatus.OURS


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com", "video.example.org.evil.com", "127.0.0.1.evil.com", "local.evil.com", "a.b", "127.1",
        "local%68ost", "a,b", "video.example.org..", "..", "$",
    ],
)  # fmt: skip
def test_foreign(host: str) -> None:
    assert HOSTS.check(host.encode()) is HostStatus.FOREIGN


@pytest.mark.parametrize(
    "host",
    [
        "", ":80", "nas:65536", "nas:99999", "nas:123456", "nas:abc", "nas:-1", "nas:+1", "nas: 80", "nas:80:80",
        "nas:\u0661", "nas/evil", "nas?x", "nas#x", "evil.com@localhost", "@localhost", "nas nas", "nas,\tnas", "[::1",
        "::1", "[::1]x", "[::1]:abc", "[::1%25eth0]", "[::g]", "[]", "[v1.x]", "[1:2:3:4:5:6:7:8:9]", "n\u00e4s",
        "local%6", "http://nas", "nas\\evil", "a" * 262,
    ],
)  # fmt: skip
def test_malformed(host: str) -> None:
    assert HOSTS.check(host.encode()) is HostStatus.MALFORMED


@pytest.mark.parametrize(
    ("one", "other"),
    [("NAS.local.:80", "nas.local:80"), ("[::1]", "[0:0::1]"), ("nas:", "nas"), ("nas:080", "nas:80")],
)
def test_two_ways_to_write_one(one: str, other: str) -> None:
    assert Authority.parse(one) == Authority.parse(other)
