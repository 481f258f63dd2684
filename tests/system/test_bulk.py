"""Changing many videos with one request: by id, by filter, and undone; and whose videos they are."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.library import seed
from tests.people import Person
from tests.server import Server, running_server

BULK = "/api/v1/videos/bulk"
SEEDED = 2_400


@dataclass(frozen=True)
class Stage:
    """Two people who own thousands of videos without media between them."""

    server: Server
    ann: Person
    bob: Person
    admin: Person


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with running_server() as server:
        ann, bob, admin = server.person("ann"), server.person("bob"), server.person("root", admin=True)
        for person in (ann, bob, admin):
            assert person.token
        assert server.stop() == 0
        seed(server.data_dir / "streamtime.db", SEEDED, captions=False)
        with closing(sqlite3.connect(server.data_dir / "streamtime.db")) as database, database:
            # Without media a restart would call them failed.
            database.execute("UPDATE videos SET state = 'failed', playable = 0, failure_code = 'x'")
        server.start()
        yield Stage(server, ann, bob, admin)


def ids(person: Person, count: int, **params: Any) -> list[str]:  # noqa: ANN401  # query values
    """The ids of some of a person's own videos."""
    params = {"owner": person.name, "limit": count, **params}
    return [each["id"] for each in person.api.get("/api/v1/videos", params=params).raise_for_status().json()["items"]]


