"""Tickets: addresses that play one video without a cookie, and stop at once when what they stand on ends."""

import base64
import html
import json
import re
from pathlib import Path

import httpx
import jwt
import pytest

from tests.multitrack_clip import make_multitrack_clip
from tests.people import Person
from tests.server import Server, wait_until
from tests.system.player import fetch, video_playlists


@pytest.fixture(scope="module")
def owner(shared_server: Server) -> Person:
    return shared_server.person("tilda")


@pytest.fixture(scope="module")
def film(clips: Path) -> bytes:
    folder = clips / "tickets"
    folder.mkdir(exist_ok=True)
    return make_multitrack_clip(folder / "film.mkv", duration_s=2).read_bytes()


@pytest.fixture(scope="module")
def video(owner: Person, film: bytes) -> str:
    return sent(owner, film, title="Ticketed")


def sent(owner: Person, data: bytes, **facts: str) -> str:
    """A video that is ready, with its stills."""
    video = owner.send(data, **facts)
    wait_until(lambda: owner.look(video)["state"] == "ready", "ready", within_s=90)
    wait_until(lambda: owner.look(video)["urls"]["storyboard"], "stills", within_s=60)
    return video


def ticketed(client: httpx.Client, video: str) -> str:
    """The address that the page "Play elsewhere" gives, as a path."""
    page = client.get(f"/watch/{video}/elsewhere").raise_for_status().text
    found = re.search(r'id="elsewhere-address" type="text" value="([^"]+)"', page)
    assert found, page
    return httpx.URL(html.unescape(found[1])).raw_path.decode()


@pytest.fixture
def stranger(shared_server: Server) -> httpx.Client:
    return shared_server.visitor().browser


def test_a_player_without_a_cookie_plays_it_all(owner: Person, video: str, stranger: httpx.Client) -> None:
    master = ticketed(owner.browser, video)
    assert master.startswith("/t/")
    assert stranger.get(f"/media/{video}/master.m3u8").status_code == 404
    for uri in video_playlists(stranger, master):
        for segment in fetch(stranger, uri).segment_uris:
            assert stranger.head(segment).status_code == 200
            answer = stranger.get(segment)
            assert answer.status_code == 200
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"].startswith("private")
            assert "access-control-allow-origin" not in answer.headers
    prefix = master.removesuffix(f"/media/{video}/master.m3u8")
    for url in (owner.look(video)["urls"]["poster"], owner.look(video)["urls"]["storyboard"]):
        assert stranger.get(prefix + url).status_code == 200


def test_it_only_reads_media_of_its_video(owner: Person, video: str, film: bytes, stranger: httpx.Client) -> None:
    other = sent(owner, film, title="Not ticketed")
    master = ticketed(owner.browser, video)
    prefix = master.removesuffix(f"/media/{video}/master.m3u8")
    assert stranger.get(f"{prefix}/media/{other}/master.m3u8").status_code == 404
    assert stranger.get(f"{prefix}/api/v1/videos/{video}").status_code == 404
    assert stranger.get(f"{prefix}/watch/{video}").status_code == 404
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert stranger.request(method, master).status_code == 405
    # A cookie beside the ticket does not widen it.
    assert owner.browser.get(f"{prefix}/media/{other}/master.m3u8").status_code == 404


def test_a_changed_ticket_is_none(owner: Person, video: str, film: bytes, stranger: httpx.Client) -> None:
    other = sent(owner, film, title="Also not ticketed")
    master = ticketed(owner.browser, video)
    ticket = master.split("/")[2]
    header, body, signature = ticket.split(".")
    claims = jwt.decode(ticket, options={"verify_signature": False})
    turned = ("B" if signature[0] == "A" else "A") + signature[1:]
    changes: list[dict[str, object]] = [
        {"exp": claims["exp"] + 1}, {"row": claims["row"] + 1}, {"vid": other}, {"src": "l"}, {"src": "k"},
        {"row": 9**30}, {"aud": "view-session"},
    ]  # fmt: skip
    bodies = [_encoded({**claims, **change}) for change in changes]
    unsigned = _encoded({"alg": "none", "kid": jwt.get_unverified_header(ticket)["kid"]})
    forged = [
        *(f"{header}.{changed}.{signature}" for changed in bodies),
        f"{_encoded({'alg': 'HS256', 'kid': 'x' * 22})}.{body}.{signature}",
        f"{header}.{body}.{turned}",
        f"{unsigned}.{body}.",
        f"{unsigned}.{body}.{signature}",
    ]
    for text in [*forged, "", "x", "..", "%2e%2e", ticket + "A", ticket + "!", "é" + ticket]:
        assert stranger.get(f"/t/{text}/media/{video}/master.m3u8").status_code == 404, text
        assert stranger.get(f"/t/{text}/media/{other}/master.m3u8").status_code == 404, text
    assert stranger.get(master).status_code == 200


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_signing_out_ends_it_and_so_does_hiding(
    shared_server: Server, owner: Person, film: bytes, stranger: httpx.Client
) -> None:
    video = sent(owner, film, title="To be hidden", visibility="members")
    guest = shared_server.person("timon")
    mine, theirs = ticketed(owner.browser, video), ticketed(guest.browser, video)
    segment = fetch(stranger, video_playlists(stranger, theirs)[0]).segment_uris[-1]
    assert stranger.get(segment).status_code == 200
    owner.change(video, visibility="private")
    assert stranger.get(segment).status_code == 404
    assert stranger.get(theirs).status_code == 404
    assert stranger.get(mine).status_code == 200
    owner.change(video, visibility="members")
    again = ticketed(guest.browser, video)
    assert stranger.get(again).status_code == 200
    assert guest.browser.post("/logout", headers=guest.csrf()).status_code == 303
    assert stranger.get(again).status_code == 404
    owner.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert stranger.get(mine).status_code == 404


def test_a_revoked_token_ends_the_tickets_made_with_it(
    shared_server: Server, owner: Person, video: str, stranger: httpx.Client
) -> None:
    token = shared_server.run("token", "create", owner.name, "--label", "for tickets").split()[-1]
    master = ticketed(shared_server.client(Authorization=f"Bearer {token}"), video)
    assert stranger.get(master).status_code == 200
    listed = shared_server.run("token", "list")
    (line,) = [line for line in listed.splitlines() if "for tickets" in line]
    shared_server.run("token", "revoke", line.split()[0])
    wait_until(lambda: stranger.get(master).status_code == 404, "the ticket is over")


def test_what_anybody_may_see_needs_no_ticket(owner: Person, film: bytes) -> None:
    video = sent(owner, film, title="Open to all", visibility="unlisted")
    assert ticketed(owner.browser, video) == f"/media/{video}/master.m3u8"


def test_no_ticket_stands_in_a_log(shared_server: Server, owner: Person, video: str, stranger: httpx.Client) -> None:
    master = ticketed(owner.browser, video)
    ticket = master.split("/")[2]
    stranger.get(master)
    stranger.get(f"/t/{ticket}x/media/{video}/master.m3u8")
    stranger.get(f"/t/{ticket}/nothing")
    assert ticket not in shared_server.log_output
