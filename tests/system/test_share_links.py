"""Share links: what they show to strangers, how they are opened, counted and ended."""

import re
from pathlib import Path

import httpx
import pytest

from tests.multitrack_clip import make_multitrack_clip
from tests.people import Person, csrf_of
from tests.server import Server, wait_until
from tests.system.player import fetch, video_playlists


@pytest.fixture(scope="module")
def owner(shared_server: Server) -> Person:
    return shared_server.person("lina")


@pytest.fixture(scope="module")
def pair(owner: Person, clips: Path) -> list[str]:
    """Two private videos, ready."""
    folder = clips / "links"
    folder.mkdir(exist_ok=True)
    data = make_multitrack_clip(folder / "film.mkv", duration_s=1).read_bytes()
    pair = [owner.send(data, title=f"Linked {number}") for number in (1, 2)]
    wait_until(lambda: {owner.look(video)["state"] for video in pair} == {"ready"}, "ready", within_s=90)
    return pair


def shared(owner: Person, *videos: str, **limits: object) -> str:
    """A new link; its path."""
    answer = owner.api.post("/api/v1/links", json={"videos": videos, **limits})
    assert answer.status_code == 201, answer.text
    return httpx.URL(answer.json()["url"]).path


def master_in(page: str) -> str:
    found = re.search(r'data-src="(/t/[^"]+)"', page)
    assert found, page
    return found[1]


def state_of(owner: Person, link: str) -> tuple[str, int]:
    (one,) = [one for one in owner.api.get("/api/v1/links").json() if one["url"].endswith(link)]
    return one["state"], one["views"]


def press(client: httpx.Client, link: str, **fields: str) -> httpx.Response:
    """Send the form of a link, as a browser does."""
    return client.post(link, data=fields, headers={"Origin": str(client.base_url).rstrip("/")})


def test_a_link_shows_its_videos_and_nothing_else(shared_server: Server, owner: Person, pair: list[str]) -> None:
    link = shared(owner, *pair, label="For Uncle Jo")
    stranger = shared_server.client()
    first = stranger.get(link)
    assert first.status_code == 200
    assert first.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in first.headers["x-robots-tag"]
    assert "no-store" in first.headers["cache-control"]
    assert owner.name not in first.text
    second = stranger.get(f"{link}?v=2")
    for video, page in zip(pair, (first.text, second.text), strict=True):
        assert "Linked 1" in page
        assert "Linked 2" in page
        master = master_in(page)
        assert video in master
        assert stranger.get(fetch(stranger, video_playlists(stranger, master)[0]).segment_uris[-1]).status_code == 200
        assert stranger.get(f"/media/{video}/master.m3u8").status_code == 404
        assert stranger.get(f"/watch/{video}").status_code == 404
    assert stranger.get(f"{link}?v=3").status_code == 404
    for wrong in ("?v=0", "?v=2001", "?v=x"):
        assert stranger.get(link + wrong).status_code == 400


def test_one_visitor_is_one_view(shared_server: Server, owner: Person, pair: list[str]) -> None:
    link = shared(owner, pair[0])
    one, two = shared_server.client(), shared_server.client()
    for client in (one, one, two, one, two):
        assert client.get(link).status_code == 200
    assert state_of(owner, link) == ("live", 2)


def test_a_limit_of_views_is_spent_by_people_alone(shared_server: Server, owner: Person, pair: list[str]) -> None:
    link = shared(owner, pair[0], max_views=1)
    preview, reader, late = (shared_server.client() for _ in range(3))
    assert "data-src" not in preview.get(link).text
    assert press(reader, link).status_code == 303
    page = reader.get(link)
    assert "data-src" in page.text
    assert state_of(owner, link) == ("used", 1)
    for answer in (late.get(link), press(late, link)):
        assert answer.status_code == 404
        assert "This link does not work" in answer.text
    # Who has opened it goes on.
    assert "data-src" in reader.get(link).text
    assert reader.get(master_in(page.text)).status_code == 200


def test_a_password_is_asked_for_and_tries_are_limited(shared_server: Server, owner: Person, pair: list[str]) -> None:
    link = shared(owner, pair[0], password="open sesame")
    guest, guesser = shared_server.client(), shared_server.client()
    assert "data-src" not in guest.get(link).text
    assert press(guest, link, password="open sesamy").status_code == 403
    assert "data-src" not in guest.get(link).text
    assert press(guest, link, password="open sesame").status_code == 303
    assert "data-src" in guest.get(link).text
    tried = [press(guesser, link, password=f"guess {number}") for number in range(12)]
    assert [answer.status_code for answer in tried][-1] == 429
    assert int(tried[-1].headers["retry-after"]) > 0
    assert press(guesser, link, password="open sesame").status_code == 429
    assert "open sesam" not in shared_server.log_output
    assert state_of(owner, link) == ("live", 1)


