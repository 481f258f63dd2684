"""Copied renditions: what a player gets of a source that is used as it is."""

import hashlib
from pathlib import Path

import pytest

from streamtime.workers.failure import WorkerFailed
from tests.clips import make_clip, run_ffmpeg, truncate_clip
from tests.unit.media.worker_harness import facts_of, loud_times_s, make, picture_times_s


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.flv", "clip.mov"])
async def test_a_copy_decodes_from_start_to_end(tmp_path: Path, name: str) -> None:
    source = make_clip(tmp_path / name, duration_s=9, width=320, height=180)
    result = await make(source, tmp_path, copy=True)
    video = result.renditions[0]
    times = picture_times_s(video.data)
    assert len(times) == 225
    assert times[0] == 0
    assert times[-1] == pytest.approx(8.96, abs=0.002)
    assert [round(float(s), 2) for s in video.starts_s] == [0, 4, 8, 9]
    assert video.sha256 == hashlib.sha256(video.data).digest()
    assert result.done is not None
    assert result.done.damaged_after_ms is None


async def test_every_segment_starts_with_a_keyframe_and_decodes_by_itself(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", duration_s=9, width=320, height=180)
    video = (await make(source, tmp_path, copy=True)).renditions[0]
    for number, starts_s in enumerate(video.starts_s[:-1]):
        times = picture_times_s(video.init + video.segment(number))
        assert min(times) == times[0] == pytest.approx(float(starts_s), abs=0.001)
        assert len(times) == (100 if number < 2 else 25)


async def test_it_says_exactly_what_is_inside(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", width=640, height=360, fps="30000/1001")
    result = await make(source, tmp_path, copy=True)
    started = result.renditions[0].started
    assert started.codecs == "avc1.64001E"
    assert (started.width, started.height, started.fps_num, started.fps_den) == (640, 360, 30000, 1001)
    sound = result.renditions[1].started
    assert (sound.codecs, sound.channels, sound.sample_rate_hz) == ("mp4a.40.2", 2, 48_000)


async def test_the_longest_segment_is_known_beforehand(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", duration_s=20, width=320, height=180, gop_s=7)
    result = await make(source, tmp_path, copy=True)
    assert result.facts.video.copy_target_duration_s == 7
    assert [round(float(s)) for s in result.renditions[0].starts_s] == [0, 7, 14, 20]


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("open.mp4", {"open_gop": True, "gop_s": 1}, "before the keyframe"),
        ("rare.mp4", {"gop_s": 30, "duration_s": 25}, "more than 10 s apart"),
        ("fields.ts", {"interlaced": True}, "interlaced"),
        ("colours.mp4", {"pix_fmt": "yuv444p"}, "kind of H.264"),
        ("turned.mp4", {"rotation": 90}, "turned"),
        ("other.mkv", {"video": "vp9"}, "vp9"),
        ("times.avi", {}, "does not store when"),
    ],
)
async def test_what_cannot_be_copied_is_told_at_once(
    tmp_path: Path, name: str, options: dict[str, object], why: str
) -> None:
    source = make_clip(tmp_path / name, width=320, height=180, **options)  # type: ignore[arg-type]  # a table
    video = (await facts_of(source)).video
    assert not video.copyable
    assert why in (video.copy_obstacle or "")


async def test_a_gap_that_only_shows_up_later_ends_the_copy(tmp_path: Path) -> None:
    # Matroska tells of keyframes far into the file only when one gets there.
    source = make_clip(
        tmp_path / "clip.mkv", duration_s=30, width=320, height=180,
        extra=("-x264-params", "keyint=infinite:scenecut=0", "-force_key_frames", "0,1,2,3,4,5,29"),
    )  # fmt: skip
    assert (await facts_of(source)).video.copyable
    with pytest.raises(WorkerFailed) as failed:
        await make(source, tmp_path, copy=True)
    assert failed.value.code == "copy_unfit"
    assert not failed.value.retryable


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts", "clip.mp4"])
async def test_what_is_there_of_a_truncated_file_plays(tmp_path: Path, name: str) -> None:
    whole = make_clip(tmp_path / name, duration_s=12, width=320, height=180, extra=("-movflags", "+faststart"))
    source = truncate_clip(whole, 0.6, tmp_path / f"cut-{name}")
    result = await make(source, tmp_path, copy=True)
    assert result.done is not None
    if name != "clip.ts":
        assert result.done.damaged_after_ms == pytest.approx(result.renditions[0].index.duration_ms, abs=200)
    times = picture_times_s(result.renditions[0].data)
    assert 100 < len(times) < 250


async def test_keyframes_that_are_no_new_beginning_are_not_copied(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "refresh.ts", duration_s=4, width=320, height=180, b_frames=0,
        extra=("-x264-params", "intra-refresh=1:keyint=25"),
    )  # fmt: skip
    late = tmp_path / "late.ts"
    late.write_bytes(source.read_bytes()[188 * 200 :])
    video = (await facts_of(late)).video
    assert not video.copyable
    assert "refer back" in (video.copy_obstacle or "")


@pytest.mark.parametrize("name", ["still.mkv", "still.mp4"])
async def test_two_pictures_far_apart_are_copied_exactly(tmp_path: Path, name: str) -> None:
    result = await make(slides(tmp_path / name, 0, 2), tmp_path, copy=True)
    video = result.renditions[0]
    assert picture_times_s(video.data) == [0, 2]
    assert video.index.duration_ms == pytest.approx(2040, abs=1)


async def test_a_picture_that_ends_long_before_its_sound_is_not_copied(tmp_path: Path) -> None:
    source = slides(tmp_path / "still.mkv", 0, 5, sound_s=8)
    with pytest.raises(WorkerFailed) as failed:
        await make(source, tmp_path, copy=True)
    assert failed.value.code == "copy_unfit"


def slides(path: Path, *shown_s: int, sound_s: float | None = None) -> Path:
    """A few pictures of 25 a second, shown from those seconds on, with one keyframe; and sound, if wished for."""
    chosen = "+".join(f"eq(t\\,{second})" for second in shown_s)
    sound = ["-f", "lavfi", "-i", f"sine=duration={sound_s}", "-c:a", "aac"] if sound_s else []
    picture = f"testsrc2=size=320x180:rate=25:duration={max(shown_s) + 1},select='{chosen}'"
    run_ffmpeg(
        *("-f", "lavfi", "-i", picture, *sound[:4]),
        *("-fps_mode", "passthrough", "-c:v", "libx264", "-bf", "0", *sound[4:], str(path)),
    )
    return path


async def test_a_copied_sound_starts_with_the_picture(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", duration_s=6, pattern="flash", width=320, height=180)
    result = await make(source, tmp_path, copy=True)
    assert result.facts.audios[0].copyable
    for second, heard in enumerate(loud_times_s(result.renditions[1].data)):
        assert heard == pytest.approx(second, abs=0.04)
    assert [round(float(s), 1) for s in result.renditions[1].starts_s] == [0, 4, 6]


async def test_a_hole_in_the_sound_ends_its_copy(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "clip.mkv", duration_s=8, width=320, height=180,
        extra=("-af", "aselect='not(between(t,3,5))'"),
    )  # fmt: skip
    with pytest.raises(WorkerFailed) as failed:
        await make(source, tmp_path, copy=True)
    assert failed.value.code == "audio_copy_unfit"
