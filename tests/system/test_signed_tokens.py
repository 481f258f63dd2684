"""Signed tokens of a real server: none is accepted in place of another, and none is in a log."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.authenticator import enrol
from tests.multitrack_clip import make_multitrack_clip
from tests.people import PASSWORD, Person, sign_in
from tests.server import Server, wait_until

KINDS = ("access token", "ticket", "view session", "MFA challenge")


@pytest.fixture(scope="module")
def owner(shared_server: Server) -> Person:
    return shared_server.person("tove")


@pytest.fixture(scope="module")
def video(owner: Person, clips: Path) -> str:
    folder = clips / "signed-tokens"
    folder.mkdir(exist_ok=True)
    video = owner.send(make_multitrack_clip(folder / "film.mkv", duration_s=1).read_bytes(), title="Signed")
    wait_until(lambda: owner.look(video)["state"] == "ready", "ready", within_s=90)
    return video


@pytest.fixture(scope="module")
def link(owner: Person, video: str) -> str:
    """The path of a share link with a password."""
    body = {"videos": [video], "password": "open sesame"}
    return httpx.URL(owner.api.post("/api/v1/links", json=body).raise_for_status().json()["url"]).path


@pytest.fixture(scope="module")
def tokens(shared_server: Server, link: str) -> dict[str, str]:
    """One token of each kind, as a client gets them."""
    guest = shared_server.client()
    answer = guest.post(link, data={"password": "open sesame"}, headers={"Origin": str(guest.base_url).rstrip("/")})
    assert answer.status_code == 303
    found = re.search(r'data-src="/t/([^/]+)/', guest.get(link).text)
    assert found
    body = {"username": "tove", "password": PASSWORD}
    access = guest.post("/api/v1/auth/token", json=body).raise_for_status().json()["access_token"]
    person = shared_server.person("tuva")
    enrol(person)
    browser = shared_server.client()
    sign_in(browser, person.name, PASSWORD)
    view_session = answer.cookies["streamtime_opening"]
    values = (access, found[1], view_session, browser.cookies["streamtime_half_way"])
    return dict(zip(KINDS, values, strict=True))


@pytest.mark.parametrize("expected", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_accepted_only_where_it_belongs(
    shared_server: Server, video: str, link: str, tokens: dict[str, str], kind: str, expected: str
) -> None:
    def signed_in(token: str) -> bool:
        return shared_server.client(Authorization=f"Bearer {token}").get("/api/v1/me").status_code == 200

    def plays(token: str) -> bool:
        return shared_server.client().get(f"/t/{token}/media/{video}/master.m3u8").status_code == 200

    def views(token: str) -> bool:
        return "data-src" in shared_server.client(Cookie=f"streamtime_opening={token}").get(link).text

    def asks_for_code(token: str) -> bool:
        return shared_server.client(Cookie=f"streamtime_half_way={token}").get("/login/code").status_code == 200

    accepts: dict[str, Callable[[str], bool]] = dict(zip(KINDS, (signed_in, plays, views, asks_for_code), strict=True))
    assert accepts[expected](tokens[kind]) is (kind == expected)
    assert not signed_in_by_cookie(shared_server, tokens[kind])
    assert tokens[kind] not in shared_server.log_output


def signed_in_by_cookie(server: Server, token: str) -> bool:
    return server.client(Cookie=f"streamtime_session={token}").get("/api/v1/me").status_code == 200
