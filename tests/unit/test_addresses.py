"""Where the server says it can be reached, and which of it other devices can open."""

import ipaddress

import pytest

from streamtime.addresses import ListenAddress, is_loopback, network_addresses

ANYWHERE = "0.0.0.0"  # noqa: S104  # nothing listens
HOME = ["192.168.1.7", "10.8.0.2", "fd00::7"]


def listening(host: str, *found: str, public_url: str = "") -> ListenAddress:
    return ListenAddress(host, 8000, public_url, lambda: list(found))


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST.", "films.localhost", "127.0.0.1", "127.8.9.10", "[::1]", "::1", ANYWHERE, "[::]",
        "::ffff:127.0.0.1", "ip6-localhost",
    ],
)  # fmt: skip
def test_only_the_same_machine_can_open_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "nas", "nas.local", "192.168.1.7", "128.0.0.1", "localhost.evil.com"])
def test_others_can_be_opened_from_elsewhere(host: str) -> None:
    assert not is_loopback(host)


def test_all_addresses_of_the_network_are_told_the_likeliest_first() -> None:
    everywhere = listening(ANYWHERE, *HOME)
    assert everywhere.network_urls() == ["http://192.168.1.7:8000", "http://10.8.0.2:8000"]
    assert everywhere.urls() == ["http://127.0.0.1:8000", *everywhere.network_urls()]
    assert listening("::", *HOME).network_urls()[2] == "http://[fd00::7]:8000"
    outside = listening(ANYWHERE, *HOME, public_url="https://video.example.org")
    assert outside.urls()[-1] == "https://video.example.org"


def test_a_server_for_this_machine_alone_has_no_address_in_the_network() -> None:
    for host in ("127.0.0.1", "::1"):
        alone = listening(host, *HOME)
        assert alone.only_here
        assert alone.network_urls() == []
    assert listening("::1").urls() == ["http://[::1]:8000"]


def test_a_server_at_one_address_has_that_one() -> None:
    one = listening("192.168.1.7", *HOME)
    assert not one.only_here
    assert one.urls() == one.network_urls() == ["http://192.168.1.7:8000"]


def test_a_machine_without_a_network_has_its_own_address() -> None:
    offline = listening(ANYWHERE)
    assert not offline.only_here
    assert offline.urls() == ["http://127.0.0.1:8000"]


def test_this_machine_tells_no_address_that_others_cannot_open() -> None:
    found = [ipaddress.ip_address(text) for text in network_addresses()]
    assert len(set(found)) == len(found)
    assert not [address for address in found if address.is_loopback or address.is_link_local]