def test_taking_it_back_stops_the_next_segment(shared_server: Server, owner: Person, pair: list[str]) -> None:
    link = shared(owner, pair[0], label="Short joy")
    guest = shared_server.client()
    segment = fetch(guest, video_playlists(guest, master_in(guest.get(link).text))[0]).segment_uris[-1]
    assert guest.get(segment).status_code == 200
    path = f"/api/v1/links/{link.removeprefix('/s/')}"
    assert shared_server.person("mallory").api.delete(path).status_code == 404
    assert guest.delete(path).status_code == 401
    assert owner.api.delete(path).status_code == 204
    assert guest.get(segment).status_code == 404
    gone, never = guest.get(link), guest.get("/s/" + "x" * 22)
    assert gone.status_code == never.status_code == 404
    assert gone.text == never.text
    assert owner.api.delete(path).status_code == 404
    assert link.removeprefix("/s/") not in shared_server.log_output


def test_its_owner_makes_and_ends_it_by_forms(shared_server: Server, owner: Person, pair: list[str]) -> None:
    browser = owner.browser
    page = browser.get(f"/watch/{pair[1]}/share")
    form = {"csrf_token": csrf_of(page.text), "label": "By hand", "days": "7", "max_views": "", "password": ""}
    headers = {"Origin": str(browser.base_url).rstrip("/")}
    wrong = browser.post(f"/watch/{pair[1]}/share", data={**form, "max_views": "many"}, headers=headers)
    assert wrong.status_code == 400
    assert "Write a whole number" in wrong.text
    made = browser.post(f"/watch/{pair[1]}/share", data=form, headers=headers)
    assert made.status_code == 303
    shown = browser.get(made.headers["location"]).text
    found = re.search(r'id="share-address" type="text" value="[^"]*(/s/[^"]+)"', shown)
    assert found, shown
    link = found[1]
    assert "<svg" in shown
    guest = shared_server.client()
    assert guest.get(link).status_code == 200
    listed = browser.get("/settings/links").text
    assert "By hand" in listed
    none = browser.post("/settings/links", data=form, headers=headers)
    assert none.status_code == 400
    assert "Choose 1 to 50 videos" in none.text
    both = browser.post("/settings/links", data={**form, "label": "Both", "videos": pair}, headers=headers)
    assert both.status_code == 303
    (several,) = [one for one in owner.api.get("/api/v1/links").json() if one["label"] == "Both"]
    assert several["videos"] == pair
    ended = browser.post(f"/settings/links/{link.removeprefix('/s/')}/revoke", data=form, headers=headers)
    assert ended.status_code == 303
    assert guest.get(link).status_code == 404
    assert guest.get("/settings/links").status_code == 303


def test_only_what_one_manages_can_be_shared(shared_server: Server, owner: Person, pair: list[str]) -> None:
    mallory = shared_server.person("mallory")
    assert mallory.api.post("/api/v1/links", json={"videos": pair}).status_code == 404
    owner.change(pair[1], visibility="members")
    assert mallory.api.post("/api/v1/links", json={"videos": [pair[1]]}).status_code == 403
    assert mallory.browser.post(f"/watch/{pair[1]}/share", headers=mallory.csrf()).status_code == 403
    owner.change(pair[1], visibility="private")
    assert shared_server.client().post("/api/v1/links", json={"videos": pair}).status_code == 401


def test_a_deleted_video_is_gone_from_its_links(shared_server: Server, owner: Person, pair: list[str]) -> None:
    both, alone = shared(owner, *pair), shared(owner, pair[1])
    guest = shared_server.client()
    assert guest.get(f"{both}?v=2").status_code == 200
    master = master_in(guest.get(alone).text)
    owner.api.delete(f"/api/v1/videos/{pair[1]}").raise_for_status()
    assert guest.get(master).status_code == 404
    assert guest.get(alone).status_code == 404
    assert guest.get(f"{both}?v=2").status_code == 404
    assert "Linked 2" not in guest.get(both).text
    owner.api.post(f"/api/v1/videos/{pair[1]}/restore").raise_for_status()
    assert guest.get(alone).status_code == 200
