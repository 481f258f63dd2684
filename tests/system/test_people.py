"""Accounts and those who run them: roles, who may be shut out, who is let in, and what becomes of their videos."""

from collections.abc import Iterator

import pytest

from tests.people import PASSWORD, TUS, UPLOADS, Person, announced
from tests.server import Server, serving


@pytest.fixture(scope="module")
def house() -> Iterator[Server]:
    """A server with one admin, `boss`."""
    with serving() as server:
        server.person("boss", admin=True)
        yield server


@pytest.fixture
def boss(house: Server) -> Person:
    return house.person("boss", admin=True)


def account(house: Server, name: str, role: str = "member") -> Person:
    """Somebody new, of that role."""
    person = Person(house, name)
    house.run("user", "create", name, "--role", role, "--password-stdin", given=PASSWORD + "\n")
    return person


def test_a_viewer_watches_and_has_no_videos(house: Server) -> None:
    vera = account(house, "vera", "viewer")
    assert vera.api.get("/api/v1/me").json()["role"] == "viewer"
    refused = vera.api.post(UPLOADS, headers={**TUS, **announced(10, filename="x.mp4")})
    assert (refused.status_code, refused.json()["code"]) == (403, "viewer")
    page = vera.browser.get("/explore").text
    for address in ("/upload", "/library", "/settings/space"):
        assert f'href="{address}"' not in page
    assert vera.browser.get("/library").headers["location"] == "/explore"
    for address in ("/upload", "/settings/space", "/library/bin"):
        answer = vera.browser.get(address)
        assert answer.status_code == 403
        assert "This account is for watching" in answer.text
    house.run("user", "role", "vera", "member")
    assert vera.browser.get("/upload").status_code == 200
    assert vera.api.post(UPLOADS, headers={**TUS, **announced(10, filename="x.mp4")}).status_code == 201


def test_the_last_admin_stays_one(house: Server) -> None:
    for arguments in (("disable", "boss"), ("role", "boss", "member")):
        refused = house.command("user", *arguments)
        assert refused.returncode == 1
        assert "boss is the last administrator" in refused.stderr
    second = account(house, "second", "admin")
    house.run("user", "role", "boss", "viewer")
    house.run("user", "role", "boss", "admin")
    house.run("user", "disable", second.name)
    assert house.command("user", "disable", "boss").returncode == 1, "one who is shut out runs nothing"
    house.run("user", "enable", second.name)
    house.run("user", "role", second.name, "member")
