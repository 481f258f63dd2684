"""Positions, history and views: what is kept for whom, and what is not."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip
from tests.people import Person, csrf_of
from tests.server import Server, running_server, wait_until

DURATION_MS = 20_000


@dataclass(frozen=True)
class Cinema:
    """A public and a members' video of 20 seconds, their owner, and a visitor."""

    server: Server
    owner: Person
    visitor: Person
    public: str
    members: str

    def somebody(self, name: str) -> Person:
        return self.server.person(name)


@pytest.fixture(scope="module")
def cinema(clips: Path) -> Iterator[Cinema]:
    clip = make_clip(clips / "watching.mp4", duration_s=DURATION_MS / 1000, width=160, height=90, fps=10)
    with running_server() as server:
        owner = server.person("olga")
        ids = [owner.upload(clip, title=title) for title in ("Public", "Members")]
        for video, visibility in zip(ids, ("public", "members"), strict=True):
            owner.change(video, visibility=visibility)
            owner.api.post(f"/api/v1/videos/{video}/keep")
        wait_until(lambda: all(owner.look(video)["state"] == "ready" for video in ids), "both are ready")
        yield Cinema(server, owner, server.visitor(), *ids)


def report(person: Person, video: str, at_ms: int, played_ms: int = 1000) -> int:
    """Report a position, as a player does; the status of the answer."""
    body = {"position_ms": at_ms, "played_ms": played_ms}
    return person.api.put(f"/api/v1/videos/{video}/position", json=body).status_code


def position(person: Person, video: str) -> dict[str, Any]:
    body: dict[str, Any] = person.api.get(f"/api/v1/videos/{video}/position").raise_for_status().json()
    return body


def history(person: Person, **params: str | int) -> list[str]:
    items = person.api.get("/api/v1/me/history", params=params).raise_for_status().json()["items"]
    return [item["video"]["id"] for item in items]


def test_another_device_continues_where_the_last_one_stopped(cinema: Cinema) -> None:
    tom = cinema.somebody("tom")
    assert position(tom, cinema.public) == {"position_ms": 0, "watched": False}
    assert report(tom, cinema.public, 7_000) == 204
    assert position(tom, cinema.public) == {"position_ms": 7_000, "watched": False}
    assert 'data-resume-ms="7000"' in tom.browser.get(f"/watch/{cinema.public}").text
    assert 'value="35"' in tom.browser.get("/explore").text, "the card tells how far it was watched"
    assert "Continue watching" in tom.browser.get("/explore").text


def test_a_position_is_known_while_it_is_being_written(cinema: Cinema) -> None:
    ivy = cinema.somebody("ivy")
    browser = ivy.browser
    assert position(ivy, cinema.public) == {"position_ms": 0, "watched": False}
    with closing(sqlite3.connect(cinema.server.data_dir / "streamtime.db")) as other, ThreadPoolExecutor() as pool:
        other.execute("BEGIN IMMEDIATE")  # as another command does that writes for a while
        assert report(ivy, cinema.public, 8_000) == 204
        page = pool.submit(browser.get, "/history")  # which has all positions written first
        for _ in range(20):
            assert position(ivy, cinema.public) == {"position_ms": 8_000, "watched": False}
        other.rollback()
        assert page.result().status_code == 200
    assert history(ivy) == [cinema.public]
    assert position(ivy, cinema.public) == {"position_ms": 8_000, "watched": False}


def test_a_video_watched_to_its_end_begins_anew_and_stays_watched(cinema: Cinema) -> None:
    una = cinema.somebody("una")
    report(una, cinema.public, 19_500)
    assert position(una, cinema.public) == {"position_ms": 0, "watched": True}
    assert "Continue watching" not in una.browser.get("/explore").text
    assert 'value="100"' in una.browser.get("/explore").text
    report(una, cinema.public, 5_000)
    assert position(una, cinema.public) == {"position_ms": 5_000, "watched": True}


def test_positions_survive_a_stop_and_stay_with_their_person(cinema: Cinema) -> None:
    eve, sam = cinema.somebody("eve"), cinema.somebody("sam")
    report(eve, cinema.public, 4_000)
    cinema.server.restart()
    assert position(eve, cinema.public)["position_ms"] == 4_000
    assert position(sam, cinema.public)["position_ms"] == 0
    assert history(sam) == []


