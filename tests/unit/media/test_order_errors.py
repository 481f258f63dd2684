"""Files that cannot be played are refused in plain words, at once."""

from pathlib import Path

import av
import pytest

from streamtime.workers.failure import WorkerFailed
from streamtime.workers.protocol import PERMANENT_FAILURE_CODES
from tests.clips import make_clip, run_ffmpeg, truncate_clip
from tests.hostile.edge_case_clips import make_film
from tests.hostile.recipes import Recipe, Sound
from tests.unit.media.worker_harness import facts_of


async def refusal_of(path: Path) -> WorkerFailed:
    with pytest.raises(WorkerFailed) as failed:
        await facts_of(path)
    assert not failed.value.retryable
    assert failed.value.message.endswith(".")
    assert failed.value.code in PERMANENT_FAILURE_CODES
    return failed.value


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.mp4", b"", "empty"),
        ("letter.mp4", b"Dear Sir or Madam,\n" * 200, "not_media"),
        ("noise.mkv", bytes(range(256)) * 64, "not_media"),
        ("picture.mp4", b"\x89PNG\r\n\x1a\n" + bytes(500), "not_media"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:4,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", "not_media"),
        ("files.mp4", b"ffconcat version 1.0\nfile /etc/hostname\n", "not_media"),
        ("session.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n", "not_media"),
    ],
)
async def test_what_is_no_video_file(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert (await refusal_of(path)).code == code


@pytest.mark.parametrize(
    ("begins", "kind"),
    [
        (b".RMF\0\0\0\x12", "a RealMedia file"),
        (b"RIFF\x24\0\0\0WEBPVP8X", "a WebP picture"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\3\4", "a ZIP archive"),
    ],
)
async def test_what_is_not_taken_is_named_with_what_is(tmp_path: Path, begins: bytes, kind: str) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(begins + bytes(range(256)) * 40)
    refused = await refusal_of(path)
    assert refused.code == "not_media"
    assert refused.message.startswith(f"This is {kind}, which is not supported.")
    assert len(refused.message) < 200
    assert "Supported are MP4, MOV" in refused.message


async def test_an_mp4_without_its_directory(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "clip.mp4", duration_s=2)
    refused = await refusal_of(truncate_clip(whole, 0.5, tmp_path / "cut.mp4"))
    assert refused.code == "incomplete"
    assert "incomplete" in refused.message


async def test_pictures_that_are_all_damaged(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "clip.mp4", duration_s=2, audio=None)
    data = bytearray(whole.read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[begin:end] = bytes(end - begin)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    assert (await refusal_of(damaged)).code == "damaged"


@pytest.mark.parametrize("kind", ["h264", "hevc"])
@pytest.mark.parametrize("front", [0.001, 0.013, 0.3, 0.45])
async def test_a_raw_stream_may_be_cut_at_any_byte(tmp_path: Path, kind: str, front: float) -> None:
    recipe = Recipe(container=kind, codec=kind, pictures=60, b_frames=2, front=front)
    facts = await facts_of(make_film(recipe, tmp_path / "film"))
    assert facts.video.codec == kind


@pytest.mark.parametrize("begins", [b"NUT", b"DKIF", b".RMF"])
async def test_a_raw_stream_in_what_is_not_taken_is_none(tmp_path: Path, begins: bytes) -> None:
    source = make_film(Recipe(container="h264", codec="h264"), tmp_path / "film")
    source.write_bytes(begins + source.read_bytes())
    assert (await refusal_of(source)).code == "not_media"


async def test_sound_that_begins_late_in_a_broadcast_is_found(tmp_path: Path) -> None:
    sounds = (Sound("ac3", starts_s=9, lasts_s=1),)
    facts = await facts_of(make_film(Recipe(container="ts", pictures=120, sounds=sounds), tmp_path / "film.ts"))
    assert [audio.sample_rate_hz for audio in facts.audios] == [48_000]


async def test_a_name_that_lies_does_not_matter(tmp_path: Path) -> None:
    lying = make_clip(tmp_path / "clip.mkv", duration_s=1).rename(tmp_path / "photo.jpg")
    assert (await facts_of(lying)).container == "matroska"


async def test_what_else_is_inside_is_told(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", duration_s=1)
    titles = tmp_path / "titles.srt"
    titles.write_text("1\n00:00:00,000 --> 00:00:00,900\nHello\n")
    both = tmp_path / "both.mkv"
    run_ffmpeg(
        "-i", str(clip), "-i", str(titles), "-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1", "-c", "copy",
        "-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "title=Comments", str(both),
    )  # fmt: skip
    facts = await facts_of(both)
    assert facts.other_streams == ("subtitle",)
    assert [(audio.language, audio.title) for audio in facts.audios] == [("ger", None), (None, "Comments")]


async def test_no_file_name_reaches_the_library(tmp_path: Path) -> None:
    # The worker is given a descriptor; that it works without any name at all is shown by an unnamed file.
    clip = make_clip(tmp_path / "clip.mp4", duration_s=1)
    with av.open(str(clip)) as container:
        assert container.duration
    renamed = clip.rename(tmp_path / "x")
    assert (await facts_of(renamed)).duration_ms == pytest.approx(1000, abs=50)
