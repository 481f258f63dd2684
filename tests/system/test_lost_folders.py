"""Folders that go away beneath a running server: it says which one, and goes on when the folder is back."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.people import TUS, UPLOADS, Person, upload_headers
from tests.server import Server, wait_until

LENGTH = 300_000


@pytest.fixture
def data() -> bytes:
    return os.urandom(LENGTH)


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Without the folder, as if its disk were not mounted."""
    other = folder.with_name(f"{folder.name}.away")
    folder.rename(other)
    try:
        yield
    finally:
        other.rename(folder)


def create(person: Person, **headers: str) -> httpx.Response:
    return person.api.post(UPLOADS, headers={**TUS, **upload_headers(LENGTH, filename="x.bin"), **headers})


def ready(server: Server) -> tuple[int, dict[str, str]]:
    answer = server.visitor().api.get("/readyz")
    return answer.status_code, answer.json()


def assert_refused(answer: httpx.Response, name: str, server: Server) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert f"The folder {name}" in answer.json()["detail"]
    assert str(server.folder) not in answer.text


def test_without_the_spool_uploads_wait(server: Server, data: bytes) -> None:
    ann, spool = server.person("ann"), server.data_dir / "spool"
    drop = {"Streamtime-Drop": ann.api.post("/api/v1/drops", json={}).raise_for_status().json()["id"]}
    at, fresh = ann.begin(LENGTH, filename="x.bin"), ann.begin(LENGTH, filename="y.bin")
    assert ann.append(at, 0, data[:1000]).status_code == 204
    with away(spool):
        assert_refused(create(ann), "spool", server)
        assert_refused(create(server.visitor(), **drop), "spool", server)
        for place, offset in ((at, 1000), (fresh, 0)):
            assert_refused(ann.append(place, offset, data[offset:]), "spool", server)
        assert ann.api.get("/api/v1/upload-config").status_code == 503
        status, parts = ready(server)
        assert status == 503
        assert "The folder spool" in parts["spool"]
        assert str(server.folder) not in str(parts)
        assert server.visitor().api.get("/healthz").status_code == 200
        assert ann.browser.get("/library").status_code == 200
    assert ready(server)[0] == 200
    assert ann.append(at, 1000, data[1000:]).status_code == 204
    assert ann.append(fresh, 0, data).status_code == 204
    video = ann.api.head(at, headers=TUS).headers["Streamtime-Video"]
    assert ann.api.get(f"/media/{video}/original").content == data


def test_a_spool_made_anew_takes_uploads_from_their_beginning(server: Server, data: bytes) -> None:
    ann, spool = server.person("ann"), server.data_dir / "spool"
    at = ann.begin(LENGTH, filename="x.bin")
    assert ann.append(at, 0, data[:1000]).status_code == 204
    shutil.rmtree(spool)
    assert_refused(create(ann), "spool", server)
    spool.mkdir()
    assert create(ann).status_code == 201
    lost = ann.append(at, 1000, data[1000:])
    assert (lost.status_code, lost.json()["code"]) == (409, "offset_mismatch")
    assert ann.offset(at) == 0
    assert ann.append(at, 0, data).status_code == 204
    video = ann.api.head(at, headers=TUS).headers["Streamtime-Video"]
    assert ann.api.get(f"/media/{video}/original").content == data


def test_a_file_in_the_place_of_the_spool_is_no_spool(server: Server, data: bytes) -> None:
    ann, spool = server.person("ann"), server.data_dir / "spool"
    at = ann.begin(LENGTH, filename="x.bin")
    with away(spool):
        spool.write_text("no folder")
        assert_refused(create(ann), "spool", server)
        assert_refused(ann.append(at, 0, data), "spool", server)
        assert "The folder spool" in ready(server)[1]["spool"]
        spool.unlink()
    assert ann.append(at, 0, data).status_code == 204


def test_without_the_data_directory_uploads_wait(server: Server) -> None:
    ann = server.person("ann")
    assert create(ann).status_code == 201
    with away(server.data_dir):
        assert_refused(create(ann), "data", server)
        status, parts = ready(server)
        assert status == 503
        assert "The folder data" in parts["spool"]
        assert str(server.folder) not in str(parts)
    wait_until(lambda: ready(server)[0] == 200, "it is well again")
    assert create(ann).status_code == 201


def test_without_the_objects_media_say_that_the_store_is_away(server: Server, small_clip: Path) -> None:
    ann = server.person("ann")
    video = ann.upload(small_clip)
    wait_until(lambda: ann.look(video)["state"] == "ready" and not server.files("spool"), "ready and settled")
    objects = server.data_dir / "objects"
    with away(objects):
        assert_refused(ann.api.get(f"/media/{video}/original"), "objects", server)
        status, parts = ready(server)
        assert status == 503
        assert "The folder objects" in parts["storage"]
        assert str(server.folder) not in str(parts)
    assert ready(server)[0] == 200
    assert ann.api.get(f"/media/{video}/original").content == small_clip.read_bytes()


def test_a_store_made_anew_takes_videos(server: Server, small_clip: Path) -> None:
    ann, objects = server.person("ann"), server.data_dir / "objects"
    shutil.rmtree(objects)
    sent = ann.upload(small_clip)
    objects.mkdir()
    wait_until(lambda: ann.look(sent)["state"] == "ready" and not server.files("spool"), "ready and settled")
    assert ready(server)[0] == 200
