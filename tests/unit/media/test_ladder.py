"""Encoded renditions: upright, aligned with one another and with a copy, and no larger than asked for."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from streamtime.hls.ladder import plan_ladder
from streamtime.hls.segment_index import Grid
from tests.clips import make_clip
from tests.unit.media.worker_harness import largest_rung, make, picture_times_s, whole_ladder


def edge_colours(path: Path) -> list[tuple[int, int, int]]:
    """The colours of the first picture at four points that a quarter turn maps onto one another, clockwise."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(width=48, height=48, format="rgb24")
    plane, stride = bytes(frame.planes[0]), frame.planes[0].line_size
    return [tuple(plane[y * stride + x * 3 :][:3]) for x, y in ((2, 9), (38, 2), (45, 38), (9, 45))]  # type: ignore[misc]


async def test_all_rungs_are_cut_where_the_copy_is(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=15, width=854, height=480, fps="30000/1001", gop_s=2.7)
    copied = (await make(source, tmp_path, copy=True)).renditions[0]
    rungs = plan_ladder(854, 480, Fraction(30000, 1001), copied_height=480)
    assert [rung.name for rung in rungs] == ["360p", "240p"]
    made = await make(source, tmp_path, rungs=rungs, audio=False, grid=Grid.of_copy(copied.index))
    for number in range(2):
        assert made.renditions[number].starts_s[:-1] == copied.starts_s[:-1]
        assert picture_times_s(made.renditions[number].data) == pytest.approx(picture_times_s(copied.data), abs=0.0015)


async def test_without_a_copy_cuts_come_every_four_seconds(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=9, width=640, height=360, video="vp9")
    made = await make(source, tmp_path, rungs=whole_ladder, audio=False)
    for rendition in made.renditions.values():
        assert [float(s) for s in rendition.starts_s] == pytest.approx([0, 4, 8, 9], abs=0.001)
        for number, starts_s in enumerate(rendition.starts_s[:-1]):
            times = picture_times_s(rendition.init + rendition.segment(number))
            assert min(times) == times[0] == pytest.approx(float(starts_s), abs=0.001)
    assert all(0 <= p.fraction <= 1 for p in made.progress)  # none if it takes less than half a second


