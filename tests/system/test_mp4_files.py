"""Every complete rendition can be had as one plain MP4 with its audio, by players that do not know HLS."""

import io
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, wait_until

SECONDS, FPS = 10, 10


@dataclass(frozen=True)
class Decoded:
    """What a decoder makes of a file: the frames, where the video and the audio begin and end in seconds."""

    frames: int
    video: tuple[float, float]
    audio: tuple[float, float] | None
    size: tuple[int, int]


def decoded(data: bytes) -> Decoded:
    with av.open(io.BytesIO(data), "r") as file:
        size = file.streams.video[0].width, file.streams.video[0].height
        frames = [frame.time or 0.0 for frame in file.decode(file.streams.video[0])]
    with av.open(io.BytesIO(data), "r") as file:
        samples = [
            (frame.time or 0.0, frame.samples / frame.sample_rate)
            for stream in file.streams.audio
            for frame in file.decode(stream)
        ]
    audio = (samples[0][0], sum(samples[-1])) if samples else None
    return Decoded(len(frames), (frames[0], frames[-1] + 1 / FPS), audio, size)


@pytest.fixture(scope="module")
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


def prepared(ann: Person, clip: Path) -> dict[str, str]:
    """Upload a clip; returns the URLs of its files by rendition."""
    video = ann.upload(clip)
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready", within_s=120)
    files: dict[str, str] = ann.look(video)["urls"]["mp4"]
    return files


@pytest.fixture(scope="module")
def encoded(ann: Person, clips: Path) -> dict[str, str]:
    clip = clips / "plain-encoded.mkv"
    return prepared(
        ann, make_clip(clip, duration_s=SECONDS, width=480, height=360, fps=FPS, video="mpeg4", audio="mp3")
    )


def test_each_rendition_is_one_file_with_all_frames_and_the_audio(ann: Person, encoded: dict[str, str]) -> None:
    assert list(encoded) == ["360p", "240p"]
    for name, url in encoded.items():
        answer = ann.api.get(url)
        assert answer.headers["Content-Type"] == "video/mp4"
        found = decoded(answer.content)
        assert found.size[1] == int(name.removesuffix("p"))
        assert found.frames == SECONDS * FPS
        assert found.video == pytest.approx((0, SECONDS), abs=0.01)
        assert found.audio == pytest.approx((0, SECONDS), abs=0.06)


def test_a_player_seeks_by_the_index_at_the_beginning(ann: Person, encoded: dict[str, str]) -> None:
    """It reads the head, finds the second cut in the `sidx` box, and decodes from there with the head alone."""
    url = encoded["240p"]
    head = ann.api.get(url, headers={"Range": "bytes=0-4095"}).content
    at = head.index(b"sidx") - 4
    size = int.from_bytes(head[at : at + 4])
    timescale = int.from_bytes(head[at + 16 : at + 20])
    first = int.from_bytes(head[at + 40 : at + 44])
    duration = int.from_bytes(head[at + 44 : at + 48])
    rest = ann.api.get(url, headers={"Range": f"bytes={at + size + first}-"})
    assert rest.status_code == 206
    found = decoded(head[: at + size] + rest.content)
    assert found.frames == SECONDS * FPS - duration * FPS // timescale
    assert found.audio is not None


def test_copied_video_and_video_without_audio(ann: Person, clips: Path) -> None:
    copied = make_clip(clips / "plain-copied.mp4", duration_s=6, width=320, height=240, fps=FPS)
    (url, *_) = prepared(ann, copied).values()
    found = decoded(ann.api.get(url).content)
    assert (found.frames, found.size) == (6 * FPS, (320, 240))
    assert found.audio == pytest.approx((0, 6), abs=0.06)
    silent = make_clip(clips / "plain-silent.mp4", duration_s=6, width=320, height=240, fps=FPS, audio=None)
    (url, *_) = prepared(ann, silent).values()
    found = decoded(ann.api.get(url).content)
    assert (found.frames, found.audio) == (6 * FPS, None)


def test_the_file_follows_the_visibility_of_the_video(
    ann: Person, shared_server: Server, encoded: dict[str, str]
) -> None:
    url = encoded["240p"]
    video = url.split("/")[2]
    with httpx.Client(base_url=shared_server.url) as anonymous:
        assert anonymous.get(url).status_code == 404
        ann.api.patch(f"/api/v1/videos/{video}", json={"visibility": "public"}).raise_for_status()
        assert anonymous.get(url).status_code == 200
        assert anonymous.get(url.replace("240.mp4", "241.mp4")).status_code == 404
