"""All tracks of a file: every sound, every text subtitle, the chapters; offered only when they can be played."""

import io
import math
from array import array
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import av
import m3u8
import pytest

from tests.clips import run_ffmpeg
from tests.multitrack_clip import CHAPTERS, TONES_HZ, make_multitrack_clip
from tests.people import Person
from tests.server import Server, wait_until
from tests.system.player import Track, decode, fetch


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def tracy(shared_server: Server) -> Person:
    return shared_server.person("tracy")


@pytest.fixture(scope="module")
def film(tracy: Person, films: Path) -> dict[str, Any]:
    """A film whose picture and sounds are copied, once it is ready."""
    return ready(tracy, tracy.send(make_multitrack_clip(films / "film.mkv").read_bytes(), title="Film"))


def ready(person: Person, video: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body = person.look(video)
        assert body["state"] != "failed", body
        return body if body["state"] == "ready" else None

    return wait_until(look, "ready", within_s=90)


def master(person: Person, body: dict[str, Any]) -> m3u8.M3U8:
    at = body["urls"]["master"]
    return m3u8.loads(person.api.get(at).raise_for_status().text, uri=at)


def offered(person: Person, body: dict[str, Any], kind: str) -> dict[str, Any]:
    """The tracks of a kind in the multivariant playlist, by their names."""
    tracks = [media for media in master(person, body).media if media.type == kind]
    found = {media.name: media for media in tracks}
    assert len(found) == len(tracks), "no name twice"
    return found


def pitch_hz(track: Track) -> int:
    """Which of the two tones a sound track hums."""
    samples = array("f")
    with av.open(io.BytesIO(track.data), "r") as container:
        for frame in container.decode(audio=0):
            plane = bytes(frame.planes[0])
            samples.frombytes(plane[: frame.samples * 4])
    rate = 48_000
    window = samples[rate : 2 * rate]

    def strength(tone: int) -> float:
        turn = 2 * math.pi * tone / rate
        return math.hypot(
            sum(value * math.cos(turn * place) for place, value in enumerate(window)),
            sum(value * math.sin(turn * place) for place, value in enumerate(window)),
        )

    return max(TONES_HZ, key=strength)


def test_every_sound_track_is_offered_and_decodes(tracy: Person, film: dict[str, Any]) -> None:
    sounds = offered(tracy, film, "AUDIO")
    assert {name: (media.language, media.default, media.autoselect) for name, media in sounds.items()} == {
        "English": ("en", "YES", "YES"),
        "Kommentar": ("de", "NO", "YES"),
    }
    for media, tone in zip(sounds.values(), TONES_HZ, strict=True):
        track = fetch(tracy.api, urljoin(film["urls"]["master"], media.uri))
        assert decode(track).duration_s == pytest.approx(6, abs=0.1)
        assert pitch_hz(track) == tone
        assert media.channels


def test_subtitles_become_webvtt_with_their_styles(tracy: Person, film: dict[str, Any]) -> None:
    tracks = offered(tracy, film, "SUBTITLES")
    assert {name: (media.language, media.default) for name, media in tracks.items()} == {
        "English": ("en", "NO"),
        "German": ("de", "NO"),
    }
    texts = {}
    for media in tracks.values():
        at = urljoin(film["urls"]["master"], media.uri)
        playlist = m3u8.loads(tracy.api.get(at).raise_for_status().text)
        assert playlist.is_endlist
        (segment,) = playlist.segments
        assert segment.duration == pytest.approx(6, abs=0.1)
        answer = tracy.api.get(urljoin(at, segment.uri)).raise_for_status()
        assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
        texts[media.language] = answer.text.split("\n\n", 1)[1]
    assert texts["en"] == (
        "00:00:00.500 --> 00:00:02.500\nGood <i>morning</i> &amp; welcome\n\n"
        "00:00:02.600 --> 00:00:05.500 line:0\n<b>Above</b> us\n"
    )
    assert texts["de"] == (
        "00:00:00.500 --> 00:00:02.500\nGuten <b>Morgen</b>\nund willkommen\n\n"
        "00:00:02.600 --> 00:00:05.500 line:0\n<i>Über uns</i>\n"
    )
    assert {variant.stream_info.subtitles for variant in master(tracy, film).playlists} == {"captions"}
    assert [(track["name"], track["label"], track["origin"]) for track in film["captions"]] == [
        ("en", "English", "file"),
        ("de", "German", "file"),
    ]


def test_chapters_are_in_the_api_and_a_file_of_their_own(tracy: Person, film: dict[str, Any]) -> None:
    told = [(chapter["title"], chapter["start_ms"], chapter["end_ms"]) for chapter in film["chapters"]]
    assert told == list(CHAPTERS)
    at = film["captions"][0]["url"].rpartition("/captions/")[0] + "/chapters.vtt"
    assert tracy.api.get(at).raise_for_status().text == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nOpening\n\n"
        "00:00:02.000 --> 00:00:04.000\n&lt;b&gt;Middle&lt;/b&gt; &amp; more\n\n"
        "00:00:04.000 --> 00:00:06.000\nEnd\n"
    )
    page = tracy.browser.get(film["urls"]["watch"]).text
    assert "&lt;b&gt;Middle&lt;/b&gt; &amp; more" in page


