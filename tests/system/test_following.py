"""Following people and playlists: what a follower finds and is told, and that it opens nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.people import Person, csrf_of
from tests.server import Server, running_server, wait_until

FOLLOWING = "/api/v1/me/following"


@dataclass(frozen=True)
class Home:
    """Two private videos of Ann, and people without any."""

    server: Server
    ann: Person
    ben: Person
    cleo: Person
    boss: Person
    beach: str
    lake: str


@pytest.fixture(scope="module")
def home(clips: Path) -> Iterator[Home]:
    clip = make_clip(clips / "followed.mp4", duration_s=1, width=160, height=90, fps=10)
    with running_server() as server:
        ann, ben, cleo = (server.person(name) for name in ("ann", "ben", "cleo"))
        boss = server.person("boss", admin=True)
        beach, lake = (ann.upload(clip, title=f"Summer {place}") for place in ("beach", "lake"))
        ann.api.post(f"/api/v1/videos/{lake}/keep").raise_for_status()
        wait_until(lambda: all(ann.look(video)["state"] == "ready" for video in (beach, lake)), "both are ready")
        yield Home(server, ann, ben, cleo, boss, beach, lake)


def followed(person: Person) -> list[str]:
    """The videos of whom a person follows."""
    items = person.api.get(f"{FOLLOWING}/videos").raise_for_status().json()["items"]
    return [video["id"] for video in items]


def told(person: Person) -> list[str]:
    """The texts of the notices of new videos."""
    items = person.api.get("/api/v1/me/notices").raise_for_status().json()["items"]
    return [each["text"] for each in items if each["kind"] == "new_video"]


def playlist_of(person: Person, title: str, visibility: str) -> str:
    made = person.api.post("/api/v1/playlists", json={"title": title, "visibility": visibility})
    playlist: str = made.raise_for_status().json()["id"]
    return playlist


def test_a_follower_is_told_once_of_what_they_may_watch(home: Home) -> None:
    ann, ben, cleo = home.ann, home.ben, home.cleo
    series, hidden = playlist_of(ann, "Series", "members"), playlist_of(ann, "Hidden", "private")
    assert ben.api.put(f"{FOLLOWING}/people/ANN").status_code == 204
    assert ben.api.put(f"{FOLLOWING}/people/ann").status_code == 204, "again without effect"
    assert ben.api.put(f"{FOLLOWING}/playlists/{series}").status_code == 204
    assert cleo.api.put(f"{FOLLOWING}/playlists/{series}").status_code == 204
    assert ben.api.put(f"{FOLLOWING}/playlists/{hidden}").status_code == 404
    assert ben.api.put(f"{FOLLOWING}/groups/{hidden}").status_code == 404
    assert ann.api.put(f"{FOLLOWING}/people/ann").status_code == 400
    assert ann.api.put(f"{FOLLOWING}/playlists/{series}").status_code == 400
    expected = {"people": ["ann"], "playlists": [{"id": series, "title": "Series", "owner": "ann"}]}
    assert ben.api.get(FOLLOWING).json() == expected
    assert ann.api.get(FOLLOWING).json() == {"people": [], "playlists": []}

    ann.api.post(f"/api/v1/playlists/{series}/items", json={"video": home.beach}).raise_for_status()
    assert (followed(ben), told(ben), told(cleo)) == ([], [], []), "the video is private"
    assert ben.api.get(f"/api/v1/videos/{home.beach}").status_code == 404
    ann.change(home.beach, visibility="members")
    assert (followed(ben), told(ben)) == ([home.beach], ["ann published “Summer beach”"])
    assert (followed(cleo), told(cleo)) == ([home.beach], ["New in “Series”: “Summer beach”"])
    ann.change(home.beach, visibility="private")
    assert (followed(ben), told(ben), told(cleo)) == ([], [], []), "what is hidden again is not shown"
    ann.change(home.beach, visibility="public")
    assert (len(told(ben)), len(told(cleo))) == (1, 1), "one notice for one video"

    ann.api.post(f"/api/v1/playlists/{hidden}/items", json={"video": home.lake}).raise_for_status()
    granted = f"/api/v1/playlists/{hidden}/grants/people/cleo"
    ann.api.put(granted, params={"with_videos": "true"}).raise_for_status()
    cleo.api.put(f"{FOLLOWING}/playlists/{hidden}").raise_for_status()
    assert followed(cleo) == [home.lake, home.beach], "with what is shared with them"
    ann.api.delete(granted).raise_for_status()
    assert followed(cleo) == [home.beach]
    assert [each["id"] for each in cleo.api.get(FOLLOWING).json()["playlists"]] == [series]


def test_a_video_that_becomes_playable_is_told_unless_its_kind_is_off(home: Home, small_clip: Path) -> None:
    ann, ben, cleo = home.ann, home.ben, home.cleo
    cleo.api.put(f"{FOLLOWING}/people/ann").raise_for_status()
    ben.api.put(f"{FOLLOWING}/people/ann").raise_for_status()
    cleo.api.put("/api/v1/me/notices/muted", json={"muted": ["new_video"]}).raise_for_status()
    before = told(cleo)
    ann.upload(small_clip, title="The hills", visibility="members")
    wait_until(lambda: "ann published “The hills”" in told(ben), "ben is told")
    assert told(cleo) == before
    assert ben.api.delete(f"{FOLLOWING}/people/ann").status_code == 204
    assert ben.api.delete(f"{FOLLOWING}/people/ann").status_code == 204


def test_pages_follow_without_script(home: Home) -> None:
    dora = home.boss
    page = dora.browser.get("/@ann").text
    person = page.partition('action="/people/')[2].partition("/follow")[0]
    path, form = f"/people/{person}/follow", {"csrf_token": csrf_of(page), "next": "/@ann"}
    assert "You follow nobody yet" in dora.browser.get("/following").text
    home.ann.change(home.beach, visibility="public")
    assert "/following" not in dora.browser.get("/explore").text.partition("<main")[2]
    assert dora.browser.post(path, data={**form, "follow": "yes"}).headers["Location"] == "/@ann"
    for shown in ("/@ann", f"/watch/{home.beach}"):
        assert 'value="no"' in dora.browser.get(shown).text, shown
    found = dora.browser.get("/following").text
    assert 'href="/@ann"' in found
    assert f"/watch/{home.beach}" in found
    assert "/following" in dora.browser.get("/explore").text.partition("<main")[2]
    assert 'action="/people/' not in home.ann.browser.get("/@ann").text
    dora.browser.post(path, data={**form, "follow": "no"})
    assert "You follow nobody yet" in dora.browser.get("/following").text


def test_a_deleted_account_follows_nobody_and_has_no_followers(home: Home) -> None:
    eve = home.server.person("eve")
    eve.api.put(f"{FOLLOWING}/people/ann").raise_for_status()
    home.ben.api.put(f"{FOLLOWING}/people/eve").raise_for_status()
    home.boss.api.delete(f"/api/v1/admin/users/{home.boss.account('eve')['id']}").raise_for_status()
    assert "eve" not in home.ben.api.get(FOLLOWING).json()["people"]