async def test_fast_sources_are_halved_where_small_and_still_cut_together(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", duration_s=5, width=1280, height=720, fps=60, gop_s=20)
    rungs = plan_ladder(1280, 720, Fraction(60))
    assert [(rung.name, rung.fps) for rung in rungs[:2]] == [("720p", Fraction(60)), ("480p", Fraction(30))]
    made = await make(source, tmp_path, rungs=(rungs[0], rungs[-1]), audio=False)
    assert made.renditions[0].starts_s == made.renditions[1].starts_s
    assert len(picture_times_s(made.renditions[0].data)) == 300
    assert len(picture_times_s(made.renditions[1].data)) == 150


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 640, "height": 360}, (640, 360)),
        ({"width": 360, "height": 640}, (360, 640)),
        ({"width": 640, "height": 360, "rotation": 90}, (360, 640)),
        ({"width": 640, "height": 360, "rotation": 180}, (640, 360)),
        ({"width": 720, "height": 576, "sample_aspect": "16/15"}, (640, 480)),
        ({"width": 333, "height": 251, "pix_fmt": "yuv444p"}, (318, 240)),
        ({"width": 101, "height": 57, "pix_fmt": "yuv444p"}, (100, 56)),
        ({"width": 16, "height": 16}, (16, 16)),
    ],
)
async def test_sizes_are_even_upright_and_in_square_pixels(
    tmp_path: Path, options: dict[str, object], size: tuple[int, int]
) -> None:
    source = make_clip(tmp_path / "clip.mp4", duration_s=1, audio=None, **options)  # type: ignore[arg-type]  # a table
    made = await make(source, tmp_path, rungs=largest_rung)
    started = made.renditions[0].started
    assert (started.width, started.height) == size
    with av.open(str(made.renditions[0].path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (*size, 0)
        assert container.streams.video[0].sample_aspect_ratio in {None, Fraction(1)}


@pytest.mark.parametrize("turn", [90, 180, 270])
async def test_a_turned_picture_stands_upright(tmp_path: Path, turn: int) -> None:
    plain = make_clip(tmp_path / "plain.mp4", duration_s=1, audio=None, width=480, height=360)
    turned = make_clip(tmp_path / "turned.mp4", duration_s=1, audio=None, width=480, height=360, rotation=turn)
    reference = await make(plain, tmp_path, rungs=largest_rung)
    before = edge_colours(reference.renditions[0].path)
    made = await make(turned, tmp_path, rungs=largest_rung)
    after = edge_colours(made.renditions[0].path)
    # The clip's turn is counter-clockwise: what was at the top right is then at the top left.
    steps = turn // 90
    expected = before[steps:] + before[:steps]
    for found, wanted in zip(after, expected, strict=True):
        assert found == pytest.approx(wanted, abs=60)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten.mkv", {"video": "hevc", "pix_fmt": "yuv420p10le"}),
        ("full.mp4", {"pix_fmt": "yuvj420p", "open_gop": True}),
        ("chroma.mp4", {"pix_fmt": "yuv422p"}),
        ("fields.ts", {"interlaced": True}),
        ("old.avi", {"video": "mpeg4", "audio": "mp3"}),
        ("times.avi", {}),
        ("disc.mpg", {"video": "mpeg2video", "audio": "mp3"}),
        ("still.mkv", {"fps": "1/10", "duration_s": 60, "gop_s": 30}),
        ("fast.mp4", {"fps": 120, "duration_s": 2, "gop_s": 20}),
        ("motion.avi", {"video": "mjpeg", "audio": "pcm_s16le", "pix_fmt": "yuvj420p"}),
    ],
)
async def test_every_kind_of_source_becomes_plain_video(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    source = make_clip(tmp_path / name, **{"width": 320, "height": 240, **options})  # type: ignore[arg-type]  # a table
    made = await make(source, tmp_path, rungs=whole_ladder)
    expected_s = float(options.get("duration_s", 4.0))  # type: ignore[arg-type]  # a table
    for rendition in made.renditions.values():
        assert rendition.index.duration_ms == pytest.approx(expected_s * 1000, abs=120)
    with av.open(str(made.renditions[0].path)) as container:
        frames = list(container.decode(video=0))
    assert frames[0].time == 0
    assert {frame.format.name for frame in frames} == {"yuv420p"}
    assert not any(frame.interlaced_frame for frame in frames)
    assert len(bytes(frames[-1].planes[0]).strip(b"\x10")) > 1000


@pytest.mark.parametrize(
    "extra", [("-pix_fmt", "yuvj420p"), ("-c:v", "libx264rgb", "-pix_fmt", "rgb24"), ("-pix_fmt", "yuv422p10le")]
)
async def test_colours_stay(tmp_path: Path, extra: tuple[str, ...]) -> None:
    plain = make_clip(tmp_path / "plain.mkv", duration_s=1, audio=None, width=320, height=240)
    other = make_clip(tmp_path / "other.mkv", duration_s=1, audio=None, width=320, height=240, extra=extra)
    made = await make(other, tmp_path, rungs=whole_ladder)
    for found, wanted in zip(edge_colours(made.renditions[0].path), edge_colours(plain), strict=True):
        assert found == pytest.approx(wanted, abs=25)
    with av.open(str(made.renditions[0].path), "r") as container:
        assert next(container.decode(video=0)).colorspace != 0


async def test_a_still_picture_is_cut_like_any_other(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=60, fps="1/10", width=320, height=240, gop_s=60)
    made = await make(source, tmp_path, rungs=whole_ladder, audio=False)
    assert [float(s) for s in made.renditions[0].starts_s] == pytest.approx(list(range(0, 61, 4)), abs=0.01)


async def test_ceilings_hold(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "clip.mp4", duration_s=8, width=640, height=480, audio=None, extra=("-vf", "noise=alls=80:allf=t")
    )
    made = await make(source, tmp_path, rungs=whole_ladder)
    for number, rung in enumerate(whole_ladder(made.facts)):
        assert made.renditions[number].index.average_bps <= rung.maxrate_bps * 1.35


async def test_what_is_there_of_a_broken_file_is_encoded(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "clip.mkv", duration_s=8, width=320, height=240)
    broken = tmp_path / "broken.mkv"
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    broken.write_bytes(data)
    made = await make(broken, tmp_path, rungs=whole_ladder, audio=False)
    assert made.done is not None
    assert len(picture_times_s(made.renditions[0].data)) > 80
