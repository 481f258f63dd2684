"""The recording date, chapters by hand, and a poster of one's own: by API and by form, kept when prepared again."""

from pathlib import Path

import pytest

from tests.clips import run_ffmpeg
from tests.images import SECRET, exif, jpeg_with, make_picture
from tests.people import Person, csrf_of
from tests.server import Server, wait_until


@pytest.fixture(scope="module")
def eda(shared_server: Server) -> Person:
    return shared_server.person("eda")


def ready(person: Person, video: str) -> dict[str, object]:
    wait_until(lambda: person.look(video)["state"] == "ready", "it is ready", within_s=60)
    return person.look(video)


def again(person: Person, video: str) -> dict[str, object]:
    """The video after it was prepared again."""
    person.api.post(f"/api/v1/videos/{video}/retry", json={"everything": True}).raise_for_status()
    return ready(person, video)


def press(person: Person, video: str, form: str, **fields: object) -> int:
    page = person.browser.get(f"/watch/{video}/edit").text
    data = {"csrf_token": csrf_of(page), **{name: text for name, text in fields.items() if isinstance(text, str)}}
    files = {name: ("a.jpg", each) for name, each in fields.items() if isinstance(each, bytes)}
    return person.browser.post(f"/watch/{video}/{form}", data=data, files=files or None).status_code


def dated(path: Path, small_clip: Path, *metadata: str) -> bytes:
    extra = [word for each in metadata for word in ("-metadata", each)]
    run_ffmpeg("-i", str(small_clip), "-c", "copy", "-movflags", "use_metadata_tags", *extra, str(path))
    return path.read_bytes()


def test_the_recording_date_comes_from_the_file_until_someone_sets_it(
    eda: Person, small_clip: Path, tmp_path: Path
) -> None:
    apple = (
        "com.apple.quicktime.creationdate=2019-07-14T23:30:00-0400",
        "creation_time=2019-07-15T03:30:00Z",
        "com.apple.quicktime.location.ISO6709=+48.8577+002.295/",
    )
    phone = eda.send(dated(tmp_path / "phone.mov", small_clip, *apple), filename="phone.mov", visibility="public")
    plain = eda.send(
        dated(tmp_path / "b.mkv", small_clip, "creation_time=2012-02-03T04:05:06Z"), filename="b.mkv", title="b"
    )
    unset = eda.send(
        dated(tmp_path / "c.mp4", small_clip, "creation_time=1970-01-01T00:00:00Z"), filename="c.mp4", title="c"
    )
    assert ready(eda, phone)["recorded_at"] == "2019-07-14T23:30:00-04:00"
    assert ready(eda, plain)["recorded_at"] == "2012-02-03T04:05:06Z"
    assert ready(eda, unset)["recorded_at"] is None
    page = eda.browser.get(f"/watch/{phone}").text
    assert ">14 July 2019<" in page
    assert "48.85" not in page
    assert 'value="2019-07-14"' in eda.browser.get(f"/watch/{phone}/edit").text
    assert press(eda, phone, "edit", title="P", visibility="public", recorded_at="2019-07-14") == 303
    assert eda.look(phone)["recorded_at"] == "2019-07-14T23:30:00-04:00", "the same day keeps its time"
    eda.change(unset, recorded_at="1961-08-13")
    eda.change(plain, recorded_at="")
    assert again(eda, unset)["recorded_at"] == "1961-08-13T00:00:00Z"
    assert again(eda, plain)["recorded_at"] is None, "the date in the file was removed by hand"
    for words in ("2999-01-01", "1492-10-12", "soon"):
        answer = eda.api.patch(f"/api/v1/videos/{unset}", json={"recorded_at": words})
        assert (answer.status_code, answer.json()["field"]) == (400, "recorded_at")

    def order(sort: str) -> list[str]:
        found: list[str] = []
        asked: dict[str, str] | None = {"owner": "eda", "sort": sort, "limit": "1"}
        while asked:
            page = eda.api.get("/api/v1/videos", params=asked).raise_for_status().json()
            found += [item["id"] for item in page["items"]]
            asked = {**asked, "cursor": page["next"]} if page["next"] else None
        return [video for video in found if video in {phone, plain, unset}]

    assert order("recorded") == [plain, phone, unset], "without a date by the time of the upload"
    assert order("recorded_first") == [unset, phone, plain]


