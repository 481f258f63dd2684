"""Playlists: made, changed, ordered, listed and played through; and what they show to whom."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clips import make_clip
from tests.people import ACCOUNTS, Person, csrf_of
from tests.server import Server, running_server, wait_until

PLAYLISTS = "/api/v1/playlists"
STATES = ("public", "members", "unlisted", "private")


@dataclass(frozen=True)
class Stage:
    """One playable video of the owner in each visibility, an own one of the member, and a server."""

    server: Server
    owner: Person
    member: Person
    visitor: Person
    videos: dict[str, str]
    """By visibility; `of the member` is the member's, and private."""


@pytest.fixture(scope="module")
def stage(clips: Path) -> Iterator[Stage]:
    clip = make_clip(clips / "playlists.mp4", duration_s=1, width=160, height=90, fps=10)
    with running_server() as server:
        owner, member = server.person("olaf"), server.person("mia")
        videos = {each: owner.upload(clip, title=f"Zebra {each}", visibility=each) for each in STATES}
        videos["of the member"] = member.upload(clip, title="Mia's own")
        of = {owner: STATES, member: ("of the member",)}
        states = [(person, videos[name]) for person, names in of.items() for name in names]
        wait_until(lambda: all(person.look(video)["state"] == "ready" for person, video in states), "all are ready")
        yield Stage(server, owner, member, server.visitor(), videos)


def create(person: Person, *videos: str, **facts: str) -> str:
    """A new playlist with these videos; its id."""
    body = person.api.post(PLAYLISTS, json={"title": "Evening", **facts}).raise_for_status().json()
    for video in videos:
        person.api.post(f"{PLAYLISTS}/{body['id']}/items", json={"video": video}).raise_for_status()
    return str(body["id"])


def look(person: Person, playlist: str) -> dict[str, Any]:
    body: dict[str, Any] = person.api.get(f"{PLAYLISTS}/{playlist}").raise_for_status().json()
    return body


def items(person: Person, playlist: str) -> list[str]:
    """The ids of the videos that the person sees in a playlist, read in pages of two."""
    found: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = person.api.get(f"{PLAYLISTS}/{playlist}/items", params=params).raise_for_status().json()
        found += [video["id"] for video in page["items"]]
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


def listed(person: Person) -> list[str]:
    """The ids of all playlists that are listed for a person."""
    answer = person.api.get(PLAYLISTS, params={"limit": 100}).raise_for_status()
    return [each["id"] for each in answer.json()["items"]]


def test_a_playlist_is_created_changed_and_deleted(stage: Stage) -> None:
    playlist = create(stage.owner, stage.videos["public"], stage.videos["private"], description="For later.")
    body = look(stage.owner, playlist)
    assert (body["title"], body["description"], body["visibility"]) == ("Evening", "For later.", "private")
    assert (body["owner"], body["count"]) == ("olaf", 2)
    assert body["duration_ms"] == sum(stage.owner.look(stage.videos[v])["duration_ms"] for v in ("public", "private"))
    assert body["urls"]["cover"] == stage.owner.look(stage.videos["public"])["urls"]["poster"]
    changes = {"title": " Night ", "visibility": "public"}
    changed = stage.owner.api.patch(f"{PLAYLISTS}/{playlist}", json=changes).raise_for_status().json()
    assert (changed["title"], changed["description"], changed["visibility"]) == ("Night", "For later.", "public")
    stage.owner.api.delete(f"{PLAYLISTS}/{playlist}").raise_for_status()
    assert stage.owner.api.get(f"{PLAYLISTS}/{playlist}").status_code == 404
    assert stage.owner.look(stage.videos["public"])["title"] == "Zebra public"


@pytest.mark.parametrize(
    "body", [{"title": "  "}, {"title": "x" * 201}, {"title": "a", "visibility": "all"}, {"title": "a", "owner": "mia"}]
)
def test_an_impossible_playlist_is_refused(stage: Stage, body: dict[str, str]) -> None:
    assert stage.owner.api.post(PLAYLISTS, json=body).status_code == 400


