"""What to watch after a video, and on the start page: in which order, and for whom."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, running_server, wait_until


@dataclass(frozen=True)
class Shelf:
    """Videos of two people, by name."""

    server: Server
    owner: Person
    member: Person
    visitor: Person
    videos: dict[str, str]

    def after(self, person: Person, name: str, **params: int) -> list[str]:
        """The names of the videos that follow a video, for a person."""
        names = {video: name for name, video in self.videos.items()}
        answer = person.api.get(f"/api/v1/videos/{self.videos[name]}/related", params=params).raise_for_status()
        return [names[video["id"]] for video in answer.json()["items"]]


VIDEOS = {
    "Serial part 9": "public",
    "Serial part 10": "public",
    "Serial part 11": "private",
    "Serial part 12": "members",
    "Lake": "public",
    "Boat": "public",
    "Lake by boat": "unlisted",
    "Old": "members",
}
TAGS = {"Lake": ["lake"], "Boat": ["LAKE", "boat"], "Lake by boat": ["lake", "boat"], "Of the member": ["boat"]}


@pytest.fixture(scope="module")
def shelf(clips: Path) -> Iterator[Shelf]:
    clip = make_clip(clips / "related.mp4", duration_s=1, width=160, height=90, fps=10)
    with running_server() as server:
        owner, member = server.person("olga"), server.person("mia")
        videos = {name: owner.upload(clip, title=name, visibility=visibility) for name, visibility in VIDEOS.items()}
        videos["Of the member"] = member.upload(clip, title="Of the member", visibility="public")
        people = {name: member if name == "Of the member" else owner for name in videos}
        wait_until(lambda: all(people[name].look(video)["state"] == "ready" for name, video in videos.items()), "ready")
        for name, tags in TAGS.items():
            people[name].change(videos[name], tags=tags)
        yield Shelf(server, owner, member, server.visitor(), videos)


def test_the_next_episode_comes_first_as_far_as_one_may_find_it(shelf: Shelf) -> None:
    assert shelf.after(shelf.visitor, "Serial part 9")[0] == "Serial part 10"
    assert shelf.after(shelf.owner, "Serial part 10")[0] == "Serial part 11"
    assert shelf.after(shelf.member, "Serial part 10")[0] == "Serial part 12"
    assert not {"Serial part 11", "Serial part 12"} & {*shelf.after(shelf.visitor, "Serial part 10")}


def test_then_come_shared_tags_the_owner_and_the_newest(shelf: Shelf) -> None:
    assert shelf.after(shelf.visitor, "Lake by boat")[:3] == ["Boat", "Of the member", "Lake"]
    assert shelf.after(shelf.owner, "Boat")[0] == "Lake by boat", "it is the owner's, and has both tags"
    assert "Lake by boat" not in shelf.after(shelf.member, "Boat"), "unlisted videos are in no list"
    after = shelf.after(shelf.member, "Old")
    assert after[-1] == "Of the member", "it is newer than all, but of another owner"
    assert after[:2] == ["Boat", "Lake"]


def test_the_list_is_short_and_without_the_video_itself(shelf: Shelf) -> None:
    for name in ("Lake", "Serial part 9"):
        found = shelf.after(shelf.owner, name)
        assert name not in found
        assert len(found) == len(set(found)) == len(VIDEOS)
    assert len(shelf.after(shelf.owner, "Lake", limit=2)) == 2
    related = f"/api/v1/videos/{shelf.videos['Lake']}/related"
    assert [shelf.owner.api.get(related, params={"limit": limit}).status_code for limit in (0, 25)] == [400, 400]


def test_a_page_shows_it_without_script_and_beside_the_player(shelf: Shelf) -> None:
    path = f"/watch/{shelf.videos['Lake']}"
    assert f'href="{path}/related"' in shelf.visitor.browser.get(path).text
    page = shelf.visitor.browser.get(f"{path}/related")
    assert "Back to the video" in page.text
    assert f'href="/watch/{shelf.videos["Boat"]}"' in page.text
    assert "Serial part 11" not in page.text
    part = shelf.visitor.browser.get(f"{path}/related", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith("<ol")
    assert shelf.visitor.api.get(f"/api/v1/videos/{shelf.videos['Old']}/related").status_code == 404


def test_the_start_page_shows_what_is_listed_for_the_caller(shelf: Shelf) -> None:
    for name, visibility in (("Evenings", "public"), ("Holidays", "private")):
        made = shelf.member.api.post("/api/v1/playlists", json={"title": name, "visibility": visibility})
        items = f"/api/v1/playlists/{made.raise_for_status().json()['id']}/items"
        shelf.member.api.post(items, json={"video": shelf.videos["Lake"]}).raise_for_status()
    pages = {who: who.browser.get("/explore").text for who in (shelf.visitor, shelf.owner, shelf.member)}
    seen = {who: {name for name, video in shelf.videos.items() if f"/watch/{video}" in pages[who]} for who in pages}
    public = {name for name, visibility in VIDEOS.items() if visibility == "public"} | {"Of the member"}
    listed = public | {"Serial part 12", "Old"}
    assert (seen[shelf.visitor], seen[shelf.owner], seen[shelf.member]) == (public, listed, listed)
    assert [">Evenings<" in page for page in pages.values()] == [True, True, True]
    assert [">Holidays<" in page for page in pages.values()] == [False, False, True], "and it is their own"
    assert [">mia<" in page.partition('"people-title"')[2] for page in pages.values()] == [True, True, False]
    assert all('href="/tags/boat"' in page and 'href="/tags"' in page for page in pages.values())
    assert "More videos" not in pages[shelf.owner], "these were all"


def test_after_the_newest_videos_come_all_others(shelf: Shelf, clips: Path) -> None:
    clip = clips / "related.mp4"
    more = [shelf.owner.upload(clip, title=f"More {number}", visibility="public") for number in range(2)]
    wait_until(lambda: all(shelf.owner.look(video)["state"] == "ready" for video in more), "ready")
    first = shelf.visitor.browser.get("/explore").text
    found = re.search(r'class="more"\s+href="([^"]+)"', first)
    assert found is None, "seven are public"
    for video in (shelf.videos["Old"], shelf.videos["Serial part 12"]):
        shelf.owner.change(video, visibility="public")
    first = shelf.visitor.browser.get("/explore").text
    found = re.search(r'class="more"\s+href="([^"]+)"', first)
    assert found, "nine are public"
    rest = shelf.visitor.browser.get(html.unescape(found[1]), headers={"HX-Request": "true"}).text
    shown = [set(re.findall(r'class="card-link" href="/watch/(\w+)"', text)) for text in (first, rest)]
    assert [len(each) for each in shown] == [8, 1]
    assert not shown[0] & shown[1]
    assert 'aria-current="true"' in shelf.visitor.browser.get("/explore?sort=new").text, "the list of all has an order"
