"""What to watch after a video: in which order, and for whom."""

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
