"""Ready means that it plays, on every way there, whatever has become of what was made.

The database is changed by hand where no fault that is known leads there any more.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from streamtime.hls.segment_index import Segment, SegmentIndex
from tests.clips import make_clip
from tests.hls.checker import check
from tests.people import Person
from tests.server import Server, wait_until

Spoil = Callable[[bytes], bytes | None]

EMPTY = SegmentIndex(90_000, 800, ()).to_blob()


def timeless(blob: bytes) -> bytes:
    """The same index with segments that last no time."""
    index = SegmentIndex.from_blob(blob)
    segments = tuple(Segment(s.part, s.offset, s.length, 0, s.keyframe_length) for s in index.segments)
    return SegmentIndex(index.timescale, index.init_length, segments).to_blob()


def too_much(blob: bytes) -> bytes:
    """The same index with a segment of which no byte is stored."""
    index = SegmentIndex.from_blob(blob)
    more = Segment(0, index.bytes_total, 1000, index.timescale)
    return SegmentIndex(index.timescale, index.init_length, (*index.segments, more)).to_blob()


SPOILT: dict[str, Spoil] = {
    "empty": lambda _: EMPTY,
    "gone": lambda _: None,
    "garbage": lambda blob: blob[:30] + b"?" + blob[31:],
    "timeless": timeless,
    "too much": too_much,
}


def spoil(server: Server, video: str, how: str, *, origin: str = "%") -> int:
    """Change the index of the whole pictures of a video that are of that origin, and tell how many there were."""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db", timeout=30)) as database, database:
        query = (
            "SELECT r.id, r.segment_index FROM renditions r JOIN videos v ON r.video_id = v.id WHERE v.public_id = ? "
            "AND r.kind = 'video' AND r.state = 'whole' AND r.origin LIKE ?"
        )
        found = database.execute(query, (video, origin)).fetchall()
        for row, blob in found:
            database.execute("UPDATE renditions SET segment_index = ? WHERE id = ?", (SPOILT[how](blob), row))
        return len(found)


SPOILING = """
CREATE TRIGGER spoil AFTER UPDATE OF state ON renditions WHEN NEW.state = 'whole' AND NEW.kind = 'video'
BEGIN
    UPDATE renditions SET segment_index = (SELECT instead FROM spoilt)
    WHERE id = NEW.id AND origin LIKE (SELECT origin FROM spoilt);
