"""Versions of a video: rotated, with another file, cut; what plays meanwhile, what stays, and what can be restored."""

from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip
from tests.people import PASSWORD, TUS, Person, csrf_of, upload_headers
from tests.server import Server, wait_until
from tests.system.player import decode, fetch, video_playlists

SUBRIP = b"1\n00:00:00,500 --> 00:00:03,500\nOver the cut\n\n2\n00:00:06,000 --> 00:00:07,000\nLater\n"


@pytest.fixture(scope="module")
def vera(shared_server: Server) -> Person:
    return shared_server.person("vera")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Eight seconds with a keyframe every second."""
    path = tmp_path_factory.mktemp("versions") / "film.mp4"
    return make_clip(path, duration_s=8, width=320, height=180, gop_s=1).read_bytes()


def ready(person: Person, video: str) -> dict[str, Any]:
    wait_until(lambda: person.look(video)["state"] == "ready", "it is ready", within_s=120)
    return person.look(video)


def versions(person: Person, video: str) -> dict[str, Any]:
    found: dict[str, Any] = person.api.get(f"/api/v1/videos/{video}/versions").raise_for_status().json()
    return found


def adopted(person: Person, video: str) -> dict[str, Any]:
    def is_over() -> bool:
        pending = versions(person, video)["pending"]
        assert pending is None or pending["failure"] is None, pending
        return pending is None

    wait_until(is_over, "the version took its place", within_s=120)
    return person.look(video)


def listed(person: Person) -> list[str]:
    items = person.api.get("/api/v1/videos", params={"owner": person.name, "limit": 100}).json()["items"]
    return [item["id"] for item in items]


def replacement(person: Person, video: str, data: bytes, name: str = "new.mp4") -> str:
    at = person.begin(len(data), filename=name, replaces=video)
    head = person.api.head(at, headers=TUS)
    assert head.headers["Streamtime-Video"] == video
    return at


def test_a_rotated_version_takes_the_place_and_the_original_stays(vera: Person, film: bytes) -> None:
    video = vera.send(film, title="Lying")
    before = ready(vera, video)
    assert (before["width"], before["height"]) == (320, 180)
    at = f"/api/v1/videos/{video}/rotate"
    assert vera.api.post(at, json={"degrees": 45}).status_code == 400
    count = len(listed(vera))
    assert vera.api.post(at, json={"degrees": 90}).raise_for_status().json()["pending"]["kind"] == "rotate"
    assert vera.api.post(at, json={"degrees": 90}).json()["code"] == "version_pending"
    assert len(listed(vera)) == count, "the version is hidden"
    after = adopted(vera, video)
    assert (after["width"], after["height"]) == (180, 320)
    assert versions(vera, video)["previous"] is None
    assert vera.api.get(f"/media/{video}/original").content == film
    tracks = [fetch(vera.api, uri) for uri in video_playlists(vera.api, after["urls"]["master"])]
    assert all(decode(track).height == 320 for track in tracks)
    wait_until(lambda: vera.look(video)["urls"]["storyboard"], "a new storyboard", within_s=60)
    vera.api.post(at, json={"degrees": 270}).raise_for_status()
    upright = adopted(vera, video)
    assert (upright["width"], upright["height"]) == (320, 180)
    vera.api.post(f"/api/v1/videos/{video}/retry", json={"everything": True}).raise_for_status()
    assert (ready(vera, video)["width"], vera.api.get(f"/media/{video}/original").content) == (320, film)


def test_another_file_takes_the_place_and_the_address_stays(
    shared_server: Server, vera: Person, film: bytes, small_clip: Path
) -> None:
    video = vera.send(film, title="Replaced", visibility="public")
    before = ready(vera, video)
    vera.api.post(f"/api/v1/videos/{video}/captions", params={"language": "en"}, content=SUBRIP).raise_for_status()
    vera.api.put(f"/api/v1/videos/{video}/position", json={"position_ms": 4000, "played_ms": 4000})
    other = shared_server.person("otto")
    refused = other.api.post("/api/v1/uploads", headers={**TUS, **upload_headers(5, replaces=video)})
    assert refused.status_code == 403
    data = small_clip.read_bytes()
    at = replacement(vera, video, data)
    assert vera.append(at, 0, data[:1000]).status_code == 204
    playing = vera.look(video)
    assert (playing["state"], playing["duration_ms"]) == ("ready", before["duration_ms"])
    assert versions(vera, video)["pending"]["state"] == "uploading"
    retry = vera.api.post(f"/api/v1/videos/{video}/retry", json={"everything": True})
    assert retry.json()["code"] == "version_pending"
    assert vera.append(at, 1000, data[1000:]).status_code == 204
    after = adopted(vera, video)
    assert after["duration_ms"] < before["duration_ms"]
    assert (after["id"], after["title"], after["filename"]) == (video, "Replaced", "new.mp4")
    assert vera.api.get(f"/media/{video}/original").content == data
    assert [track["language"] for track in after["captions"]] == ["en"], "what the owner added stays"
    previous = versions(vera, video)["previous"]
    assert previous["duration_ms"] == before["duration_ms"]
    assert previous["bytes"] > len(film)
    assert vera.api.post(f"/api/v1/videos/{video}/versions/previous/restore").status_code == 204
    restored = vera.look(video)
    assert (restored["duration_ms"], versions(vera, video)["previous"]) == (before["duration_ms"], None)
    assert vera.api.get(f"/media/{video}/original").content == film
    assert vera.server.client().get(restored["urls"]["master"]).status_code == 200


def test_a_file_that_is_no_video_changes_nothing(vera: Person, film: bytes) -> None:
    video = vera.send(film, title="Stays")
    before = ready(vera, video)
    at = replacement(vera, video, b"no film", "no.mp4")
    assert vera.append(at, 0, b"no film").status_code == 204
    wait_until(lambda: (versions(vera, video)["pending"] or {}).get("failure"), "it failed")
    assert vera.look(video)["urls"]["master"] == before["urls"]["master"]
    assert vera.api.delete(f"/api/v1/videos/{video}/versions/pending").status_code == 204
    assert versions(vera, video) == {"pending": None, "previous": None}
    assert vera.api.delete(f"/api/v1/videos/{video}/versions/pending").status_code == 404
    at = replacement(vera, video, b"12345")
    assert vera.api.delete(at, headers=TUS).status_code == 204
    assert versions(vera, video)["pending"] is None
    after = vera.look(video)
    assert {**after, "urls": None} == {**before, "urls": None}


def test_parts_become_a_new_video_without_encoding(vera: Person, film: bytes) -> None:
    video = vera.send(film, title="Long")
    ready(vera, video)
    vera.api.post(f"/api/v1/videos/{video}/captions", params={"language": "en"}, content=SUBRIP).raise_for_status()
    chapters = [{"start_ms": 0, "title": "One"}, {"start_ms": 5500, "title": "Two"}]
    vera.api.put(f"/api/v1/videos/{video}/chapters", json={"chapters": chapters}).raise_for_status()
    at = f"/api/v1/videos/{video}/cut"
    for parts in ([[2000, 1000]], [[0, 8000]], [[0, 2000], [1000, 3000]], [[9000, 9500]], [[0, 20]]):
        wanted = [{"start_ms": start, "end_ms": end} for start, end in parts]
        assert vera.api.post(at, json={"parts": wanted}).status_code == 400, parts
    wanted = [{"start_ms": 1100, "end_ms": 3000}, {"start_ms": 5000, "end_ms": 8000}]
    made = vera.api.post(at, json={"parts": wanted, "title": "Short"}).raise_for_status().json()["video"]
    assert made != video
    body = ready(vera, made)
    assert (body["title"], body["visibility"]) == ("Short", "private")
    assert abs(body["duration_ms"] - 5000) < 60, "from the keyframes at one and five seconds"
    assert [one["start_ms"] for one in body["chapters"]] == [0, 2500]
    text = vera.api.get(body["captions"][0]["url"]).text
    assert "00:00:00.000 --> 00:00:02.000\nOver the cut" in text
    assert "00:00:03.000 --> 00:00:04.000\nLater" in text
    assert vera.look(video)["duration_ms"] > 7000
    assert vera.api.get(f"/media/{made}/original").content != film


def test_a_cut_in_place_is_exact_and_can_be_undone(vera: Person, film: bytes) -> None:
    video = vera.send(film, title="In place")
    before = ready(vera, video)
    parts = [{"start_ms": 1240, "end_ms": 2480}, {"start_ms": 4520, "end_ms": 6000}]
    wanted = {"parts": parts, "mode": "exact", "target": "same"}
    answer = vera.api.post(f"/api/v1/videos/{video}/cut", json=wanted)
    assert (answer.status_code, answer.json()["video"]) == (202, video)
    after = adopted(vera, video)
    assert abs(after["duration_ms"] - 2720) <= 40
    assert versions(vera, video)["previous"]["duration_ms"] == before["duration_ms"]
    again = {"parts": [{"start_ms": 0, "end_ms": 1000}], "mode": "exact", "target": "same"}
    vera.api.post(f"/api/v1/videos/{video}/cut", json=again).raise_for_status()
    assert abs(adopted(vera, video)["duration_ms"] - 1000) <= 40
    assert versions(vera, video)["previous"]["duration_ms"] == before["duration_ms"], "still the one before all cuts"
    assert vera.api.post(f"/api/v1/videos/{video}/versions/previous/restore").status_code == 204
    assert vera.look(video)["duration_ms"] == before["duration_ms"]
    assert vera.api.get(f"/media/{video}/original").content == film


def test_the_trash_takes_the_previous_version_with_it(vera: Person, film: bytes, small_clip: Path) -> None:
    video = vera.send(film, title="Binned")
    ready(vera, video)
    data = small_clip.read_bytes() + bytes(12)
    at = replacement(vera, video, data)
    assert vera.append(at, 0, data).status_code == 204
    adopted(vera, video)
    pending = replacement(vera, video, b"12345")
    vera.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert vera.api.head(pending, headers=TUS).status_code == 404, "what was being prepared is cancelled"
    vera.api.post(f"/api/v1/videos/{video}/restore").raise_for_status()
    found = versions(vera, video)
    assert (found["pending"], found["previous"]["replaced_file"]) == (None, "video")
    vera.api.delete(f"/api/v1/videos/{video}", params={"now": "true"}).raise_for_status()
    assert vera.api.get(f"/api/v1/videos/{video}/versions").status_code == 404


def test_an_account_is_deleted_with_all_versions(shared_server: Server, vera: Person, film: bytes) -> None:
    gone = shared_server.person("gone")
    video = gone.send(film + bytes(12), title="Gone")
    ready(gone, video)
    wanted = {"parts": [{"start_ms": 0, "end_ms": 2000}], "target": "same"}
    gone.api.post(f"/api/v1/videos/{video}/cut", json=wanted).raise_for_status()
    adopted(gone, video)
    page = gone.browser.get("/settings/account").text
    form = {"csrf_token": csrf_of(page), "password": PASSWORD, "name": "gone"}
    assert gone.browser.post("/settings/account", data=form).status_code in {200, 303}
    assert vera.api.get("/api/v1/videos", params={"owner": "gone"}).json()["items"] == []
