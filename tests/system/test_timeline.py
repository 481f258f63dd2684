"""How a video was prepared is its owner's business, and the admin's; for everybody else there is nothing to see."""

from pathlib import Path
from typing import Any

import pytest

from tests.people import Person
from tests.server import Server, wait_until


@pytest.fixture
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


@pytest.fixture
def bob(shared_server: Server) -> Person:
    return shared_server.person("bob")


def settled(person: Person, video: str) -> str:
    def look() -> str | None:
        state = str(person.look(video)["state"])
        return state if state in {"ready", "failed"} else None

    return wait_until(look, "settled", within_s=90)


def timeline(person: Person, video: str) -> dict[str, Any]:
    body: dict[str, Any] = person.api.get(f"/api/v1/videos/{video}/timeline").raise_for_status().json()
    return body


def test_it_tells_what_was_decided_and_what_it_costs(ann: Person, ladder_clip: Path) -> None:
    video = ann.upload(ladder_clip)
    assert settled(ann, video) == "ready"
    told = timeline(ann, video)
    events = {event["event"]: event for event in told["events"]}
    assert {"created", "arrived", "probed", "playable", "made", "planned", "ready"} <= events.keys()
    assert events["probed"]["detail"]["copyable"] is True
    assert events["planned"]["detail"]["disk_bytes"] > 0
    assert events["planned"]["detail"]["memory_bytes"] > 50_000_000
    made = {event["detail"]["name"]: event["detail"] for event in told["events"] if event["event"] == "made"}
    assert {"360p", "240p"} <= made.keys()
    assert made["240p"]["speed"] > 0
    files = {(row["kind"], row["name"]): row["bytes"] for row in told["files"]}
    assert files["original", ""] == ladder_clip.stat().st_size
    assert {name for kind, name in files if kind == "video"} == {"360p", "240p"}
    assert sum(files.values()) == told["bytes_total"]
    page = ann.browser.get(f"/watch/{video}/history").raise_for_status().text
    assert "How it was prepared" in page
    assert "copied" in page


def test_nobody_else_learns_of_it(shared_server: Server, ann: Person, bob: Person, small_clip: Path) -> None:
    video = ann.upload(small_clip, visibility="public")
    assert settled(ann, video) == "ready"
    places = (f"/api/v1/videos/{video}/timeline", f"/watch/{video}/history")
    for stranger in (bob, shared_server.visitor()):
        assert [stranger.browser.get(place).status_code for place in places] == [404, 404]
        assert stranger.look(video)["waiting"] is None
    for manager in (ann, shared_server.person("admin")):
        assert [manager.browser.get(place).status_code for place in places] == [200, 200]


def test_a_failed_attempt_keeps_why_for_the_owner(ann: Person) -> None:
    video = ann.send(b"no video at all", filename="letter.mp4")
    assert settled(ann, video) == "failed"
    events = {event["event"]: event for event in timeline(ann, video)["events"]}
    assert events["attempt_failed"]["detail"]["attempt"] == 1
    assert events["attempt_failed"]["message"] == events["failed"]["message"]
    assert "last_words" in events["attempt_failed"]["detail"]


def test_the_jobs_page_is_for_admins_alone(shared_server: Server, ann: Person, small_clip: Path) -> None:
    video = ann.upload(small_clip)
    assert settled(ann, video) == "ready"
    form = ann.csrf()
    for person in (ann, shared_server.visitor()):
        assert person.browser.get("/admin/jobs").status_code == 404
        assert person.browser.get("/admin/jobs/events").status_code == 404
    assert ann.browser.post(f"/admin/jobs/{video}/cancel", headers=form).status_code == 404
    page = shared_server.person("admin").browser.get("/admin/jobs")
    assert page.status_code == 200
    assert "Free disk" in page.text


def test_the_costs_are_told_before_an_upload(shared_server: Server, ann: Person) -> None:
    told = ann.api.get("/api/v1/upload-config").raise_for_status().json()
    assert told["keep_original"] is True
    assert told["audio_bps"] == 128_000
    assert [rung["height"] for rung in told["ladder"]] == [2160, 1440, 1080, 720, 480, 360, 240]
    assert all(rung["usual_bps"] < rung["ceiling_bps"] for rung in told["ladder"])
    assert told["free_space"] > 0
    assert shared_server.visitor().api.get("/api/v1/upload-config").json()["free_space"] is None