def change(person: Person, action: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    answer: dict[str, Any] = person.api.post(BULK, json={"action": action, **body}).raise_for_status().json()
    return answer


def change_all(person: Person, action: str, **body: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # JSON
    """The answers of a series of requests."""
    answers = [change(person, action, **body)]
    while answers[-1]["next"] is not None:
        went_on = {"cursor": answers[-1]["next"], "batch": answers[0]["batch"]}
        answers.append(change(person, action, **{**body, **{k: v for k, v in went_on.items() if v}}))
    return answers


def count(person: Person, **params: str) -> int:
    return int(person.api.get(BULK, params=params).raise_for_status().json()["count"])


def outcomes(answer: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["outcome"] for each in answer["items"]}


def test_named_videos_are_changed_once_and_those_of_others_are_not_found(stage: Stage) -> None:
    own, others = ids(stage.ann, 3, visibility="private"), ids(stage.bob, 2, visibility="public")
    named = [*own, *others, own[0], "nothing"]
    first = change(stage.ann, "visibility", videos=named, visibility="members")
    assert outcomes(first) == dict.fromkeys(own, "done") | dict.fromkeys([*others, "nothing"], "not_found")
    assert (first["done"], first["not_found"], first["next"], first["batch"]) == (3, 3, None, None)
    assert {stage.ann.look(video)["visibility"] for video in own} == {"members"}
    assert {stage.bob.look(video)["visibility"] for video in others} == {"public"}
    again = change(stage.ann, "visibility", videos=own, visibility="members")
    assert outcomes(again) == dict.fromkeys(own, "unchanged")
    of_admin = change(stage.admin, "visibility", videos=[*own, *others], visibility="private")
    assert of_admin["done"] == 5


def test_tags_are_added_and_removed_and_too_many_are_refused(stage: Stage) -> None:
    one, full = ids(stage.ann, 2, sort="old")
    stage.ann.change(one, tags=["Lake", "Rain"])
    stage.ann.change(full, tags=[f"tag {number}" for number in range(30)])
    answer = change(stage.ann, "add_tags", videos=[one, full], tags=[" lake ", "New", ""])
    assert outcomes(answer) == {one: "done", full: "refused"}
    assert next(each["detail"] for each in answer["items"] if each["id"] == full).startswith("A video has at most 30")
    assert stage.ann.look(one)["tags"] == ["Lake", "Rain", "New"]
    answer = change(stage.ann, "remove_tags", videos=[one, full], tags=["RAIN", "new", "tag 3"])
    assert outcomes(answer) == {one: "done", full: "done"}
    assert stage.ann.look(one)["tags"] == ["Lake"]
    assert len(stage.ann.look(full)["tags"]) == 29
    assert change(stage.ann, "remove_tags", videos=[one], tags=["rain"])["unchanged"] == 1


def test_a_filter_reaches_what_no_page_shows_and_deleting_is_undone_as_a_whole(stage: Stage) -> None:
    tag = "family"
    expected, all_of_bob = count(stage.ann, tag=tag), count(stage.bob)
    everything = count(stage.ann)
    assert 50 < expected < everything
    answers = change_all(stage.ann, "delete", filter={"tag": [tag]})
    assert sum(each["done"] for each in answers) == expected
    assert (count(stage.ann, tag=tag), count(stage.ann)) == (0, everything - expected)
    assert count(stage.bob) == all_of_bob
    gone = answers[0]["items"][0]["id"]
    assert stage.ann.api.get(f"/api/v1/videos/{gone}").status_code == 404
    assert outcomes(change(stage.ann, "delete", videos=[gone])) == {gone: "unchanged"}
    assert outcomes(change(stage.ann, "visibility", videos=[gone], visibility="public")) == {gone: "not_found"}

    other = ids(stage.ann, 1)[0]
    change(stage.ann, "delete", videos=[other])
    batch = answers[0]["batch"]
    assert change(stage.bob, "restore", batch=batch)["items"] == []
    restored = change_all(stage.ann, "restore", batch=batch)
    assert sum(each["done"] for each in restored) == expected
    assert count(stage.ann, tag=tag) == expected
    assert stage.ann.api.get(f"/api/v1/videos/{other}").status_code == 404, "it was deleted on its own"
    assert change(stage.ann, "restore", batch=batch)["items"] == []
    assert change(stage.ann, "restore", videos=[other, gone])["done"] == 1


def test_thousands_are_changed_in_a_series_while_others_write(stage: Stage) -> None:
    everything = count(stage.bob)
    first = change(stage.bob, "visibility", filter={}, visibility="unlisted", sort="title")
    assert first["next"] is not None
    assert len(first["items"]) == 200
    rest = change_all(stage.bob, "visibility", filter={}, visibility="unlisted", sort="title", cursor=first["next"])
    seen = [each["id"] for answer in (first, *rest) for each in answer["items"]]
    assert len(seen) == len(set(seen)) == everything
    assert count(stage.bob, visibility="unlisted") == everything
    ready = change(stage.bob, "retry", filter={"state": "ready"})
    assert ready["items"] == []


def test_videos_go_into_a_playlist_in_the_order_named(stage: Stage) -> None:
    named = ids(stage.ann, 4)[::-1]
    playlist = stage.ann.api.post("/api/v1/playlists", json={"title": "Many"}).raise_for_status().json()["id"]
    assert change(stage.ann, "add_to_playlist", videos=named, playlist=playlist)["done"] == 4
    assert change(stage.ann, "add_to_playlist", videos=named, playlist=playlist)["unchanged"] == 4
    page = stage.ann.api.get(f"/api/v1/playlists/{playlist}/items").raise_for_status().json()
    assert [each["id"] for each in page["items"]] == named
    body = {"action": "add_to_playlist", "videos": ids(stage.bob, 1), "playlist": playlist}
    assert stage.bob.api.post(BULK, json=body).status_code == 404, "it is not his playlist"


def test_only_what_can_be_prepared_again_is(stage: Stage) -> None:
    failed, deleted = ids(stage.ann, 2, state="failed")
    change(stage.ann, "delete", videos=[deleted])
    answer = change(stage.ann, "reprocess", videos=[failed, deleted])
    assert outcomes(answer) == {failed: "refused", deleted: "not_found"}
    assert answer["items"][0]["code"] == "conflict"
    assert answer["items"][0]["detail"] == "The original was not kept, so nothing can be made of it."
    assert outcomes(change(stage.ann, "retry", videos=[failed])) == {failed: "done"}


@pytest.mark.parametrize(
    "body",
    [
        {"action": "delete"},
        {"action": "delete", "videos": []},
        {"action": "delete", "videos": ["a"], "filter": {}},
        {"action": "delete", "batch": "abc"},
        {"action": "restore", "batch": "../etc"},
        {"action": "visibility", "videos": ["a"]},
        {"action": "visibility", "videos": ["a"], "visibility": "all"},
        {"action": "add_tags", "videos": ["a"], "tags": [" "]},
        {"action": "add_to_playlist", "videos": ["a"]},
        {"action": "delete", "videos": ["a"] * 201},
        {"action": "delete", "filter": {"owner": "bob"}},
        {"action": "delete", "filter": {}, "cursor": "nonsense"},
        {"action": "explode", "videos": ["a"]},
    ],
)
def test_an_impossible_request_is_refused(stage: Stage, body: dict[str, Any]) -> None:
    before = count(stage.ann)
    assert stage.ann.api.post(BULK, json=body).status_code == 400
    assert count(stage.ann) == before
    assert stage.server.visitor().api.post(BULK, json=body).status_code in {400, 401}