END
"""


@contextmanager
def spoiling(server: Server, *, origin: str = "%") -> Iterator[None]:
    """Have the database itself empty the index of each picture of that origin the moment it is whole."""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db", timeout=30)) as database:
        with database:
            database.execute("CREATE TABLE spoilt (origin TEXT, instead BLOB)")
            database.execute("INSERT INTO spoilt VALUES (?, ?)", (origin, EMPTY))
            database.execute(SPOILING)
        yield
        with database:
            database.execute("DROP TRIGGER spoil")
            database.execute("DROP TABLE spoilt")


def ended(person: Person, video: str) -> dict[str, Any]:
    """The video once nothing more happens to it by itself."""

    def look() -> dict[str, Any] | None:
        body = person.look(video)
        return body if body["state"] in {"ready", "failed"} else None

    return wait_until(look, "ready or failed")


def assert_plays(person: Person, video: str) -> dict[str, Any]:
    """It is ready and what its playlist names plays."""
    body = ended(person, video)
    assert (body["state"], body["playable"]) == ("ready", True), body
    assert list(map(str, check(person.api, body["urls"]["master"]))) == []
    return body


def assert_failed(person: Person, video: str) -> None:
    """It says that it does not play, and why."""
    body = ended(person, video)
    assert (body["state"], body["playable"]) == ("failed", False)
    words = "This video has no rendition that plays."
    assert body["failure"] == {"code": "unplayable", "message": words, "final": False}


def retry(person: Person, video: str) -> None:
    assert person.api.post(f"/api/v1/videos/{video}/retry").status_code == 202


@pytest.fixture(scope="session")
def mpeg4_clip(clips: Path) -> Path:
    """Nothing of its picture can be copied."""
    return make_clip(clips / "first-rung.mkv", duration_s=4, width=320, height=180, video="mpeg4")


@pytest.fixture
def person(server: Server) -> Person:
    return server.person("ann")


def test_a_ready_video_without_a_picture_has_failed_after_a_restart_and_can_be_tried_again(
    server: Server, person: Person, small_clip: Path
) -> None:
    videos = {how: person.upload(small_clip) for how in ("empty", "gone")}
    for video in videos.values():
        assert_plays(person, video)
    server.kill()
    assert [spoil(server, video, how) for how, video in videos.items()] == [1, 1]
    server.start()
    for video in videos.values():
        assert_failed(person, video)
        retry(person, video)
    for video in videos.values():
        assert_plays(person, video)


def test_what_comes_back_from_the_bin_plays_or_has_failed(server: Server, person: Person, small_clip: Path) -> None:
    videos = {how: person.upload(small_clip) for how in SPOILT}
    for how, video in videos.items():
        assert_plays(person, video)
        assert person.api.delete(f"/api/v1/videos/{video}").status_code == 204
        assert spoil(server, video, how) == 1
        assert person.api.post(f"/api/v1/videos/{video}/restore").status_code < 300
        assert_failed(person, video)
        retry(person, video)
    for video in videos.values():
        assert_plays(person, video)


@pytest.mark.parametrize("how", ["garbage", "timeless"])
def test_a_copy_that_is_spoilt_while_the_ladder_waits_is_not_built_upon(
    server: Server, person: Person, ladder_clip: Path, how: str
) -> None:
    video = person.upload(ladder_clip)
    wait_until(lambda: spoil(server, video, how, origin="copy"), "the copy is whole")
    server.kill()
    server.start()
    assert_plays(person, video)


def test_a_spoilt_rung_is_made_anew(server: Server, person: Person, ladder_clip: Path) -> None:
    video = person.upload(ladder_clip)
    before = assert_plays(person, video)
    assert spoil(server, video, "timeless", origin="encode")
    assert person.api.post(f"/api/v1/videos/{video}/retry", json={"everything": True}).status_code == 202
    assert assert_plays(person, video)["renditions"] == before["renditions"]


def test_sound_of_which_nothing_comes_does_not_keep_a_video_from_being_played(person: Person, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.ts", duration_s=4, width=320, height=180, audio="ac3", audio_delay_s=3.9)
    with av.open(source) as container:
        starts = [packet.pos for packet in container.demux(container.streams.video[0]) if packet.pos]
    video = person.send(source.read_bytes()[: starts[75]], filename="clip.ts")
    assert_plays(person, video)


def test_a_video_that_stops_playing_in_a_run_says_so(server: Server, person: Person, small_clip: Path) -> None:
    """Whichever is asked first: the API, the playlist or the page."""
    ask: dict[str, Callable[[str], int]] = {
        "garbage": lambda video: person.api.get(f"/media/{video}/master.m3u8").status_code,
        "timeless": lambda video: person.api.get(f"/api/v1/videos/{video}").status_code,
        "empty": lambda video: person.browser.get(f"/watch/{video}").status_code,
    }
    videos = {how: person.upload(small_clip) for how in ask}
    for video in videos.values():
        assert_plays(person, video)
    assert [spoil(server, video, how) for how, video in videos.items()] == [1, 1, 1]
    # What is in memory plays on until anything changes anywhere.
    assert person.api.patch(f"/api/v1/videos/{videos['empty']}", json={"visibility": "public"}).status_code == 200
    assert [ask[how](video) for how, video in videos.items()] == [404, 200, 200]
    for video in videos.values():
        assert_failed(person, video)
        assert person.api.get(f"/media/{video}/master.m3u8").status_code == 404
        retry(person, video)
    for video in videos.values():
        assert_plays(person, video)


def test_nothing_is_ready_whose_index_is_spoilt_as_it_is_made(
    server: Server, person: Person, small_clip: Path, ladder_clip: Path, mpeg4_clip: Path
) -> None:
    """The end of the copy, of the first rung, and of the ladder; then tried again."""
    with spoiling(server):
        videos = [person.upload(clip) for clip in (small_clip, ladder_clip, mpeg4_clip)]
        for video in videos:
            assert_failed(person, video)
            assert person.api.get(f"/media/{video}/master.m3u8").status_code == 404
    for video in videos:
        retry(person, video)
    for video in videos:
        assert_plays(person, video)


def test_what_cannot_be_copied_is_encoded(server: Server, person: Person, small_clip: Path, ladder_clip: Path) -> None:
    with spoiling(server, origin="copy"):
        for video in [person.upload(clip) for clip in (small_clip, ladder_clip)]:
            assert_plays(person, video)


def test_a_spoilt_rung_is_left_out_and_made_when_it_is_asked_for(
    server: Server, person: Person, ladder_clip: Path
) -> None:
    with spoiling(server, origin="encode"):
        video = person.upload(ladder_clip)
        before = assert_plays(person, video)["renditions"]
    assert before == ["360p"]
    again = {"rungs": ["240p"]}
    with spoiling(server, origin="encode"):
        assert person.api.post(f"/api/v1/videos/{video}/retry", json=again).status_code == 202
        assert assert_plays(person, video)["renditions"] == before
    assert person.api.post(f"/api/v1/videos/{video}/retry", json=again).status_code == 202
    assert assert_plays(person, video)["renditions"] == ["360p", "240p"]


@pytest.mark.parametrize("origin", ["copy", "encode"])
def test_a_kill_while_it_is_prepared_does_not_make_it_ready(
    server: Server, person: Person, ladder_clip: Path, mpeg4_clip: Path, origin: str
) -> None:
    with spoiling(server):
        video = person.upload(ladder_clip if origin == "copy" else mpeg4_clip)
        wait_until(lambda: spoil(server, video, "empty", origin=origin), "a picture is whole")
        server.kill()
        server.start()
        assert_failed(person, video)
    retry(person, video)
    assert_plays(person, video)
