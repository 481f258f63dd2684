"""The main job from end to end: set up, sign in, drop a video, watch it, show it, delete it."""

from pathlib import Path
from typing import Any

import pytest

from tests.people import csrf_of, sign_in
from tests.server import Server, wait_until
from tests.system.player import audio_playlists, decode, fetch, video_playlists

FORM = {"name": "founder", "password": "correct horse battery"}


def test_setup_wants_the_printed_code_and_happens_once(server: Server) -> None:
    browser = server.client(Origin=server.url)
    assert browser.get("/").headers["location"] == "/setup"
    assert browser.get("/setup").status_code == 200
    for code in ("", "aaaa-aaaa-aaaa", server.setup_code[:-1]):
        assert browser.post("/setup", data={**FORM, "code": code}).status_code == 400
    assert browser.post("/setup", data={**FORM, "password": "short", "code": server.setup_code}).status_code == 400
    done = browser.post("/setup", data={**FORM, "code": server.setup_code.upper()})
    assert done.status_code == 303
    assert csrf_of(browser.get("/library").text)
    assert browser.get("/setup").status_code == 404
    visitor = server.client(Origin=server.url)
    assert visitor.get("/setup").status_code == 404
    assert visitor.post("/setup", data={**FORM, "name": "second", "code": server.setup_code}).status_code == 404
    assert sign_in(visitor, FORM["name"], FORM["password"]).status_code == 303
    assert "/setup" not in server.visitor().browser.get("/").headers["location"]
    assert "founder\tadmin\tenabled" in server.run("user", "list")


def test_a_dropped_video_becomes_ready_and_plays_whole(shared_server: Server, ladder_clip: Path) -> None:
    person = shared_server.person("admin")
    video = person.upload(ladder_clip)
    ready = wait_until(lambda: _ready(person.look(video)), "ready")
    assert ready["title"] == "ladder"
    assert ready["visibility"] == "private"
    assert ready["playable"]
    assert ready["progress"] == 1.0
    assert (ready["width"], ready["height"]) == (640, 360)
    assert ready["duration_ms"] == pytest.approx(6000, abs=60)
    assert ready["renditions"] == ["360p", "240p"]

    master = ready["urls"]["master"]
    pictures = [decode(fetch(person.browser, uri)) for uri in video_playlists(person.browser, master)]
    assert [(picture.width, picture.height) for picture in pictures] == [(640, 360), (426, 240)]
    for picture in pictures:
        assert picture.frames == 150
        assert picture.duration_s == pytest.approx(6.0, abs=0.1)
    (sound,) = [fetch(person.browser, uri) for uri in audio_playlists(person.browser, master)]
    assert decode(sound).duration_s == pytest.approx(6.0, abs=0.1)
    assert sound.announced_s == pytest.approx(6.0, abs=0.1)
    assert person.browser.get(ready["urls"]["poster"]).content[:3] == b"\xff\xd8\xff"
    assert person.browser.get(ready["urls"]["original"]).content == ladder_clip.read_bytes()
    assert person.browser.get(ready["urls"]["watch"]).status_code == 200


def test_a_deleted_video_is_gone_at_once_and_its_bytes_soon(server: Server, ladder_clip: Path) -> None:
    person = server.person("admin", admin=True)
    video = person.upload(ladder_clip, visibility="public")
    wait_until(lambda: _ready(person.look(video)), "ready")
    wait_until(lambda: person.look(video)["urls"]["storyboard"], "its stills are made")
    wait_until(lambda: not server.files("spool"), "everything has settled")
    assert server.files("objects")
    urls = person.look(video)["urls"]
    known = [*urls.pop("mp4").values(), *urls.values(), f"{urls['watch']}/edit"]
    known += [f"/api/v1/videos/{video}", f"/api/v1/events?video={video}"]
    for uri in video_playlists(person.browser, urls["master"]):
        known += [uri, *fetch(person.browser, uri).segment_uris]
    assert person.api.delete(f"/api/v1/videos/{video}?now=true").status_code == 204
    for client in (person.api, person.browser, server.visitor().browser):
        assert {client.get(url).status_code for url in known} == {404}
    assert person.api.get("/api/v1/videos").json()["items"] == []
    assert person.api.delete(f"/api/v1/videos/{video}").status_code == 404
    wait_until(lambda: not server.files("objects") and not server.files("spool"), "no byte of it is left")


def _ready(body: dict[str, Any]) -> dict[str, Any] | None:
    assert body["state"] != "failed", body
    return body if body["state"] == "ready" else None
