"""Captions by API and by form: added, listed, replaced, deleted; what is no caption file is said."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.people import Person, csrf_of
from tests.server import Server, wait_until

SUBRIP = "1\n00:00:00,000 --> 00:00:01,500\nЖизнь <i>идёт</i>\n"


@pytest.fixture(scope="module")
def carl(shared_server: Server) -> Person:
    return shared_server.person("carl")


@pytest.fixture
def video(carl: Person, small_clip: Path) -> str:
    sent = carl.send(small_clip.read_bytes(), title="Captioned")
    wait_until(lambda: carl.look(sent)["state"] == "ready", "ready", within_s=60)
    return sent


def add(person: Person, video: str, data: bytes, **asked: str) -> httpx.Response:
    return person.api.post(f"/api/v1/videos/{video}/captions", params=asked, content=data)


def names(person: Person, video: str) -> list[str]:
    tracks: list[dict[str, Any]] = person.api.get(f"/api/v1/videos/{video}/captions").raise_for_status().json()
    assert tracks == person.look(video)["captions"]
    return [track["name"] for track in tracks]


def test_a_track_is_added_replaced_and_deleted(carl: Person, video: str) -> None:
    made = add(carl, video, SUBRIP.encode("cp1251"), language="rus")
    assert made.status_code == 201
    track = made.json()
    assert (track["name"], track["language"], track["label"], track["cues"]) == ("ru", "ru", "Russian", 1)
    assert track["origin"] == "upload"
    first = carl.api.get(track["url"])
    assert first.headers["Content-Type"] == "text/vtt; charset=utf-8"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert "Жизнь <i>идёт</i>" in first.text
    again = carl.api.get(track["url"], headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

    at = f"/api/v1/videos/{video}/captions"
    second = add(carl, video, SUBRIP.encode("utf-16"), language="ru", label=" For\tthe hard of hearing ").json()
    assert (second["name"], second["label"]) == ("ru-2", "For the hard of hearing")
    assert add(carl, video, SUBRIP.encode(), language="ru").json()["label"] == "Russian 2"
    replaced = carl.api.put(f"{at}/ru", content=b"WEBVTT\n\n00:00.000 --> 00:01.000\nA\n\n00:01.000 --> 00:02.000\nB\n")
    assert replaced.raise_for_status().json() == {**track, "cues": 2}
    changed = carl.api.get(track["url"], headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert "Жизнь" not in changed.text
    playlist = carl.api.get(track["url"].replace(".vtt", ".m3u8")).text
    assert "ru.vtt?v=2" in playlist

    assert names(carl, video) == ["ru", "ru-2", "ru-3"]
    assert carl.api.delete(f"{at}/ru").status_code == 204
    assert names(carl, video) == ["ru-2", "ru-3"]
    assert carl.api.get(track["url"]).status_code == 404
    for answer in (carl.api.delete(f"{at}/ru"), carl.api.put(f"{at}/ru", content=SUBRIP.encode())):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("data", "asked", "status", "field"),
    [
        (b"Dear Ada", {"language": "en"}, 400, "file"),
        (b"", {"language": "en"}, 400, "file"),
        (SUBRIP.encode(), {"language": "elvish tongue"}, 400, "language"),
        (SUBRIP.encode(), {"language": "en", "label": "x" * 81}, 400, "label"),
        (SUBRIP.encode(), {}, 400, None),
        (b" " * (3 << 20), {"language": "en"}, 413, None),
    ],
    ids=["no captions", "empty", "no such language", "long label", "no language", "too large"],
)
def test_what_cannot_be_taken_is_said(
    carl: Person, video: str, data: bytes, asked: dict[str, str], status: int, field: str | None
) -> None:
    answer = add(carl, video, data, **asked)
    assert answer.status_code == status, answer.text
    assert answer.json().get("field") == field
    assert names(carl, video) == []


def test_the_form_wants_its_token(carl: Person, video: str) -> None:
    page = carl.browser.get(f"/watch/{video}/edit").text
    at = f"/watch/{video}/captions"
    fields = {"language": "de", "label": "", "csrf_token": "x"}
    files = {"file": ("a.srt", SUBRIP.encode())}
    assert carl.browser.post(at, data=fields, files=files).status_code == 403
    fields["csrf_token"] = csrf_of(page)
    done = carl.browser.post(at, data=fields, files=files)
    assert (done.status_code, done.headers["Location"]) == (303, f"/watch/{video}/edit#captions")
    assert names(carl, video) == ["de"]
