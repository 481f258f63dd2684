"""A packaged folder has all that the server would offer of the same file: sounds, captions, chapters, stills, rungs."""

import io
import json
import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import av
import m3u8
import pytest

from tests.clips import run_ffmpeg
from tests.hls.checker import check
from tests.hls.packaging import run_package
from tests.multitrack_clip import TONES_HZ, make_multitrack_clip
from tests.server import Server, wait_until


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a film with two sounds, two subtitle tracks and three chapters is packaged."""
    place = tmp_path_factory.mktemp("films")
    make_multitrack_clip(place / "film.mkv")
    return place / "film"


@pytest.fixture(scope="module")
def told(film: Path) -> dict[str, Any]:
    """What is told of it at the end."""
    done = run_package("--json", film.with_suffix(".mkv"), film)
    assert done.returncode == 0, done.stdout
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


@pytest.fixture(scope="module")
def master(told: dict[str, Any]) -> m3u8.M3U8:
    return m3u8.load(told["master"])


def offered(master: m3u8.M3U8, kind: str) -> dict[str, Any]:
    """The tracks of a kind, by their names."""
    return {media.name: media for media in master.media if media.type == kind}


def hums(playlist: Path) -> int:
    """Which of the two tones a sound track hums, by how often it crosses zero in its second second."""
    parsed = m3u8.load(str(playlist))
    parts = [parsed.segment_map[0].uri, *(segment.uri for segment in parsed.segments)]
    data = b"".join((playlist.parent / part).read_bytes() for part in parts)
    values: list[float] = []
    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode(audio=0):
            values += memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples].tolist()
    second = values[48_000:96_000]
    crossings = sum(one < 0 <= other for one, other in pairwise(second))
    return min(TONES_HZ, key=lambda tone: abs(tone - crossings))


def test_every_sound_track_is_offered_by_language_and_title(film: Path, master: m3u8.M3U8) -> None:
    sounds = offered(master, "AUDIO")
    assert {name: (media.language, media.default, media.autoselect) for name, media in sounds.items()} == {
        "English": ("en", "YES", "YES"),
        "Kommentar": ("de", "NO", "YES"),
    }
    assert [hums(film / media.uri) for media in sounds.values()] == list(TONES_HZ)


def test_subtitles_are_playlists_of_webvtt_and_chapters_a_file(film: Path, master: m3u8.M3U8) -> None:
    tracks = offered(master, "SUBTITLES")
    assert {name: (media.language, media.default, media.uri) for name, media in tracks.items()} == {
        "English": ("en", "NO", "captions/en.m3u8"),
        "German": ("de", "NO", "captions/de.m3u8"),
    }
    assert {variant.stream_info.subtitles for variant in master.playlists} == {"captions"}
    (segment,) = m3u8.load(str(film / "captions/en.m3u8")).segments
    assert segment.uri == "en.vtt"
    assert segment.duration == pytest.approx(6, abs=0.1)
    assert (
        (film / "captions/en.vtt")
        .read_text()
        .endswith(
            "00:00:00.500 --> 00:00:02.500\nGood <i>morning</i> &amp; welcome\n\n"
            "00:00:02.600 --> 00:00:05.500 line:0\n<b>Above</b> us\n"
        )
    )
    assert (film / "chapters.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nOpening\n\n"
        "00:00:02.000 --> 00:00:04.000\n&lt;b&gt;Middle&lt;/b&gt; &amp; more\n\n"
        "00:00:04.000 --> 00:00:06.000\nEnd\n"
    )


def test_keyframes_are_named_as_ranges_of_the_segments(film: Path, master: m3u8.M3U8) -> None:
    assert [entry.uri for entry in master.iframe_playlists] == ["180p/iframes.m3u8"]
    listed = m3u8.load(str(film / "180p/iframes.m3u8"))
    assert listed.is_i_frames_only
    whole = m3u8.load(str(film / "180p/playlist.m3u8"))
    assert [segment.uri for segment in listed.segments] == [segment.uri for segment in whole.segments]
    for segment in listed.segments:
        length, _, offset = segment.byterange.partition("@")
        assert offset == "0"
        assert int(length) < (film / "180p" / segment.uri).stat().st_size


def test_the_storyboard_shows_every_second_and_the_preview_plays(film: Path, told: dict[str, Any]) -> None:
    table = Path(told["storyboard"]).read_text()
    places = re.findall(r"^(storyboard-\d+\.jpg)#xywh=(\d+),(\d+),160,90$", table, re.MULTILINE)
    assert len(places) == math.ceil(6.0)
    for sheet, left, top in places:
        with av.open(str(film / sheet), "r") as container:
            (picture,) = container.decode(video=0)
        assert int(left) + 160 <= picture.width
        assert int(top) + 90 <= picture.height
    with av.open(told["preview"], "r") as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert len(list(container.decode(video=0))) > 100


def test_programs_are_told_of_every_track(told: dict[str, Any]) -> None:
    assert [(track["name"], track["label"], track["cues"]) for track in told["captions"]] == [
        ("en", "English", 2),
        ("de", "German", 2),
    ]
    sounds = [(made["name"], made["language"]) for made in told["renditions"] if made["kind"] == "audio"]
    assert sounds == [("audio-1", "en"), ("audio-2", "de")]
    for name in ("poster", "storyboard", "preview", "chapters"):
        assert Path(told[name]).is_file()
    assert all(Path(track["path"]).is_file() for track in told["captions"])
    assert told["notes"] == []


def unplaced(playlist: str) -> str:
    """A playlist without its addresses."""
    lines = [line for line in playlist.splitlines() if line.startswith("#")]
    return re.sub(r'URI="[^"]*"', "", "\n".join(lines))


def test_it_is_what_the_server_makes_of_the_same_file(
    film: Path, told: dict[str, Any], master: m3u8.M3U8, shared_server: Server
) -> None:
    person = shared_server.person("paula")
    video = person.send(film.with_suffix(".mkv").read_bytes(), title="Film")
    wait_until(lambda: person.look(video)["state"] == "ready", "ready", within_s=120)
    wait_until(lambda: person.look(video)["urls"]["storyboard"], "stills", within_s=120)
    body = person.look(video)

    def text(at: str) -> str:
        return person.api.get(at).raise_for_status().text

    theirs = m3u8.loads(text(body["urls"]["master"]), uri=body["urls"]["master"])
    assert unplaced(Path(told["master"]).read_text()) == unplaced(text(body["urls"]["master"]))
    for ours, other in zip([*master.media, *master.playlists], [*theirs.media, *theirs.playlists], strict=True):
        listed = text(urljoin(body["urls"]["master"], other.uri))
        assert unplaced((film / ours.uri).read_text()) == unplaced(listed)
    assert [Path(track["path"]).read_text() for track in told["captions"]] == [
        text(track["url"]) for track in body["captions"]
    ]
    assert Path(told["storyboard"]).read_text() == re.sub(r"\?v=\d+", "", text(body["urls"]["storyboard"]))
    assert (film / "poster.jpg").read_bytes() == person.api.get(body["urls"]["poster"]).content


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that stands still, which no rung makes cheaper than its sound."""
    path = tmp_path_factory.mktemp("slides") / "slides.mkv"
    picture = "smptebars=size=1280x720:rate=25"
    run_ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "aevalsrc=exprs=0.4*sin(2*PI*440*t):s=48000"),
        *("-c:v", "mpeg4", "-q:v", "4", "-c:a", "aac", "-t", "2", str(path)),
    )
    return path