def test_chapters_by_hand_are_kept_found_and_taken_back(eda: Person, small_clip: Path, tmp_path: Path) -> None:
    notes = tmp_path / "chapters.txt"
    notes.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=Of the file\n")
    path = tmp_path / "c.mkv"
    run_ffmpeg("-i", str(small_clip), "-i", str(notes), "-map_metadata", "1", "-c", "copy", str(path))
    video = eda.send(path.read_bytes(), filename="chaptered.mkv")
    ready(eda, video)
    at = f"/api/v1/videos/{video}/chapters"
    assert [chapter["title"] for chapter in eda.api.get(at).json()] == ["Of the file"]
    wanted = [{"start_ms": 1500, "title": "Quincunx"}, {"start_ms": 0, "title": "Begin"}]
    made = eda.api.put(at, json={"chapters": wanted}).raise_for_status().json()
    duration = eda.look(video)["duration_ms"]
    assert [(one["start_ms"], one["end_ms"], one["title"]) for one in made] == [
        (0, 1500, "Begin"),
        (1500, duration, "Quincunx"),
    ]
    assert again(eda, video)["chapters"] == made
    found = eda.api.get("/api/v1/search", params={"q": "quincunx"}).json()["items"]
    assert [match["at_ms"] for match in found[0]["matches"]] == [1500]
    assert "0:01.5 Quincunx" in eda.browser.get(f"/watch/{video}/edit").text
    assert press(eda, video, "chapters", chapters="0:00 One\n0:01 <i>Two</i>") == 303
    assert [one["title"] for one in eda.look(video)["chapters"]] == ["One", "<i>Two</i>"]
    assert press(eda, video, "chapters", chapters="0:00 One\nno time") == 400
    assert eda.api.put(at, json={"chapters": [{"start_ms": 99_000, "title": "late"}]}).status_code == 400
    assert press(eda, video, "chapters", restore="yes") == 303
    assert [one["title"] for one in eda.look(video)["chapters"]] == ["Of the file"]
    eda.api.put(at, json={"chapters": []}).raise_for_status()
    assert eda.look(video)["chapters"] == []
    assert eda.api.delete(at).status_code == 204
    assert [one["title"] for one in eda.look(video)["chapters"]] == ["Of the file"]


def test_an_uploaded_poster_stays_until_another_is_chosen(eda: Person, small_clip: Path, tmp_path: Path) -> None:
    video = eda.send(small_clip.read_bytes(), title="Posed")
    ready(eda, video)
    picture = jpeg_with(make_picture(tmp_path / "a.jpg"), exif(6))
    assert SECRET in picture
    at = f"/api/v1/videos/{video}/poster"
    eda.change(video, poster_ms=500)
    url = eda.api.put(at, content=picture).raise_for_status().json()["url"]
    poster = eda.api.get(url).raise_for_status().content
    assert poster.startswith(b"\xff\xd8\xff")
    assert SECRET not in poster
    body = eda.look(video)
    assert (body["urls"]["poster"], body["poster_ms"]) == (url, None)
    assert eda.api.get(again(eda, video)["urls"]["poster"]).content == poster  # type: ignore[index]  # a dictionary
    assert press(eda, video, "poster", picture=make_picture(tmp_path / "b.png")) == 303
    assert eda.look(video)["urls"]["poster"] != url
    assert press(eda, video, "poster", picture=b"no picture") == 400
    assert eda.api.put(at, content=b"x" * 10_100_000).status_code == 413
    before = eda.look(video)["urls"]["poster"]
    eda.change(video, poster_ms=1000)
    wait_until(lambda: eda.look(video)["urls"]["poster"] != before, "the chosen moment is the poster")
    headers = {"Tus-Resumable": "1.0.0"}
    early = eda.api.head(eda.begin(5, filename="x.mp4"), headers=headers).headers["Streamtime-Video"]
    chapters = {"chapters": [{"start_ms": 0, "title": "a"}]}
    assert eda.api.put(f"/api/v1/videos/{early}/poster", content=picture).status_code == 409
    assert eda.api.put(f"/api/v1/videos/{early}/chapters", json=chapters).status_code == 409
