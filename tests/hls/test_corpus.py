"""Sources of many kinds, packaged by the command and by a server, validated by the checker and played with FFmpeg."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clips import make_clip, run_ffmpeg
from tests.hls.checker import check
from tests.hls.ffmpeg import complaints
from tests.hls.growth import Growth
from tests.hls.packaging import packaged
from tests.multitrack_clip import make_multitrack_clip
from tests.server import StartServer, wait_until
from tests.system.player import audio_playlists, video_playlists

Make = Callable[[Path], Path]

PREPARED_WITHIN_S = 240.0


def clip(name: str, **wishes: object) -> Make:
    return lambda folder: make_clip(folder / name, **{"duration_s": 5, "width": 320, "height": 180, **wishes})  # type: ignore[arg-type]  # the wishes of make_clip


def uneven(folder: Path) -> Path:
    """Video whose frames last 40, 80 and 120 ms in turn."""
    steady = make_clip(folder / "steady.mkv", duration_s=9, width=320, height=180, video="mpeg4")
    path = folder / "uneven.mkv"
    keep = "select='eq(mod(n\\,6)\\,0)+eq(mod(n\\,6)\\,1)+eq(mod(n\\,6)\\,3)'"
    run_ffmpeg(
        *("-i", str(steady), "-vf", keep, "-fps_mode", "passthrough"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "keyint=50", "-c:a", "copy", str(path)),
    )
    return path


CORPUS = {
    "h264-aac-mp4": clip("film.mp4", height=360, width=640),
    "hevc-mkv": clip("film.mkv", video="hevc", height=270, width=480),
    "vp9-opus-webm": clip("film.webm", video="vp9", audio="opus"),
    "mpeg2-interlaced-ts": clip(
        "film.ts", video="mpeg2video", audio="mp3", extra=("-flags", "+ildct+ilme", "-vf", "setfield=tff")
    ),
    "odd-size": clip("film.avi", video="mjpeg", audio="pcm_s16le", width=321, height=243, pix_fmt="yuvj444p"),
    "uneven-frames": uneven,
    "no-sound": clip("film.mov", audio=None, gop_s=1.0),
    "long-gop": clip("film.mkv", duration_s=12, gop_s=60),
    "open-gop": clip("film.mp4", open_gop=True, b_frames=3),
    "ntsc-rate": clip("film.mp4", fps="30000/1001", gop_s=1.3),
    "all-tracks": lambda folder: make_multitrack_clip(folder / "film.mkv"),
    "all-tracks-to-encode": lambda folder: make_multitrack_clip(folder / "film.mkv", picture="mpeg4", sound="ac3"),
    "sound-late": clip("film.mkv", audio_delay_s=0.7),
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in CORPUS.items()])
def test_a_packaged_file_is_valid_and_plays(make: Make, tmp_path: Path) -> None:
    folder = packaged(make(tmp_path), tmp_path / "hls")
    assert list(map(str, check(folder))) == []
    assert complaints(str(folder / "master.m3u8")) == []


def test_a_video_is_valid_while_growing_and_when_complete(start_server: StartServer, clips: Path) -> None:
    source = make_clip(clips / "slow.mkv", duration_s=24, width=640, height=360, video="mpeg4")
    server = start_server(STREAMTIME_TRANSCODE__NICE="0")
    person = server.person("ada")
    video = person.upload(source, visibility="unlisted")
    wait_until(lambda: person.look(video)["playable"], "playable", within_s=PREPARED_WITHIN_S)
    master = person.look(video)["urls"]["master"]
    growth = Growth()
    looks = 0
    while person.look(video)["state"] != "ready":
        assert list(map(str, check(person.browser, master, growing=True))) == []
        for uri in (*video_playlists(person.browser, master), *audio_playlists(person.browser, master)):
            assert growth.look(uri, person.browser.get(uri).content) == []
        looks += 1
        assert person.look(video)["state"] != "failed"
    assert looks, "it was ready before anybody could look"
    assert list(map(str, check(person.browser, master))) == []
    assert complaints(server.url + master) == []


def test_ffmpeg_warns_about_a_broken_folder(small_clip: Path, tmp_path: Path) -> None:
    folder = packaged(small_clip, tmp_path / "hls")
    (segment,) = folder.glob("*p/0.m4s")
    segment.write_bytes(segment.read_bytes()[:-200])
    assert complaints(str(folder / "master.m3u8")) != []
