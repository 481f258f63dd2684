"""The originals of several videos as one ZIP archive."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, running_server

DOWNLOAD = "/api/v1/videos/download"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as started:
        yield started


def download(person: Person, *videos: str) -> zipfile.ZipFile:
    answer = person.api.post(DOWNLOAD, json={"videos": videos}).raise_for_status()
    assert answer.headers["Content-Type"] == "application/zip"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def test_originals_are_in_one_archive_under_their_names(server: Server, clips: Path) -> None:
    ann, bob, admin = server.person("ann"), server.person("bob"), server.person("root", admin=True)
    film = make_clip(clips / "archive.mp4", duration_s=1, width=160, height=90, fps=10).read_bytes()
    broken = b"No film at all. " * 70_000  # longer than one piece that is read
    first = ann.send(film, filename="Ällerlei.mp4", visibility="public")
    second = ann.send(broken, filename="ällerlei.MP4")
    third = ann.send(b"x", filename="../.secret")
    archive = download(ann, second, first, third)
    assert archive.namelist() == ["ällerlei.MP4", "Ällerlei (2).mp4", "secret"]
    assert archive.read("ällerlei.MP4") == broken
    assert archive.read("Ällerlei (2).mp4") == film
    assert download(admin, first).namelist() == ["Ällerlei.mp4"]

    assert bob.api.post(DOWNLOAD, json={"videos": [first]}).status_code == 404, "he may only watch it"
    assert server.visitor().api.post(DOWNLOAD, json={"videos": [first]}).status_code == 401
    assert ann.api.post(DOWNLOAD, json={"videos": [first, "nothing"]}).status_code == 404
    assert ann.api.post(DOWNLOAD, json={"videos": []}).status_code == 400
    assert ann.api.post(DOWNLOAD, json={"videos": ["a"] * 101}).status_code == 400
    form = {"videos": [first, second]}
    answer = ann.browser.post("/library/download", data=form, headers=ann.csrf()).raise_for_status()
    assert len(zipfile.ZipFile(io.BytesIO(answer.content)).namelist()) == 2
    answer = ann.browser.post("/library/download", data={"all": "yes"}, headers=ann.csrf()).raise_for_status()
    assert len(zipfile.ZipFile(io.BytesIO(answer.content)).namelist()) == 3


def test_an_unfinished_upload_is_named_as_left_out(server: Server) -> None:
    carl = server.person("carl")
    begun = carl.begin(1000, filename="begun.mp4")
    unfinished = carl.api.head(begun, headers={"Tus-Resumable": "1.0.0"}).headers["Streamtime-Video"]
    whole = carl.send(b"whole", filename="whole.mp4")
    archive = download(carl, unfinished, whole)
    assert archive.namelist() == ["whole.mp4", "not in this archive.txt"]
    assert "begun" in archive.read("not in this archive.txt").decode()
    assert carl.api.post(DOWNLOAD, json={"videos": [unfinished]}).json()["code"] == "no_original"
