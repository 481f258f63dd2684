"""The poster: a telling picture, upright, not too large."""

import hashlib
from pathlib import Path

import av
import pytest

from tests.clips import make_clip, run_ffmpeg
from tests.unit.media.worker_harness import make, picture_times_s, whole_ladder


def brightness(path: Path) -> float:
    with av.open(str(path), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0)).reformat(width=32, height=32, format="gray")
    plane = bytes(frame.planes[0])
    return sum(plane) / len(plane)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 640, "height": 360}, (640, 360)),
        ({"width": 1920, "height": 1080}, (1280, 720)),
        ({"width": 640, "height": 360, "rotation": 90}, (360, 640)),
        ({"width": 720, "height": 576, "sample_aspect": "16/15"}, (768, 576)),
    ],
)
async def test_it_is_a_jpeg_of_the_right_size(
    tmp_path: Path, options: dict[str, object], size: tuple[int, int]
) -> None:
    source = make_clip(tmp_path / "clip.mp4", duration_s=2, **options)  # type: ignore[arg-type]  # a table
    made = await make(source, tmp_path, audio=False, poster=True)
    assert made.poster is not None
    assert made.poster_path is not None
    data = made.poster_path.read_bytes()
    assert data[:3] == b"\xff\xd8\xff"
    assert data[-2:] == b"\xff\xd9"
    assert (made.poster.width, made.poster.height) == size
    assert made.poster.sha256 == hashlib.sha256(data).digest()
    assert made.poster.bytes_total == len(data)


async def test_a_black_beginning_is_passed_over(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "clip.mp4", duration_s=40, width=320, height=180, gop_s=1,
        extra=("-vf", "drawbox=c=black:t=fill:enable='lt(t,4)'"),
    )  # fmt: skip
    made = await make(source, tmp_path, audio=False, poster=True)
    assert made.poster_path is not None
    assert brightness(made.poster_path) > 60


async def test_a_wholly_black_video_still_gets_one(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "clip.mp4", duration_s=3, width=320, height=180, extra=("-vf", "drawbox=c=black:t=fill")
    )
    assert (await make(source, tmp_path, audio=False, poster=True)).poster is not None


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
async def test_a_stream_that_begins_long_before_its_first_keyframe_is_read_and_has_a_poster(
    tmp_path: Path, codec: str
) -> None:
    whole, source = tmp_path / "whole.ts", tmp_path / "late.ts"
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=14", "-c:v", codec, "-g", "300"),
        *("-sc_threshold", "1000000000", str(whole)),
    )
    data = whole.read_bytes()
    source.write_bytes(data[len(data) // 188 // 14 * 188 :])
    result = await make(source, tmp_path, rungs=whole_ladder, poster=True)
    assert result.poster is not None
    assert result.renditions[0].index.duration_ms == pytest.approx(2000, abs=41)
    assert len(picture_times_s(result.renditions[0].data)) == pytest.approx(50, abs=1)