def test_a_rung_that_saves_little_is_left_out_with_a_word(slides: Path, tmp_path: Path) -> None:
    done = run_package(slides, tmp_path / "film", STREAMTIME_TRANSCODE__HEIGHTS="720,480,360")
    assert done.returncode == 0, done.stderr
    assert "360p is left out: " in done.stderr
    assert sorted(path.name for path in (tmp_path / "film").glob("*p/")) == ["480p", "720p"]
    assert check(tmp_path / "film") == []


def test_heights_that_are_asked_for_are_made_all_the_same_in_passes_where_memory_is_short(
    slides: Path, tmp_path: Path
) -> None:
    settings = {"STREAMTIME_TRANSCODE__MEMORY_BUDGET": "64 MiB"}
    done = run_package("--json", "--heights", "720,480,360", slides, tmp_path / "film", **settings)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    stages = list(dict.fromkeys(event["stage"] for event in events[:-1]))
    assert stages == [
        "Preparing",
        "Preparing 480p, audio-1",
        "Preparing 720p",
        "Preparing 360p",
        "Preparing the storyboard",
    ]
    fractions = [event["fraction"] for event in events[:-1]]
    assert fractions == sorted(fractions)
    assert events[-1]["notes"] == []
    assert check(tmp_path / "film") == []
