"""Films with odd beginnings and ends: a clock that starts anew, sound that is cut off, half a last picture."""

from pathlib import Path

import av
import pytest

from streamtime.media.video_stream import frame_rate
from tests.clips import run_ffmpeg
from tests.hostile.edge_case_clips import make_film
from tests.hostile.recipes import WRAP_S, Recipe, Sound
from tests.unit.media.worker_harness import IN_STEP_S, loud_times_s, package_smallest, picture_times_s


@pytest.mark.parametrize(
    ("container", "codec"), [("ts", "hevc"), ("m2ts", "h264"), ("ts", "mpeg2video"), ("mpg", "mpeg2video")]
)
async def test_a_clock_may_start_anew_between_the_first_picture_and_the_sound(
    tmp_path: Path, container: str, codec: str
) -> None:
    sounds = (Sound("ac3", starts_s=1, lasts_s=0.5),)
    recipe = Recipe(container=container, codec=codec, rate="25", pictures=1, origin_s=WRAP_S - 0.5, sounds=sounds)
    result = await package_smallest(make_film(recipe, tmp_path / "film.ts"), tmp_path)
    assert loud_times_s(result.renditions[1].data) == pytest.approx([1], abs=IN_STEP_S)
    ends_ms = [rendition.index.duration_ms for rendition in result.renditions.values()]
    assert ends_ms == pytest.approx([1500, 1500], abs=60)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le"])
async def test_a_film_lasts_no_longer_for_sound_that_its_edit_list_cuts_off(tmp_path: Path, codec: str) -> None:
    sounds = (Sound(codec, starts_s=-3, lasts_s=1.2),)
    source = make_film(Recipe(container="mov", rate="24", pictures=6, sounds=sounds), tmp_path / "film.mov")
    result = await package_smallest(source, tmp_path)
    assert result.done is not None
    assert result.done.duration_ms == pytest.approx(250, abs=45)


@pytest.mark.parametrize("rest_bytes", range(1, 12))
async def test_a_picture_is_shown_whatever_is_left_of_the_one_after_it(tmp_path: Path, rest_bytes: int) -> None:
    recipe = Recipe(container="h264", width=48, height=128, rate="24", pictures=3, b_frames=3)
    data = make_film(recipe, tmp_path / "film.h264").read_bytes()
    first = data.index(b"\0\0\1\x65")  # a slice of an IDR picture (ISO/IEC 14496-10 table 7-1)
    second = data.index(b"\0\0\1", first + 3)
    source = tmp_path / "cut.h264"
    source.write_bytes(data[: second + 3 + rest_bytes])
    result = await package_smallest(source, tmp_path)
    assert picture_times_s(result.renditions[0].data)[0] == 0


def test_a_frame_rate_of_nearly_zero_is_not_believed(tmp_path: Path) -> None:
    source = tmp_path / "slow.ogv"
    slow = ("-f", "lavfi", "-i", "testsrc=r=12/8388607:d=699051:s=160x90", "-frames:v", "1")
    run_ffmpeg(*slow, "-c:v", "libtheora", str(source))
    with av.open(str(source)) as container:
        assert frame_rate(container.streams.video[0]) == 25
