"""What a video is called at first: as its file calls itself, else by the file's name; a person's word counts more."""

from pathlib import Path

import pytest

from tests.clips import run_ffmpeg
from tests.people import Person
from tests.server import Server, wait_until


@pytest.fixture(scope="module")
def tina(shared_server: Server) -> Person:
    return shared_server.person("tina")


def ready(person: Person, video: str) -> dict[str, object]:
    wait_until(lambda: person.look(video)["state"] == "ready", "it is ready")
    return person.look(video)


def titled(path: Path, title: str, small_clip: Path) -> bytes:
    run_ffmpeg("-i", str(small_clip), "-c", "copy", "-metadata", f"title={title}", str(path))
    return path.read_bytes()


def test_a_title_in_the_file_is_taken_and_the_name_is_kept(tina: Person, small_clip: Path, tmp_path: Path) -> None:
    name = "The.Mountain.2024.1080p.WEB-DL.x264-GROUP"
    for ending in ("mp4", "mkv"):
        data = titled(tmp_path / f"a.{ending}", " The <i>Mountain</i>\u202e\n & more ", small_clip)
        video = tina.send(data, filename=f"{name}.{ending}")
        assert tina.look(video)["title"] == "The Mountain (2024)"
        body = ready(tina, video)
        assert (body["title"], body["filename"]) == ("The <i>Mountain</i> & more", f"{name}.{ending}")
        page = tina.browser.get(f"/watch/{video}").text
        assert "The &lt;i&gt;Mountain&lt;/i&gt; &amp; more" in page
        assert name in page
        found = tina.api.get("/api/v1/videos", params={"scope": "mine", "q": f"web-dl.x264-group.{ending}"}).json()
        assert [item["id"] for item in found["items"]] == [video]


def test_what_a_person_says_is_never_overwritten(tina: Person, small_clip: Path, tmp_path: Path) -> None:
    data = titled(tmp_path / "b.mp4", "Embedded", small_clip)
    assert ready(tina, tina.send(data, filename="b.mp4", title="b"))["title"] == "b"
    at = tina.begin(len(data), filename="c.mp4")
    video = tina.api.head(at, headers={"Tus-Resumable": "1.0.0"}).headers["Streamtime-Video"]
    tina.change(video, title="Mine")
    assert tina.append(at, 0, data).status_code == 204
    assert ready(tina, video)["title"] == "Mine"


def test_words_in_another_encoding_are_no_reason_to_refuse(tina: Person, tmp_path: Path) -> None:
    path = tmp_path / "old.avi"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=12", "-t", "1", "-c:v", "mpeg4")
    run_ffmpeg(*picture, "-metadata", "title=Caf#1998 in Rom", str(path))
    assert b"Caf#" in path.read_bytes()
    video = tina.send(path.read_bytes().replace(b"Caf#", b"Caf\xe9"), filename="old.avi")
    assert ready(tina, video)["title"] == "Caf\N{REPLACEMENT CHARACTER}1998 in Rom"


def test_a_stranger_learns_and_finds_nothing_of_the_name(tina: Person, small_clip: Path, tmp_path: Path) -> None:
    data = titled(tmp_path / "d.mp4", "Shown to all", small_clip)
    video = tina.send(data, filename="quiet-secret-name.mp4", visibility="public")
    ready(tina, video)
    visitor = tina.server.client()
    assert visitor.get(f"/api/v1/videos/{video}").json()["filename"] is None
    assert "quiet-secret-name" not in visitor.get(f"/watch/{video}").text
    assert visitor.get("/api/v1/videos", params={"q": "quiet-secret"}).json()["items"] == []
