"""Files that are no ordinary film become videos that play: raw streams, moving pictures, sound alone, odd times."""

from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip, run_ffmpeg
from tests.hls.checker import check
from tests.people import Person
from tests.server import Server, wait_until
from tests.system.player import audio_playlists, decode, fetch, video_playlists


@pytest.fixture(scope="module")
def otto(shared_server: Server) -> Person:
    return shared_server.person("otto")


def ready(person: Person, path: Path, **facts: str) -> dict[str, Any]:
    video = person.send(path.read_bytes(), filename=path.name, **facts)
    wait_until(lambda: person.look(video)["state"] in {"ready", "failed"}, "it has ended")
    body = person.look(video)
    assert (body["state"], body["failure"]) == ("ready", None)
    return body


def lengths_s(person: Person, body: dict[str, Any]) -> list[float]:
    """How long everything that is offered plays, once it was found to be right by the letter; all of it decodes."""
    at = body["urls"]["master"]
    assert list(map(str, check(person.api, at))) == []
    tracks = [fetch(person.api, uri) for uri in (*video_playlists(person.api, at), *audio_playlists(person.api, at))]
    assert all(decode(track).frames for track in tracks)
    return [track.announced_s for track in tracks]


def test_raw_streams_and_moving_pictures_play(otto: Person, tmp_path: Path) -> None:
    for name, arguments in {"a.h264": ("-c:v", "libx264", "-f", "h264"), "b.gif": ()}.items():
        path = tmp_path / name
        run_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=3", *arguments, str(path))
        body = ready(otto, path)
        assert body["urls"]["poster"]
        assert lengths_s(otto, body) == pytest.approx([3], abs=0.05)


def test_sound_alone_plays_with_its_cover(otto: Person, tmp_path: Path) -> None:
    cover, song = tmp_path / "cover.png", tmp_path / "01 track.mp3"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=300x300", "-frames:v", "1", str(cover))
    run_ffmpeg(
        "-f", "lavfi", "-i", "sine=440:duration=9", "-i", str(cover), "-map", "0", "-map", "1", "-c:v", "copy",
        "-disposition:v", "attached_pic", "-metadata", "title=A Song", str(song),
    )  # fmt: skip
    body = ready(otto, song)
    assert body["title"] == "A Song"
    assert body["urls"]["poster"]
    assert lengths_s(otto, body) == pytest.approx([9, 9], abs=0.1)


def test_a_film_whose_times_begin_late_is_whole_and_one_whose_sound_begins_early_loses_none(
    otto: Person, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", duration_s=4, width=160, height=90, pattern="flash", gop_s=1)
    late, early = tmp_path / "late.mkv", tmp_path / "early.mkv"
    run_ffmpeg("-i", str(clip), "-c", "copy", "-output_ts_offset", "5", str(late))
    run_ffmpeg(
        "-itsoffset", "3", "-i", str(clip), "-i", str(clip), "-map", "0:v", "-map", "1:a", "-c", "copy", str(early)
    )
    body = ready(otto, late)
    assert body["damaged_after_ms"] is None
    assert lengths_s(otto, body) == pytest.approx([4, 4], abs=0.06)
    assert lengths_s(otto, ready(otto, early)) == pytest.approx([7, 7], abs=0.06)
