"""What is shown of a video beside the video, over HTTP: storyboard, preview, keyframes alone, a chosen poster."""

import io
import re
from pathlib import Path
from urllib.parse import urljoin

import av
import httpx
import m3u8
import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, StartServer, wait_until

STEP = 16
_CUE = re.compile(r"([\d:.]+) --> ([\d:.]+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)")


@pytest.fixture(scope="session")
def grey_clip(clips: Path) -> Path:
    """Six seconds that are a step lighter with each second."""
    grey = ("-vf", f"geq=lum='32+{STEP}*floor(T)':cb=128:cr=128")
    return make_clip(clips / "grey.mp4", duration_s=6, width=320, height=180, fps=10, audio=None, extra=grey)


@pytest.fixture(scope="module")
def owner(shared_server: Server) -> Person:
    return shared_server.person("stella")


@pytest.fixture(scope="module")
def video(owner: Person, ladder_clip: Path) -> str:
    """A video with two picture qualities and its stills."""
    return finished(owner, ladder_clip)


def finished(person: Person, path: Path) -> str:
    """Upload a file and wait until it is ready and has its stills; the video's id."""
    video = person.send(path.read_bytes(), filename=path.name)
    wait_until(lambda: person.look(video)["state"] == "ready", "ready", within_s=120)
    wait_until(lambda: person.look(video)["urls"]["storyboard"], "stills", within_s=120)
    return video


def picture(data: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(data), "r", format="jpeg_pipe") as container:
        return next(container.decode(video=0))


def lightness(data: bytes) -> float:
    """The mean of a JPEG, in the numbers of the video."""
    plane = bytes(picture(data).reformat(width=32, height=32, format="gray").planes[0])
    return 16 + sum(plane) / len(plane) * 219 / 255


def test_the_storyboard_names_parts_of_sheets_that_exist(owner: Person, video: str) -> None:
    at = owner.look(video)["urls"]["storyboard"]
    answer = owner.api.get(at).raise_for_status()
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    cues = _CUE.findall(answer.text)
    assert [cue[0] for cue in cues] == [f"00:00:0{second}.000" for second in range(6)]
    for _, _, name, *numbers in cues:
        left, top, width, height = map(int, numbers)
        sheet = owner.api.get(urljoin(at, name)).raise_for_status()
        assert sheet.headers["Content-Type"] == "image/jpeg"
        assert "immutable" in sheet.headers["Cache-Control"]
        whole = picture(sheet.content)
        assert (width, height) == (160, 90)
        assert left + width <= whole.width
        assert top + height <= whole.height
    assert owner.api.get(urljoin(at, "storyboard-1.jpg")).status_code == 404


def test_the_preview_is_a_small_silent_film(owner: Person, video: str) -> None:
    answer = owner.api.get(owner.look(video)["urls"]["preview"]).raise_for_status()
    assert answer.headers["Content-Type"] == "video/mp4"
    assert len(answer.content) <= 500_000
    with av.open(io.BytesIO(answer.content), "r") as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frames = list(container.decode(video=0))
    assert (frames[0].width, frames[0].height) == (320, 180)
    assert len(frames) > 100


def test_every_keyframe_can_be_fetched_and_decoded_alone(owner: Person, video: str) -> None:
    master = owner.look(video)["urls"]["master"]
    parsed = m3u8.loads(owner.api.get(master).raise_for_status().text)
    assert len(parsed.iframe_playlists) == len(parsed.playlists) == 2
    for entry, variant in zip(parsed.iframe_playlists, parsed.playlists, strict=True):
        about, whole = entry.iframe_stream_info, variant.stream_info
        assert about.resolution == whole.resolution
        assert 0 < about.average_bandwidth <= about.bandwidth < whole.bandwidth
        at = urljoin(master, entry.uri)
        playlist = m3u8.loads(owner.api.get(at).raise_for_status().text)
        assert playlist.is_i_frames_only
        assert playlist.is_endlist
        assert_keyframes(owner.api, at, playlist, about.resolution)


