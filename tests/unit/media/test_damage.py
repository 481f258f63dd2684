"""Files that break off play to there and say so; whole ones are not called damaged, wherever their times begin."""

from pathlib import Path

import pytest

from tests.clips import run_ffmpeg, truncate_clip
from tests.unit.media.worker_harness import IN_STEP_S, heard, make, package_smallest, seen, whole_ladder


@pytest.mark.parametrize(
    ("name", "keep", "arguments"),
    [
        ("a.avi", 0.7, ("-c:v", "mpeg4", "-c:a", "libmp3lame")),
        ("a.wmv", 0.7, ("-c:v", "wmv2", "-c:a", "wmav2")),
        ("a.ogv", 0.8, ("-c:v", "libtheora", "-c:a", "libvorbis")),
        ("a.flv", 0.5, ("-c", "copy")),
        ("a.mxf", 0.5, ("-c:v", "mpeg2video", "-q:v", "3", "-c:a", "pcm_s16le", "-ar", "48000")),
        ("a.mkv", 0.7, ("-c", "copy")),
    ],
)
async def test_a_file_that_breaks_off_plays_to_there_and_says_so(
    flashes: Path, tmp_path: Path, name: str, keep: float, arguments: tuple[str, ...]
) -> None:
    whole = tmp_path / name
    run_ffmpeg("-i", str(flashes), *arguments, str(whole))
    result = await package_smallest(truncate_clip(whole, keep, tmp_path / f"cut-{name}"), tmp_path)
    assert result.done is not None
    assert result.done.damaged_after_ms is not None
    ends_ms = max(result.renditions[n].index.duration_ms for n in (0, 1))
    assert result.done.damaged_after_ms == pytest.approx(ends_ms, abs=50)
    assert 500 < ends_ms < 3900
    assert seen(result)[0] == 0


OFFSETS_S = [-0.4, 0.7, 18.277, 9871.043]


@pytest.mark.parametrize("offset_s", OFFSETS_S)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.mkv", ("-c", "copy")),
        ("a.webm", ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis")),
        ("a.flv", ("-c", "copy")),
        ("a.wmv", ("-c:v", "wmv2", "-c:a", "ac3")),
        ("a.ogv", ("-c:v", "libtheora", "-c:a", "libvorbis")),
        ("a.ts", ("-c", "copy")),
        ("a.mp4", ("-c", "copy")),
        ("a-fragments.mp4", ("-c", "copy", "-movflags", "frag_keyframe+delay_moov+frag_discont")),
    ],
)
async def test_a_whole_file_is_whole_wherever_its_times_begin(
    flashes: Path, tmp_path: Path, name: str, arguments: tuple[str, ...], offset_s: float
) -> None:
    source = tmp_path / name
    times = ("-output_ts_offset", str(offset_s), "-avoid_negative_ts", "disabled")
    run_ffmpeg("-i", str(flashes), *arguments, *times, str(source))
    result = await package_smallest(source, tmp_path)
    assert result.done is not None
    assert result.done.damaged_after_ms is None
    if offset_s > 0:
        assert result.done.duration_ms == pytest.approx(4000, abs=50)
        assert seen(result) == pytest.approx(range(4), abs=IN_STEP_S)
        assert heard(result) == pytest.approx(range(4), abs=IN_STEP_S)


@pytest.mark.parametrize("offset_s", [0.7, 5, 3600])
@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.wmv"])
async def test_one_that_breaks_off_is_found_out_wherever_its_times_begin(
    flashes: Path, tmp_path: Path, name: str, offset_s: float
) -> None:
    whole = tmp_path / name
    codecs = ("-c:v", "wmv2", "-c:a", "wmav2") if name == "a.wmv" else ("-c", "copy")
    run_ffmpeg("-i", str(flashes), *codecs, "-output_ts_offset", str(offset_s), str(whole))
    result = await package_smallest(truncate_clip(whole, 0.7, tmp_path / f"cut-{name}"), tmp_path)
    assert result.done is not None
    assert result.done.damaged_after_ms == result.done.duration_ms
    assert 500 < result.done.duration_ms < 3900


async def test_a_picture_that_breaks_off_is_not_held(flashes: Path, tmp_path: Path) -> None:
    # Read for its picture alone, such a file may seem to end in good order.
    for name in ("a.mkv", "a.mp4"):
        whole, source = tmp_path / name, tmp_path / f"cut-{name}"
        run_ffmpeg("-i", str(flashes), "-c", "copy", "-movflags", "+faststart", str(whole))
        truncate_clip(whole, 0.6, source)
        result = await make(source, tmp_path, rungs=whole_ladder, audio=False)
        assert result.done is not None
        assert 500 < result.renditions[0].index.duration_ms < 3000
        assert result.done.damaged_after_ms == result.done.duration_ms
