"""How long pictures last: at every rate, and where only a few come far apart."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.clips import make_clip, run_ffmpeg
from tests.hostile.edge_case_clips import make_film
from tests.hostile.recipes import Recipe, Sound
from tests.hostile.reference_decoder import decode
from tests.unit.media.worker_harness import (
    HEIGHT,
    IN_STEP_S,
    WIDTH,
    heard,
    make,
    package_smallest,
    picture_times_s,
    seen,
    whole_ladder,
)


@pytest.mark.parametrize(
    ("name", "shown_s", "sound_s", "lasts_s"),
    [
        ("slides.mp4", (0, 2, 12, 13), 13.5, 13.5),
        ("slides.mkv", (0, 10), 12, 12),
        ("slides.mp4", (0, 2, 7), None, 7.04),
        ("slide.mkv", (0,), 6, 6),
        ("slides.mov", (0, 1, 3), 9, 9),
    ],
)
async def test_few_pictures_far_apart_last_as_long_as_they_should(
    tmp_path: Path, name: str, shown_s: tuple[int, ...], sound_s: float | None, lasts_s: float
) -> None:
    source = tmp_path / name
    chosen = "+".join(rf"eq(t\,{second})" for second in shown_s)
    sound = ("-f", "lavfi", "-i", f"sine=duration={sound_s}") if sound_s else ()
    run_ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={max(shown_s) + 1},select='{chosen}'", *sound),
        *("-fps_mode", "passthrough", "-c:v", "libx264", "-g", "1000", str(source)),
    )
    result = await package_smallest(source, tmp_path)
    video = result.renditions[0]
    assert video.index.duration_ms == pytest.approx(lasts_s * 1000, abs=30)
    assert picture_times_s(video.data)[0] == 0
    assert set(shown_s) <= {round(time, 2) for time in picture_times_s(video.data)}
    assert max(float(b - a) for a, b in pairwise(video.starts_s)) <= 5
    assert result.done is not None
    assert result.done.damaged_after_ms is None


@pytest.mark.parametrize(
    ("name", "options", "frame_s"),
    [
        ("slow.mp4", {"fps": 1, "duration_s": 6}, 1),
        ("fast.mp4", {"fps": 120, "duration_s": 2}, 1 / 120),
        ("film.mkv", {"fps": "24000/1001", "duration_s": 3}, 0.042),
        ("fields.ts", {"interlaced": True, "duration_s": 3, "height": 96}, 0.04),
    ],
)
async def test_every_rate_ends_in_time(tmp_path: Path, name: str, options: dict[str, object], frame_s: float) -> None:
    source = make_clip(tmp_path / name, pattern="flash", **{"width": WIDTH, "height": HEIGHT, **options})  # type: ignore[arg-type]  # a table
    result = await package_smallest(source, tmp_path)
    duration_ms = float(options["duration_s"]) * 1000  # type: ignore[arg-type]  # a table
    assert result.renditions[0].index.duration_ms == pytest.approx(duration_ms, abs=frame_s * 1000 + 1)
    assert heard(result)[: len(seen(result))] == pytest.approx(seen(result), abs=IN_STEP_S)


@pytest.mark.parametrize("chance", range(4))
@pytest.mark.parametrize("container", ["mov", "mkv"])
async def test_rungs_with_fewer_pictures_end_with_the_source(tmp_path: Path, container: str, chance: int) -> None:
    """The last pictures of an uneven pace may be left out: the one before them lasts until they end."""
    recipe = Recipe(container=container, rate="120", pictures=120, pace="jitter", chance=chance, width=640, height=480)
    source = make_film(recipe, tmp_path / f"film.{container}")
    result = await make(source, tmp_path, rungs=whole_ladder)
    ends_ms = [rendition.index.duration_ms for rendition in result.renditions.values()]
    assert len(ends_ms) > 1
    assert ends_ms == pytest.approx([decode(source).ends_s * 1000] * len(ends_ms), abs=2)


@pytest.mark.parametrize("rate", ["10", "24000/1001", "30", "60"])
@pytest.mark.parametrize("codec", ["hevc", "h264"])
async def test_a_raw_stream_that_begins_in_the_middle_of_a_group_keeps_its_rate(
    tmp_path: Path, codec: str, rate: str
) -> None:
    recipe = Recipe(container=codec, codec=codec, rate=rate, group=40, skipped=2, pictures=80, b_frames=2)
    source = make_film(recipe, tmp_path / f"film.{codec}")
    result = await package_smallest(source, tmp_path)
    step_ms = float(recipe.step_s) * 1000
    assert result.renditions[0].index.duration_ms == pytest.approx(decode(source).ends_s * 1000, abs=step_ms + 1)
    assert result.facts.video.fps == pytest.approx(1000 / step_ms)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("avi", rate="2", pictures=4, sounds=(Sound("ac3", lasts_s=0.5),)),
        Recipe("avi", rate="1", pictures=1, sounds=(Sound("pcm_s16le", lasts_s=0.5),)),
        Recipe("avi", rate="2", pictures=9, jump_s=2, sounds=(Sound("mp3", lasts_s=2),)),
        Recipe("mp4", "vp9", pictures=8, options=("use_editlist=0",), sounds=(Sound("alac", 6, 44_100, 3, 0.05),)),
        Recipe("mp4", "vp9", pictures=1, options=("use_editlist=0",), sounds=(Sound("flac", 2, 8000, 1, 0.05),)),
        Recipe("fragmented.mp4", "av1", pictures=3, sounds=(Sound("flac", 2, 44_100, 3, 0.05),)),
        Recipe("mkv", "mjpeg", pictures=3, pixels="yuvj420p", sounds=(Sound("aac", 2, 8000, 1, 0.05),)),
        Recipe("mkv", "mjpeg", pictures=3, pixels="yuvj420p", sounds=(Sound("opus", starts_s=1, lasts_s=0.2),)),
        Recipe("ogg", "", sounds=(Sound("vorbis", lasts_s=0.424),)),
        Recipe("ogg", "", sounds=(Sound("vorbis", rate_hz=44_100, lasts_s=0.05),)),
    ],
    ids=str,
)
async def test_a_track_ends_with_what_is_decoded_of_its_last_packet(tmp_path: Path, recipe: Recipe) -> None:
    """Not when a packet claims to end: a sound of one packet in MP4 claims to last from 0 to where it was to end."""
    source = make_film(recipe, tmp_path / f"film.{recipe.container.rpartition('.')[2]}")
    result = await package_smallest(source, tmp_path)
    decoded = decode(source)
    assert result.done is not None
    assert result.done.duration_ms == pytest.approx((decoded.ends_s - decoded.starts_s[0]) * 1000, abs=50)
    assert result.done.damaged_after_ms is None


async def test_the_last_picture_of_an_mp4_lasts_as_its_track_says(tmp_path: Path) -> None:
    """FFmpeg tells no durations of packets where the pace is uneven and the track begins hours late."""
    recipe = Recipe("mp4", "vp9", rate="5", pace="jitter", origin_s=36_000, sounds=(Sound("aac", lasts_s=1),))
    source = make_film(recipe, tmp_path / "film.mp4")
    result = await package_smallest(source, tmp_path)
    last_begins_s = decode(source).pictures[-1].starts_s
    assert result.renditions[0].index.duration_ms == pytest.approx(
        (last_begins_s - decode(source).pictures[0].starts_s) * 1000 + 200, abs=10
    )