def test_videos_are_added_once_moved_ordered_and_removed(stage: Stage) -> None:
    first, second, third = (stage.videos[each] for each in ("public", "members", "private"))
    playlist = create(stage.owner, first, second, third, first)
    at = f"{PLAYLISTS}/{playlist}/items"
    assert items(stage.owner, playlist) == [first, second, third]
    stage.owner.api.patch(f"{at}/{third}", json={"position": 0}).raise_for_status()
    assert items(stage.owner, playlist) == [third, first, second]
    stage.owner.api.patch(f"{at}/{third}", json={"position": 99}).raise_for_status()
    assert items(stage.owner, playlist) == [first, second, third]
    stage.owner.api.put(at, json={"videos": [second]}).raise_for_status()
    assert items(stage.owner, playlist) == [second, first, third]
    assert stage.owner.api.put(at, json={"videos": [second, second]}).status_code == 400
    assert stage.owner.api.put(at, json={"videos": ["nothing"]}).status_code == 404
    stage.owner.api.delete(f"{at}/{first}").raise_for_status()
    assert items(stage.owner, playlist) == [second, third]
    assert stage.owner.api.delete(f"{at}/{first}").status_code == 404


def test_a_playlist_shows_each_person_only_what_they_may_find(stage: Stage) -> None:
    playlist = create(stage.owner, *(stage.videos[each] for each in ("private", "unlisted", "members", "public")))
    stage.owner.api.patch(f"{PLAYLISTS}/{playlist}", json={"visibility": "public"}).raise_for_status()
    videos = stage.videos
    expected = {
        stage.owner: [videos[each] for each in ("private", "unlisted", "members", "public")],
        stage.member: [videos["members"], videos["public"]],
        stage.visitor: [videos["public"]],
    }
    one_ms = stage.owner.look(videos["public"])["duration_ms"]
    for person, shown in expected.items():
        body = look(person, playlist)
        assert items(person, playlist) == shown, person
        assert (body["count"], body["duration_ms"]) == (len(shown), len(shown) * one_ms), person
        assert body["urls"]["cover"] == person.look(shown[0])["urls"]["poster"], person
        page = person.browser.get(f"/playlists/{playlist}").raise_for_status().text
        assert set(re.findall(r'data-item="(\w+)"', page)) == set(shown), person
        hidden = [name for name in STATES if videos[name] not in shown]
        assert not [name for name in hidden if f"Zebra {name}" in page], person
        queue = person.browser.get(f"/watch/{videos['public']}", params={"list": playlist}).text
        assert f"{len(shown)} of {len(shown)}" in queue, person
        around = person.browser.get(f"/playlists/{playlist}/queue", params={"video": videos["public"]}).text
        assert around.count('class="queue-item"') == len(shown), person
        assert not [name for name in hidden if f"Zebra {name}" in queue + around], person


def test_an_unlisted_playlist_shows_its_owners_unlisted_videos_to_those_with_the_link(stage: Stage) -> None:
    playlist = create(stage.owner, stage.videos["unlisted"], stage.videos["private"], visibility="unlisted")
    assert items(stage.visitor, playlist) == [stage.videos["unlisted"]]
    assert playlist not in listed(stage.visitor)
    assert playlist not in listed(stage.member)


def test_an_unlisted_video_of_another_stays_with_the_person_who_added_it(stage: Stage) -> None:
    for visibility in ("public", "unlisted"):
        playlist = create(stage.member, stage.videos["unlisted"], visibility=visibility)
        assert items(stage.member, playlist) == [stage.videos["unlisted"]]
        assert items(stage.visitor, playlist) == []
        assert look(stage.visitor, playlist)["count"] == 0


def test_a_video_that_becomes_private_leaves_and_returns_at_its_place(stage: Stage) -> None:
    public, members = stage.videos["public"], stage.videos["members"]
    playlist = create(stage.member, members, public, stage.videos["of the member"])
    stage.owner.change(members, visibility="private")
    try:
        assert items(stage.member, playlist) == [public, stage.videos["of the member"]]
        assert look(stage.member, playlist)["count"] == 2
        at = f"{PLAYLISTS}/{playlist}/items/{members}"
        assert stage.member.api.patch(at, json={"position": 0}).status_code == 404
        assert stage.member.api.delete(at).status_code == 404
        stage.member.api.patch(
            f"{PLAYLISTS}/{playlist}/items/{stage.videos['of the member']}", json={"position": 0}
        ).raise_for_status()
    finally:
        stage.owner.change(members, visibility="members")
    assert items(stage.member, playlist) == [members, stage.videos["of the member"], public]