def assert_keyframes(client: httpx.Client, at: str, playlist: m3u8.M3U8, size: tuple[int, int]) -> None:
    """Each entry is one picture, shown where the one before it ends."""
    init = client.get(urljoin(at, playlist.segment_map[0].uri)).raise_for_status().content
    begins = 0.0
    assert playlist.segments
    for segment in playlist.segments:
        length, _, offset = segment.byterange.partition("@")
        asked = {"Range": f"bytes={offset}-{int(offset) + int(length) - 1}"}
        part = client.get(urljoin(at, segment.uri), headers=asked)
        assert (part.status_code, len(part.content)) == (206, int(length))
        with av.open(io.BytesIO(init + part.content), "r") as container:
            (frame,) = container.decode(video=0)
        assert frame.key_frame
        assert (frame.width, frame.height) == size
        assert frame.time == pytest.approx(begins, abs=0.05)
        begins += segment.duration


def test_stills_are_made_once_and_go_with_the_video(server: Server, ladder_clip: Path) -> None:
    owner = server.person("stella")
    video = finished(owner, ladder_clip)
    idle = "streamtime_jobs{"
    wait_until(lambda: idle not in owner.api.get("/metrics").text, "all jobs are done", within_s=60)
    # Source, poster, copy, one rung, sound, one sheet, preview.
    assert len(server.files("objects")) == 7
    assert server.files("spool") == []
    urls = owner.look(video)["urls"]
    known = [at for at in (*urls.pop("mp4").values(), *urls.values()) if "/media/" in at]
    assert {owner.api.get(at).status_code for at in known} == {200}
    owner.api.delete(f"/api/v1/videos/{video}?now=true").raise_for_status()
    assert {owner.api.get(at).status_code for at in known} == {404}
    wait_until(lambda: not server.files("objects"), "nothing is left", within_s=60)


@pytest.mark.parametrize("keep_original", ["true", "false"])
def test_an_owner_chooses_the_poster(start_server: StartServer, grey_clip: Path, keep_original: str) -> None:
    server = start_server(STREAMTIME_TRANSCODE__KEEP_ORIGINAL=keep_original)
    owner = server.person("stella")
    video = finished(owner, grey_clip)
    before = owner.look(video)["urls"]["poster"]
    assert owner.look(video)["poster_ms"] is None
    owner.change(video, poster_ms=4500)
    changed = wait_until(lambda: next_poster(owner, video, before), "another poster", within_s=60)
    assert owner.look(video)["poster_ms"] == 4500
    data = owner.api.get(changed).raise_for_status().content
    assert lightness(data) == pytest.approx(32 + 4 * STEP, abs=4)
    # The form of the edit page says it with one of its pictures.
    page = owner.browser.get(f"/watch/{video}/edit").text
    assert 'name="poster_ms" value="1500"' in page
    form = {"title": "Grey", "description": "", "tags": "", "visibility": "private", "poster_ms": "1500"}
    origin = {"Origin": server.url, **owner.csrf()}
    assert owner.browser.post(f"/watch/{video}/edit", data=form, headers=origin).status_code == 303
    again = wait_until(lambda: next_poster(owner, video, changed), "the third poster", within_s=60)
    assert lightness(owner.api.get(again).raise_for_status().content) == pytest.approx(32 + STEP, abs=4)
    assert 'value="1500" aria-label="The frame at 0:01" checked' in owner.browser.get(f"/watch/{video}/edit").text
    refused = owner.api.patch(f"/api/v1/videos/{video}", json={"poster_ms": 60_000})
    assert (refused.status_code, refused.json()["field"]) == (400, "poster_ms")


def next_poster(owner: Person, video: str, before: str) -> str | None:
    """The address of the poster once it is another one."""
    now: str = owner.look(video)["urls"]["poster"]
    return now if now != before else None


def test_a_poster_cannot_be_chosen_before_there_is_a_picture(owner: Person) -> None:
    at = owner.begin(1000, filename="later.mp4")
    video = owner.api.head(at, headers={"Tus-Resumable": "1.0.0"}).headers["Streamtime-Video"]
    refused = owner.api.patch(f"/api/v1/videos/{video}", json={"poster_ms": 0, "title": "Not this"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert owner.look(video)["title"] != "Not this", "all of it or nothing"