def test_sound_that_must_be_encoded_is_made_for_every_track_too(tracy: Person, films: Path) -> None:
    source = make_multitrack_clip(films / "old.mkv", picture="mpeg4", sound="ac3")
    body = ready(tracy, tracy.send(source.read_bytes(), title="Old"))
    sounds = offered(tracy, body, "AUDIO")
    tones = [pitch_hz(fetch(tracy.api, urljoin(body["urls"]["master"], media.uri))) for media in sounds.values()]
    assert tones == list(TONES_HZ)
    assert list(offered(tracy, body, "SUBTITLES")) == ["English", "German"]


TRACKS = (
    (("eng", "", "default"), ("eng", "", "comment"), ("", "", "visual_impaired"), ("ger", "  ", "hearing_impaired")),
    (("", "", "forced"), ("eng", "", "forced"), ("", " \t ", "forced+hearing_impaired"),
     ("eng", "", "hearing_impaired"), ("fre", "Forcés (Forced)", "forced"), ("ger", "Nur Schilder", "forced"),
     ("", "", "0"), ("", "", "forced")),
)  # fmt: skip
"""Language, title and flags of sound tracks and of subtitle tracks."""


def test_tracks_that_say_what_they_are_for_are_named_in_words(tracy: Person, films: Path) -> None:
    source = make_multitrack_clip(films / "plain.mkv", duration_s=2)
    path = films / "flags.mkv"
    maps = ["-map", "0:v", *["-map", "0:a:0"] * len(TRACKS[0]), *["-map", "0:s:0"] * len(TRACKS[1])]
    said = []
    for kind, tracks in zip("as", TRACKS, strict=True):
        for number, (language, title, flags) in enumerate(tracks):
            said += [f"-metadata:s:{kind}:{number}", f"language={language}"]
            said += [f"-metadata:s:{kind}:{number}", f"title={title}", f"-disposition:{kind}:{number}", flags]
    run_ffmpeg("-i", str(source), *maps, "-c", "copy", *said, str(path))
    body = ready(tracy, tracy.send(path.read_bytes(), title="Flags"))
    assert list(offered(tracy, body, "AUDIO")) == [
        "English", "English (commentary)", "Audio description", "German (clear dialogue)",
    ]  # fmt: skip
    assert list(offered(tracy, body, "SUBTITLES")) == [
        "Forced subtitles", "English (forced)", "Forced SDH subtitles", "English (SDH)",
        "Forcés (Forced)", "Nur Schilder (forced)", "Captions", "Forced subtitles 2",
    ]  # fmt: skip


def test_the_first_sound_is_enough_to_begin_and_the_others_come_when_they_are_whole(
    tracy: Person, film: dict[str, Any]
) -> None:
    """Whenever the playlist was asked for while it was made, all that it named could be played."""
    source = tracy.api.get(film["urls"]["original"]).content
    video = tracy.send(source, title="Watched while it is made")
    seen: set[tuple[str, ...]] = set()

    def look() -> bool:
        body = tracy.look(video)
        if body["playable"]:
            sounds = offered(tracy, body, "AUDIO")
            assert "English" in sounds
            for media in sounds.values():
                listed = m3u8.loads(tracy.api.get(urljoin(body["urls"]["master"], media.uri)).raise_for_status().text)
                assert listed.segments
            seen.add(tuple(sounds))
        return bool(body["state"] == "ready")

    wait_until(look, "ready", within_s=90)
    assert ("English", "Kommentar") in seen