def test_lists_have_own_playlists_and_those_with_something_to_see(stage: Stage) -> None:
    own = create(stage.member)
    public = create(stage.owner, stage.videos["public"], visibility="public")
    for_members = create(stage.owner, stage.videos["public"], visibility="members")
    private = create(stage.owner, stage.videos["public"])
    hides_all = create(stage.owner, stage.videos["private"], visibility="public")
    seen = {person: set(listed(person)) for person in (stage.owner, stage.member, stage.visitor)}
    assert {public, for_members, private, hides_all} <= seen[stage.owner]
    assert own not in seen[stage.owner]
    assert {own, public, for_members} <= seen[stage.member]
    assert not {private, hides_all} & seen[stage.member]
    assert public in seen[stage.visitor]
    assert not {own, for_members, private, hides_all} & seen[stage.visitor]
    only_own = stage.member.api.get(PLAYLISTS, params={"own": True, "limit": 100}).json()["items"]
    assert {each["owner"] for each in only_own} == {"mia"}


def test_lists_are_paged_from_the_last_changed_on(stage: Stage) -> None:
    made = [create(stage.member, title=f"Paged {number}") for number in range(3)]
    stage.member.api.patch(f"{PLAYLISTS}/{made[0]}", json={"description": "changed"}).raise_for_status()
    expected = [made[0], made[2], made[1]]
    found: list[str] = []
    params: dict[str, Any] = {"own": True, "limit": 1}
    for _ in expected:
        page = stage.member.api.get(PLAYLISTS, params=params).raise_for_status().json()
        found += [each["id"] for each in page["items"]]
        params["cursor"] = page["next"]
    assert found == expected
    assert stage.member.api.get(PLAYLISTS, params={"cursor": "nonsense"}).status_code == 400


def test_only_the_owner_changes_a_playlist_and_only_with_videos_that_they_may_watch(stage: Stage) -> None:
    public = create(stage.owner, stage.videos["public"], visibility="public")
    private = create(stage.owner)
    for playlist, status in ((public, 403), (private, 404)):
        at, video = f"{PLAYLISTS}/{playlist}", stage.videos["public"]
        attempts: list[httpx.Response] = [
            stage.member.api.patch(at, json={"title": "Mine"}),
            stage.member.api.delete(at),
            stage.member.api.post(f"{at}/items", json={"video": video}),
            stage.member.api.put(f"{at}/items", json={"videos": [video]}),
            stage.member.api.patch(f"{at}/items/{video}", json={"position": 0}),
            stage.member.api.delete(f"{at}/items/{video}"),
            stage.member.api.post(f"{at}/sort"),
        ]
        assert [answer.status_code for answer in attempts] == [status] * len(attempts)
    own = create(stage.member)
    answer = stage.member.api.post(f"{PLAYLISTS}/{own}/items", json={"video": stage.videos["private"]})
    assert answer.status_code == 404


def test_episodes_are_ordered_by_their_numbers(stage: Stage, clips: Path) -> None:
    data = (clips / "playlists.mp4").read_bytes()
    names = ["Show 2x01", "Trailer", "Show S01E10", "Show.s01e02.1080p", "Episode 3"]
    made = [stage.owner.send(data, filename="a.mp4", title=name) for name in names]
    made.append(stage.owner.send(data, filename="Show.S01E04.mp4", title="The one with a name"))
    playlist = create(stage.owner, *made)
    stage.owner.api.post(f"{PLAYLISTS}/{playlist}/sort").raise_for_status()
    titles = [stage.owner.look(each)["title"] for each in items(stage.owner, playlist)]
    assert titles == [
        "Show.s01e02.1080p", "Episode 3", "The one with a name", "Show S01E10", "Show 2x01", "Trailer",
    ]  # fmt: skip


def test_playing_goes_through_the_list_in_order_or_shuffled(stage: Stage) -> None:
    order = [stage.videos[each] for each in ("private", "public", "members", "unlisted")]
    playlist = create(stage.owner, *order)
    assert walk(stage.owner, f"/playlists/{playlist}/play") == order
    shuffled = stage.owner.browser.get(f"/playlists/{playlist}/play", params={"shuffle": "yes"})
    assert shuffled.status_code == 303
    walked = walk(stage.owner, shuffled.headers["Location"])
    assert sorted(walked) == sorted(order)
    assert walk(stage.owner, shuffled.headers["Location"]) == walked, "the seed is in the URL"


