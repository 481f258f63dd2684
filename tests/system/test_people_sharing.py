"""Sharing with people and groups: what they find and play, and that it ends at once."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, running_server, wait_until
from tests.system.player import fetch, video_playlists


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

    def found_by(self, person: Person) -> list[str]:
        """The titles that a person finds by searching for a word in both."""
        answer = person.api.get("/api/v1/search", params={"q": "summer"}).raise_for_status().json()
        assert answer["total"] == len(answer["items"])
        suggested = person.api.get("/search/suggestions", params={"q": "summer"}).text
        assert all(f"/watch/{item['video']['id']}" in suggested for item in answer["items"])
        return sorted(item["video"]["title"] for item in answer["items"])

    def group(self, name: str, *members: str) -> str:
        """A new group of Ann with these members; its path."""
        made = self.ann.api.post("/api/v1/groups", json={"name": name}).raise_for_status().json()["id"]
        for member in members:
            self.ann.api.put(f"/api/v1/groups/{made}/members/{member}").raise_for_status()
        return f"/api/v1/groups/{made}"


@pytest.fixture(scope="module")
def home(clips: Path) -> Iterator[Home]:
    clip = make_clip(clips / "shared.mp4", duration_s=1, width=160, height=90, fps=10)
    with running_server() as server:
        ann, ben, cleo = (server.person(name) for name in ("ann", "ben", "cleo"))
        boss = server.person("boss", admin=True)
        beach, lake = (ann.upload(clip, title=f"Summer {place}") for place in ("beach", "lake"))
        ann.api.post(f"/api/v1/videos/{lake}/keep").raise_for_status()
        for video in (beach, lake):
            ann.change(video, tags=["holiday"])
        wait_until(lambda: all(ann.look(video)["state"] == "ready" for video in (beach, lake)), "both are ready")
        yield Home(server, ann, ben, cleo, boss, beach, lake)


def grants(video: str) -> str:
    return f"/api/v1/videos/{video}/grants"


def segment_of(person: Person, video: str) -> str:
    """The URL of a segment, as the player of that person finds it."""
    playlist = video_playlists(person.api, person.look(video)["urls"]["master"])[0]
    return fetch(person.api, playlist).segment_uris[0]


def test_a_person_finds_and_plays_what_is_shared_with_them_until_it_is_not(home: Home) -> None:
    assert home.found_by(home.ben) == []
    assert home.ben.api.get(f"/api/v1/videos/{home.beach}").status_code == 404
    assert home.ann.api.put(f"{grants(home.beach)}/people/BEN").status_code == 204
    assert home.found_by(home.ben) == ["Summer beach"]
    assert home.found_by(home.cleo) == []
    shared = home.ben.api.get("/api/v1/me/shared").json()["items"]
    assert [video["id"] for video in shared] == [home.beach]
    listed = home.ben.api.get("/api/v1/videos").json()["items"]
    assert [video["id"] for video in listed] == [home.beach]
    explore = home.ben.browser.get("/explore").text
    assert "Summer beach" in explore
    assert "Summer lake" not in explore
    assert "Summer beach" in home.ben.browser.get("/@ann").text
    facets = home.ben.api.get("/api/v1/search", params={"q": "summer"}).json()["facets"]
    assert [tag["count"] for tag in facets["tags"]] == [1]
    home.ben.api.put(f"/api/v1/me/favourites/{home.beach}").raise_for_status()
    segment = segment_of(home.ben, home.beach)
    assert home.ben.api.get(segment).status_code == 200
    assert home.cleo.api.get(segment).status_code == 404
    items = home.ann.api.get(grants(home.beach)).json()["items"]
    assert [(item["kind"], item["id"]) for item in items] == [("people", "ben")]

    assert home.ann.api.delete(f"{grants(home.beach)}/people/ben").status_code == 204
    assert home.ben.api.get(segment).status_code == 404
    assert home.found_by(home.ben) == []
    assert home.ben.api.get("/api/v1/me/shared").json()["items"] == []
    assert home.ben.api.get("/api/v1/me/favourites").json()["items"] == []
    assert home.ann.api.delete(f"{grants(home.beach)}/people/ben").status_code == 404


def test_who_leaves_a_group_loses_what_was_shared_with_it(home: Home) -> None:
    family = home.group("Family", "ben", "cleo")
    change = {"action": "share", "videos": [home.beach, home.lake], "group": family.rpartition("/")[2]}
    answer = home.ann.api.post("/api/v1/videos/bulk", json=change).raise_for_status().json()
    assert answer["done"] == 2
    assert home.ann.api.post("/api/v1/videos/bulk", json=change).json()["unchanged"] == 2
    segment = segment_of(home.ben, home.beach)
    with home.ben.api.stream("GET", "/api/v1/events", params={"video": home.beach}) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: video"
        next(line for line in lines if line.startswith("data:"))
        home.ann.api.delete(f"{family}/members/ben").raise_for_status()
        assert home.ben.api.get(segment).status_code == 404
        home.ann.change(home.beach, description="It is warm.")
        assert next(line for line in lines if line.startswith("event:")) == "event: gone"
        assert json.loads(next(line for line in lines if line.startswith("data:"))[5:]) == {"id": home.beach}
    assert home.cleo.api.get(segment).status_code == 200
    assert home.found_by(home.cleo) == ["Summer beach", "Summer lake"]
    assert home.ann.api.delete(family).status_code == 204
    assert home.cleo.api.get(segment).status_code == 404


def test_a_shared_playlist_opens_its_owners_videos_only_where_that_was_chosen(home: Home) -> None:
    of_boss = home.boss.send(b"no film", filename="none.mp4")
    playlist = home.ann.api.post("/api/v1/playlists", json={"title": "Holidays"}).raise_for_status().json()["id"]
    path = f"/api/v1/playlists/{playlist}"
    home.ann.api.post(f"{path}/items", json={"video": home.beach}).raise_for_status()
    assert home.ben.api.get(path).status_code == 404
    home.ann.api.put(f"{path}/grants/people/ben").raise_for_status()
    assert home.ben.api.get(path).json()["count"] == 0
    assert [each["id"] for each in home.ben.api.get("/api/v1/playlists").json()["items"]] == [playlist]
    assert home.ben.api.get(f"/api/v1/videos/{home.beach}").status_code == 404

    home.ann.api.put(f"{path}/grants/people/ben", params={"with_videos": "true"}).raise_for_status()
    assert home.ben.api.get(path).json()["count"] == 1
    assert home.ben.api.get(f"/api/v1/videos/{home.lake}").status_code == 404
    home.ann.api.post(f"{path}/items", json={"video": home.lake}).raise_for_status()
    assert home.ben.api.get(segment_of(home.ben, home.lake)).status_code == 200
    assert home.found_by(home.ben) == ["Summer beach", "Summer lake"]
    assert home.ben.api.get(f"/api/v1/videos/{of_boss}").status_code == 404
    assert home.ben.api.patch(path, json={"title": "Mine"}).status_code == 403
    assert home.ben.api.get(f"{path}/grants").status_code == 403

    home.ann.api.delete(f"{path}/items/{home.lake}").raise_for_status()
    assert home.ben.api.get(f"/api/v1/videos/{home.lake}").status_code == 404
    home.ann.api.delete(path).raise_for_status()
    assert home.ben.api.get(f"/api/v1/videos/{home.beach}").status_code == 404


def test_groups_belong_to_who_made_them(home: Home) -> None:
    friends = home.group("Friends", "ben")
    assert home.ben.api.get(friends).status_code == 404
    assert home.ben.api.get("/api/v1/groups").json()["items"] == []
    assert home.ben.api.get("/api/v1/groups", params={"every": "true"}).status_code == 403
    everyone = home.boss.api.get("/api/v1/groups", params={"every": "true"}).json()["items"]
    assert ("Friends", "ann", 1) in [(each["name"], each["owner"], each["members"]) for each in everyone]
    assert home.ann.api.post("/api/v1/groups", json={"name": "FRIENDS"}).json()["code"] == "name_taken"
    assert home.ann.api.post("/api/v1/groups", json={"name": " "}).status_code == 400
    home.ann.api.patch(friends, json={"name": "Good friends"}).raise_for_status()
    assert home.ann.api.get(friends).json()["people"] == ["ben"]
    refused = home.ann.api.put(f"{grants(home.beach)}/people/ann")
    assert (refused.status_code, refused.json()["field"]) == (400, "person")
    assert [each["name"] for each in home.ann.api.get("/api/v1/people", params={"q": "le"}).json()["items"]] == ["cleo"]


def test_a_deleted_account_leaves_no_grants(home: Home) -> None:
    dora = home.server.person("dora")
    group = dora.api.post("/api/v1/groups", json={"name": "Dora's"}).raise_for_status().json()["id"]
    family = home.group("With Dora", "dora")
    home.ann.api.put(f"{grants(home.beach)}/people/dora").raise_for_status()
    user = home.boss.account("dora")["id"]
    home.boss.api.delete(f"/api/v1/admin/users/{user}").raise_for_status()
    assert home.ann.api.get(grants(home.beach)).json()["items"] == []
    assert home.ann.api.get(family).json()["members"] == 0
    assert home.boss.api.get(f"/api/v1/groups/{group}").status_code == 404
