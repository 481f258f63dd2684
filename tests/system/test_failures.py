"""Files that cannot be played, or not to their end: said in plain words, and nobody else is harmed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip, truncate_clip
from tests.people import BYTES, TUS, UPLOADS, Person, upload_headers
from tests.server import Server, resident_bytes, wait_until
from tests.system.player import decode, fetch, video_playlists

MIB = 2**20
JARGON = ("Traceback", "Error", "errno", "avcodec", "Invalid data", "None", "0x", "/")


@pytest.fixture
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


def ended(person: Person, video: str) -> dict[str, Any]:
    """The video once nothing more happens to it by itself."""

    def look() -> dict[str, Any] | None:
        body = person.look(video)
        return body if body["state"] in {"ready", "failed"} else None

    return wait_until(look, "ready or failed")


def check_failed(body: dict[str, Any]) -> None:
    assert body["state"] == "failed"
    assert not body["playable"]
    assert body["stage"] == ""
    message = body["failure"]["message"]
    assert 15 < len(message) < 200
    assert message.endswith(".")
    assert not [word for word in JARGON if word in message], message


@pytest.mark.parametrize(
    "data",
    [
        b"This is a letter, no film.\n" * 100,
        b"x",
        bytes(10_000),
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x1aE\xdf\xa3" + b"\xff" * 500,
    ],
    ids=["text", "a byte", "zeros", "only a head", "a playlist", "a list of files", "broken mkv"],
)
def test_what_is_no_video_fails_in_plain_words(ann: Person, data: bytes) -> None:
    video = ann.send(data, filename="holiday.mp4")
    check_failed(ended(ann, video))
    page = ann.browser.get(f"/watch/{video}")
    assert page.status_code == 200
    assert ann.look(video)["failure"]["message"].split("'")[0][:20] in page.text
    assert ann.api.get(f"/media/{video}/original").content == data
    assert ann.api.get(f"/media/{video}/master.m3u8").status_code == 404


def test_random_bytes_after_a_good_head_fail_or_play_but_harm_nobody(
    ann: Person, shared_server: Server, small_clip: Path
) -> None:
    data = small_clip.read_bytes()
    videos = [ann.send(data[:kept] + os.urandom(len(data) - kept)) for kept in (100, len(data) // 2, len(data) - 3000)]
    for video in videos:
        ended(ann, video)
    assert shared_server.visitor().api.get("/readyz").status_code == 200
    assert ended(ann, ann.upload(small_clip))["state"] == "ready"


def test_a_film_without_its_end_and_index_fails(ann: Person, small_clip: Path, tmp_path: Path) -> None:
    check_failed(ended(ann, ann.upload(truncate_clip(small_clip, 0.6, tmp_path / "cut.mp4"))))


def test_a_film_that_breaks_off_plays_to_there(ann: Person, clips: Path, tmp_path: Path) -> None:
    whole = make_clip(clips / "stream.ts", duration_s=6, width=320, height=180, gop_s=1)
    body = ended(ann, ann.upload(truncate_clip(whole, 0.5, tmp_path / "cut.ts")))
    assert (body["state"], body["playable"]) == ("ready", True)
    decoded = decode(fetch(ann.api, video_playlists(ann.api, body["urls"]["master"])[0]))
    assert 1.5 < decoded.duration_s < 4.5
    assert body["duration_ms"] == pytest.approx(decoded.duration_s * 1000, abs=250)


def test_a_film_that_breaks_off_says_so(ann: Person, clips: Path, tmp_path: Path) -> None:
    whole = make_clip(clips / "whole.mkv", duration_s=6, width=640, height=360, gop_s=1)
    body = ended(ann, ann.upload(truncate_clip(whole, 0.5, tmp_path / "cut.mkv")))
    assert (body["state"], body["playable"]) == ("ready", True)
    assert body["damaged_after_ms"] == pytest.approx(body["duration_ms"], abs=250)
    assert 1500 < body["duration_ms"] < 4500
    page = ann.browser.get(f"/watch/{body['id']}").text
    assert "The file is damaged: nothing after 0:0" in page
    sound = ann.upload(make_clip(clips / "sound.mkv", duration_s=1, width=320, height=180))
    assert ended(ann, sound)["damaged_after_ms"] is None
    assert "data-damaged" not in ann.browser.get(f"/watch/{sound}").text


def test_a_failed_video_can_be_tried_again(ann: Person) -> None:
    video = ann.send(b"no video at all", title="Again")
    check_failed(ended(ann, video))
    answer = ann.api.post(f"/api/v1/videos/{video}/retry")
    assert answer.status_code == 202
    assert answer.json()["state"] in {"queued", "processing"}
    assert answer.json()["failure"] is None
    check_failed(ended(ann, video))


def test_only_a_failed_video_can_be_tried_again(ann: Person, small_clip: Path) -> None:
    arriving = ann.api.head(ann.begin(10), headers=TUS).headers["Streamtime-Video"]
    ready = ann.upload(small_clip)
    assert ended(ann, ready)["state"] == "ready"
    for video in (arriving, ready):
        answer = ann.api.post(f"/api/v1/videos/{video}/retry")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_memory_stays_flat_under_a_large_upload(server: Server) -> None:
    person = server.person("ann")
    ended(person, person.send(b"what is loaded once is loaded before"))
    before = resident_bytes(server.pid)
    length = 256 * MIB
    piece = os.urandom(MIB)

    def body() -> Iterator[bytes]:
        for _ in range(length // MIB):
            yield piece

    headers = {**TUS, **BYTES, **upload_headers(length), "Content-Length": str(length)}
    begun = person.api.post(UPLOADS, headers=headers, content=body(), timeout=600)
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, str(length))
    assert ended(person, begun.headers["Streamtime-Video"])["state"] == "failed"
    assert resident_bytes(server.pid, "VmHWM") - before < 32 * MIB