def walk(person: Person, path: str) -> list[str]:
    """The videos that follow each other from this path on."""
    found: list[str] = []
    while path:
        answer = person.browser.get(path, follow_redirects=True).raise_for_status()
        found.append(answer.url.path.removeprefix("/watch/"))
        following = re.search(r'href="([^"]*)" aria-label="Next video"', answer.text)
        path = following[1].replace("&amp;", "&") if following else ""
    return found


def test_a_list_that_is_hidden_or_without_the_video_changes_nothing_on_the_watch_page(stage: Stage) -> None:
    hidden = create(stage.owner, stage.videos["public"])
    other = create(stage.owner, stage.videos["members"], visibility="public")
    for playlist in (hidden, other, "nothing"):
        page = stage.visitor.browser.get(f"/watch/{stage.videos['public']}", params={"list": playlist})
        assert page.status_code == 200
        assert "data-queue" not in page.text


def test_pages_create_fill_order_and_delete_without_script(stage: Stage) -> None:
    client, first, second = stage.member.browser, stage.videos["public"], stage.videos["members"]
    token = {"csrf_token": csrf_of(client.get("/playlists").text)}
    made = client.post(f"/watch/{first}/playlists", data={**token, "title": "By forms", "visibility": "unlisted"})
    assert made.headers["Location"] == f"/watch/{first}/playlists"
    choices = client.get(f"/watch/{first}/playlists").text
    playlist = next(each["id"] for each in own_playlists(stage.member) if each["title"] == "By forms")
    assert re.search(rf'name="remove" value="{playlist}" aria-pressed="true"', choices)
    client.post(f"/watch/{second}/playlists", data={**token, "add": playlist})
    assert items(stage.member, playlist) == [first, second]
    moved = client.post(f"/playlists/{playlist}/items", data={**token, "up": second})
    assert moved.headers["Location"] == f"/playlists/{playlist}#item-{second}"
    assert items(stage.member, playlist) == [second, first]
    client.post(f"/playlists/{playlist}/items", data={**token, "remove": second})
    assert items(stage.member, playlist) == [first]
    refused = client.post(f"/playlists/{playlist}/edit", data={**token, "title": "", "visibility": "public"})
    assert refused.status_code == 400
    assert "Give the playlist a title" in refused.text
    client.post(f"/playlists/{playlist}/edit", data={**token, "title": "Renamed", "visibility": "public"})
    assert look(stage.member, playlist)["title"] == "Renamed"
    client.post(f"/playlists/{playlist}/delete", data=token)
    assert client.get(f"/playlists/{playlist}").status_code == 404


def own_playlists(person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.api.get(PLAYLISTS, params={"own": True, "limit": 100}).json()["items"]
    return found


def test_deleted_videos_and_accounts_leave_nothing_behind(stage: Stage, clips: Path) -> None:
    leaver = stage.server.person("leo")
    video = leaver.send((clips / "playlists.mp4").read_bytes(), filename="a.mp4", visibility="public")
    wait_until(lambda: leaver.look(video)["state"] == "ready", "ready")
    of_leaver = create(leaver, stage.videos["public"], visibility="public")
    of_member = create(stage.member, video, stage.videos["public"])
    admin = stage.server.person("root", admin=True)
    leaver.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert items(stage.member, of_member) == [stage.videos["public"]]
    leaver.api.post(f"/api/v1/videos/{video}/restore").raise_for_status()
    assert items(stage.member, of_member) == [video, stage.videos["public"]]
    account = next(each["id"] for each in admin.api.get(ACCOUNTS).json()["items"] if each["name"] == "leo")
    admin.api.delete(f"{ACCOUNTS}/{account}", params={"delete_videos": True}).raise_for_status()
    assert stage.member.api.get(f"{PLAYLISTS}/{of_leaver}").status_code == 404
    assert items(stage.member, of_member) == [stage.videos["public"]]


def test_a_server_for_accounts_only_shows_visitors_no_playlist(clips: Path) -> None:
    make_clip(clips / "playlists.mp4", duration_s=1, width=160, height=90, fps=10)
    with running_server(STREAMTIME_ACCOUNTS__ANONYMOUS_BROWSING="false") as server:
        owner = server.person("olaf")
        video = owner.upload(clips / "playlists.mp4", visibility="public")
        playlist = create(owner, video, visibility="public")
        assert listed(server.visitor()) == []
        assert server.visitor().api.get(f"{PLAYLISTS}/{playlist}").status_code == 404
