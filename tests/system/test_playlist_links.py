"""Share links to playlists: which videos they open, to strangers and to players, and when that ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.clips import make_clip
from tests.people import Person, csrf_of
from tests.server import Server, running_server, wait_until
from tests.system.player import fetch, video_playlists
from tests.system.test_share_links import master_in, press

PLAYLISTS = "/api/v1/playlists"


@dataclass(frozen=True)
class Family:
    """Private videos of two people, the second of whom is an administrator."""

    server: Server
    ann: Person
    boss: Person
    first: str
    second: str
    later: str
    of_boss: str

    def playlist(self, owner: Person, *videos: str) -> str:
        """A new private playlist with these videos."""
        playlist: str = owner.api.post(PLAYLISTS, json={"title": "Our summer"}).raise_for_status().json()["id"]
        for video in videos:
            owner.api.post(f"{PLAYLISTS}/{playlist}/items", json={"video": video}).raise_for_status()
        return playlist


@pytest.fixture(scope="module")
def family(clips: Path) -> Iterator[Family]:
    clip = make_clip(clips / "linked.mp4", duration_s=1, width=160, height=90, fps=10)
    with running_server() as server:
        ann, boss = server.person("ann"), server.person("boss", admin=True)
        own = [ann.upload(clip, title=f"Beach {number}") for number in (1, 2, 3)]
        of_boss = boss.upload(clip, title="Of the boss", visibility="public")
        for video in own[1:]:
            ann.api.post(f"/api/v1/videos/{video}/keep")
        states = [*((ann, video) for video in own), (boss, of_boss)]
        wait_until(lambda: all(person.look(video)["state"] == "ready" for person, video in states), "all are ready")
        first, second, later = own
        yield Family(server, ann, boss, first, second, later, of_boss)


def link_to(owner: Person, playlist: str, **limits: object) -> str:
    """A new link; its path."""
    answer = owner.api.post("/api/v1/links", json={"playlist": playlist, **limits})
    assert answer.status_code == 201, answer.text
    assert answer.json()["playlist"] == playlist
    return httpx.URL(answer.json()["url"]).path


def media_of(stranger: httpx.Client, page: str) -> list[str]:
    """The master playlist of a shared page, and a segment: what a player keeps asking for."""
    master = master_in(page)
    return [master, fetch(stranger, video_playlists(stranger, master)[0]).segment_uris[-1]]


def test_a_link_opens_the_owners_own_videos_in_order_and_no_others(family: Family) -> None:
    playlist = family.playlist(family.ann, family.first, family.of_boss, family.second)
    link, stranger = link_to(family.ann, playlist), family.server.client()
    page = stranger.get(link)
    assert page.status_code == 200
    assert "Our summer" in page.text
    assert "1 of 2" in page.text
    assert "Of the boss" not in page.text, "it is public, but not the owner's to share"
    pages = [page.text, stranger.get(f"{link}?v=2").text]
    for video, text in zip((family.first, family.second), pages, strict=True):
        assert video in master_in(text)
        assert [stranger.get(uri).status_code for uri in media_of(stranger, text)] == [200, 200]
        assert stranger.get(f"/media/{video}/master.m3u8").status_code == 404
    assert stranger.get(f"{link}?v=3").status_code == 404
    assert stranger.get(f"/playlists/{playlist}").status_code == 404, "the playlist itself stays private"
    ticket = master_in(pages[0]).partition("/media/")[0]
    for other in (family.second, family.of_boss, family.later):
        assert stranger.get(f"{ticket}/media/{other}/master.m3u8").status_code == 404, "a ticket is for one video"


def test_what_is_added_is_shown_and_what_is_removed_ends_at_once(family: Family) -> None:
    playlist = family.playlist(family.ann, family.first, family.second)
    link, stranger = link_to(family.ann, playlist), family.server.client()
    media = media_of(stranger, stranger.get(link).text)
    assert [stranger.get(uri).status_code for uri in media] == [200, 200]
    family.ann.api.post(f"{PLAYLISTS}/{playlist}/items", json={"video": family.later}).raise_for_status()
    assert family.later in master_in(stranger.get(f"{link}?v=3").text)
    family.ann.api.delete(f"{PLAYLISTS}/{playlist}/items/{family.first}").raise_for_status()
    assert [stranger.get(uri).status_code for uri in media] == [404, 404]
    assert family.second in master_in(stranger.get(link).text)
    media = media_of(stranger, stranger.get(link).text)
    family.ann.api.delete(f"{PLAYLISTS}/{playlist}").raise_for_status()
    assert [stranger.get(uri).status_code for uri in (link, *media)] == [404, 404, 404]


def test_it_ends_when_it_is_revoked_and_keeps_the_limits_of_links(family: Family) -> None:
    playlist = family.playlist(family.ann, family.first)
    link, stranger = link_to(family.ann, playlist, password="open sesame", max_views=1), family.server.client()
    assert "data-src" not in stranger.get(link).text
    assert press(stranger, link, password="sesame").status_code == 403
    assert press(stranger, link, password="open sesame").status_code == 303
    media = media_of(stranger, stranger.get(link).text)
    assert family.server.client().get(link).status_code == 404, "its one view is used"
    name = link.rpartition("/")[2]
    family.ann.api.delete(f"/api/v1/links/{name}").raise_for_status()
    assert [stranger.get(uri).status_code for uri in (link, *media)] == [404, 404, 404]


def test_only_the_owner_shares_a_playlist_and_only_their_videos(family: Family) -> None:
    playlist = family.playlist(family.ann, family.first)
    body = {"playlist": playlist}
    assert family.boss.api.post("/api/v1/links", json=body).status_code == 403, "an administrator neither"
    assert family.server.person("eve").api.post("/api/v1/links", json=body).status_code == 404
    bodies: list[dict[str, object]] = [{}, {"videos": []}, {"videos": [family.first], "playlist": playlist}]
    for wrong in bodies:
        assert family.ann.api.post("/api/v1/links", json=wrong).status_code == 400
    own = family.playlist(family.boss, family.of_boss, family.first)
    page = family.server.client().get(link_to(family.boss, own)).text
    assert "Of the boss" in page
    assert "Beach 1" not in page, "an administrator shares single videos of others, not whole playlists"


def test_the_page_makes_lists_and_revokes_links(family: Family) -> None:
    playlist = family.playlist(family.ann, family.first, family.of_boss)
    path = f"/playlists/{playlist}/share"
    page = family.ann.browser.get(path).text
    assert "Videos of other people are not shown" in page
    form = {"csrf_token": csrf_of(page), "label": "For Jo", "days": "7", "password": "", "max_views": ""}
    assert family.ann.browser.post(path, data={**form, "days": "x"}).status_code == 400
    made = family.ann.browser.post(path, data=form)
    assert made.status_code == 303
    shown = family.ann.browser.get(made.headers["Location"]).text
    assert "The link is created" in shown
    links = family.ann.browser.get("/settings/links").text
    assert "Our summer" in links
    form["csrf_token"] = csrf_of(family.boss.browser.get(path).text)
    assert family.boss.browser.post(path, data=form).status_code == 403
