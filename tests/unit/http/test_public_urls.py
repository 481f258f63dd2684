"""Where links begin that others are to open, and what is said about it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar import Request

from streamtime.addresses import ListenAddress
from streamtime.app.server import http_settings
from streamtime.config.sections import Config
from streamtime.http.public_urls import AlternateUrl, LinkBaseReason, absolute_url, callback_url, link_base
from streamtime.http.services import HttpSettings

HOME = ("192.168.1.7", "10.8.0.2")
ANYWHERE = "0.0.0.0"  # noqa: S104  # nothing listens


def settings(host: str, *found: str, public_url: str = "") -> HttpSettings:
    made = http_settings(Config(data_dir=Path("/nowhere")), ListenAddress(host, 8000, public_url, lambda: list(found)))
    return replace(made, public_url=public_url)


def request(host: str, scheme: str = "http") -> Request[Any, Any, Any]:
    scope: Any = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"", "scheme": scheme,
        "server": ("127.0.0.1", 8000), "headers": [(b"host", host.encode())],
    }  # fmt: skip
    return Request(scope)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.9.9.9", "films.localhost:80"])
def test_links_made_at_loopback_carry_the_address_of_the_network(host: str) -> None:
    found = link_base(request(host), settings(ANYWHERE, *HOME))
    assert found.reason is LinkBaseReason.NETWORK
    assert found.requested_host == host
    assert found.url("/s/x") == "http://192.168.1.7:8000/s/x"
    assert found.alternate_urls("/s/x") == [AlternateUrl("10.8.0.2", "http://10.8.0.2:8000/s/x")]


def test_a_public_address_comes_before_all_others() -> None:
    outside = settings(ANYWHERE, *HOME, public_url="https://video.example.org")
    for host in ("localhost:8000", "192.168.1.7:8000"):
        found = link_base(request(host), outside)
        assert (found.base, found.reason, found.others) == ("https://video.example.org", LinkBaseReason.PUBLIC, ())


@pytest.mark.parametrize("host", ["nas:8000", "nas.local", "10.8.0.2:8000", "[fd00::7]:8000"])
def test_an_address_that_others_can_open_is_kept(host: str) -> None:
    found = link_base(request(host, "https"), settings(ANYWHERE, *HOME))
    assert (found.base, found.reason, found.others) == (f"https://{host}", LinkBaseReason.REQUEST, ())


def test_where_there_is_no_other_address_the_reason_says_so() -> None:
    offline = link_base(request("localhost:8000"), settings(ANYWHERE))
    assert (offline.base, offline.reason) == ("http://localhost:8000", LinkBaseReason.OFFLINE)
    alone = link_base(request("localhost:8000"), settings("127.0.0.1", *HOME))
    assert (alone.base, alone.reason) == ("http://localhost:8000", LinkBaseReason.ONLY_HERE)


def test_a_browser_that_comes_back_comes_back_to_where_its_cookies_are() -> None:
    here = settings(ANYWHERE, *HOME)
    assert callback_url(request("localhost:8000"), here, "/x") == "http://localhost:8000/x"
    assert absolute_url(request("localhost:8000"), here, "/x") == "http://192.168.1.7:8000/x"