def test_a_history_is_removed_in_part_or_whole(cinema: Cinema) -> None:
    ida = cinema.somebody("ida")
    report(ida, cinema.public, 4_000)
    report(ida, cinema.members, 4_000)
    assert history(ida) == [cinema.members, cinema.public]
    first = ida.api.get("/api/v1/me/history", params={"limit": 1}).json()
    assert history(ida, limit=1, cursor=first["next"]) == [cinema.public]
    for wrong in ("x", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwLDFd"):  # a number that no row has room for
        assert ida.api.get("/api/v1/me/history", params={"cursor": wrong}).status_code == 400
    token = {"csrf_token": csrf_of(ida.browser.get("/history").text)}
    assert ida.browser.post(f"/history/{cinema.members}/remove", data=token).status_code == 303
    assert history(ida) == [cinema.public]
    assert position(ida, cinema.members)["position_ms"] == 0
    assert ida.browser.post("/history/clear", data=token).status_code == 303
    assert history(ida) == []
    assert "Nothing watched yet" in ida.browser.get("/history").text


def test_a_paused_history_keeps_nothing_new(cinema: Cinema) -> None:
    pia = cinema.somebody("pia")
    report(pia, cinema.public, 4_000)
    pia.api.patch("/api/v1/me/history", json={"recording": "paused"}).raise_for_status()
    report(pia, cinema.public, 9_000)
    report(pia, cinema.members, 9_000)
    assert history(pia) == [cinema.public]
    assert pia.api.get("/api/v1/me/history").json()["recording"] == "paused"
    assert position(pia, cinema.public)["position_ms"] == 4_000
    page = pia.browser.get("/history").text
    assert "The history is paused" in page
    pia.browser.post("/history/pause", data={"csrf_token": csrf_of(page)})
    report(pia, cinema.members, 9_000)
    assert history(pia) == [cinema.members, cinema.public]


def test_what_may_no_longer_be_watched_is_not_in_the_history(cinema: Cinema, clips: Path) -> None:
    lea = cinema.somebody("lea")
    clip = make_clip(clips / "hidden.mp4", duration_s=2, width=160, height=90, fps=10)
    video = cinema.owner.upload(clip, title="Soon hidden")
    cinema.owner.change(video, visibility="members")
    wait_until(lambda: cinema.owner.look(video)["state"] == "ready", "it is ready")
    report(lea, video, 1_000)
    assert history(lea) == [video]
    cinema.owner.change(video, visibility="private")
    assert history(lea) == []
    assert "Soon hidden" not in lea.browser.get("/explore").text
    assert report(lea, video, 1_500) == 404
    cinema.owner.change(video, visibility="public")
    assert history(lea) == [video]
    cinema.owner.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert history(lea) == []


def test_a_view_is_counted_once_for_each_viewer(cinema: Cinema) -> None:
    def views() -> int:
        return int(cinema.owner.look(cinema.members)["views"])

    max_, mo = cinema.somebody("max"), cinema.somebody("moe")
    before = views()
    report(max_, cinema.members, 5_000, played_ms=5_000)
    report(max_, cinema.members, 7_000, played_ms=7_000)
    report(max_, cinema.members, 17_000, played_ms=17_000)
    report(max_, cinema.members, 17_000, played_ms=17_000)
    report(mo, cinema.members, 2_000, played_ms=2_000)
    wait_until(lambda: views() > before, "the view is written")
    assert views() == before + 1, "a third of twenty seconds is a view, two seconds are none"


def test_a_visitor_is_counted_and_nothing_else(cinema: Cinema) -> None:
    before = cinema.owner.look(cinema.public)["views"]
    assert report(cinema.visitor, cinema.public, 15_000, played_ms=15_000) == 204
    assert report(cinema.visitor, cinema.members, 15_000, played_ms=15_000) == 404
    wait_until(lambda: cinema.owner.look(cinema.public)["views"] == before + 1, "the view is written")
    for path in (f"/api/v1/videos/{cinema.public}/position", "/api/v1/me/history"):
        assert cinema.visitor.api.get(path).status_code == 401


def test_wrong_reports_are_refused(cinema: Cinema) -> None:
    tom = cinema.somebody("tom")
    for body in (
        {"position_ms": -1},
        {"position_ms": "x"},
        {},
        {"position_ms": 1, "speed": 2},
        {"position_ms": 10**13},
    ):
        assert tom.api.put(f"/api/v1/videos/{cinema.public}/position", json=body).status_code == 400, body
    assert report(tom, cinema.public, 10**9) == 204
    assert position(tom, cinema.public)["watched"]


def listed(person: Person, path: str, **params: str | int) -> list[str]:
    items = person.api.get(f"/api/v1/me/{path}", params=params).raise_for_status().json()["items"]
    return [video["id"] for video in items]


def test_marks_are_private_and_listed_last_first(cinema: Cinema) -> None:
    rio, sue = cinema.somebody("rio"), cinema.somebody("sue")
    for path in ("watch-later", "favourites"):
        for video in (cinema.public, cinema.members, cinema.public):
            assert rio.api.put(f"/api/v1/me/{path}/{video}").status_code == 204
        assert listed(rio, path) == [cinema.members, cinema.public], "a second time changes nothing"
        first = rio.api.get(f"/api/v1/me/{path}", params={"limit": 1}).json()
        assert listed(rio, path, limit=1, cursor=first["next"]) == [cinema.public]
        assert rio.api.get(f"/api/v1/me/{path}", params={"cursor": "x"}).status_code == 400
        assert listed(sue, path) == []
        assert rio.api.delete(f"/api/v1/me/{path}/{cinema.members}").status_code == 204
        assert listed(rio, path) == [cinema.public]
    marks = rio.api.get(f"/api/v1/videos/{cinema.public}/marks").json()
    assert marks == {"watch_later": True, "favourite": True, "watched": False}
    cinema.server.restart()
    assert listed(rio, "watch-later") == [cinema.public]


def test_what_may_no_longer_be_watched_is_in_no_list(cinema: Cinema) -> None:
    kay = cinema.somebody("kay")
    kay.api.put(f"/api/v1/me/favourites/{cinema.members}").raise_for_status()
    cinema.owner.change(cinema.members, visibility="private")
    assert listed(kay, "favourites") == []
    assert kay.api.put(f"/api/v1/me/watch-later/{cinema.members}").status_code == 404
    cinema.owner.change(cinema.members, visibility="members")
    assert listed(kay, "favourites") == [cinema.members]


def test_a_video_is_marked_as_watched_and_not_watched_by_hand(cinema: Cinema) -> None:
    ben = cinema.somebody("ben")
    report(ben, cinema.public, 7_000)
    assert ben.api.put(f"/api/v1/me/watched/{cinema.public}").status_code == 204
    assert position(ben, cinema.public) == {"position_ms": 0, "watched": True}
    assert history(ben) == [cinema.public]
    assert ben.api.delete(f"/api/v1/me/watched/{cinema.public}").status_code == 204
    assert position(ben, cinema.public) == {"position_ms": 0, "watched": False}
    assert history(ben) == []


def test_marks_are_set_by_forms_too(cinema: Cinema) -> None:
    lou = cinema.somebody("lou")
    page = lou.browser.get(f"/watch/{cinema.public}/playlists").text
    assert "Mark as watched" in page
    form = {"csrf_token": csrf_of(page), "later": "yes", "watched": "yes", "next": "/watch-later"}
    answer = lou.browser.post(f"/watch/{cinema.public}/marks", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/watch-later")
    assert f'href="/watch/{cinema.public}"' in lou.browser.get("/watch-later").text
    assert position(lou, cinema.public)["watched"]
    assert "Remove from Watch later" in lou.browser.get(f"/watch/{cinema.public}/playlists").text
    undo, fragment = {**form, "later": "no"}, {"HX-Request": "true"}
    part = lou.browser.post(f"/watch/{cinema.public}/marks", data=undo, headers=fragment)
    assert "Removed from Watch later" in part.headers["HX-Trigger"]
    assert "Nothing to watch later" in lou.browser.get("/watch-later").text
    assert "Watch later" not in cinema.visitor.browser.get(f"/watch/{cinema.public}").text
