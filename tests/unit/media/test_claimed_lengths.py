"""What a file claims of its own length holds no picture and makes no damage, where its packets tell another one."""

import io
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.hostile.edge_case_clips import EBML_DURATION, make_film
from tests.hostile.recipes import Recipe, Sound
from tests.hostile.verdicts import package
from tests.unit.media.worker_harness import Result, package_smallest

STEP_MS = 90
"""A picture of 12 a second, and rounding."""


def with_duration(path: Path, times: float) -> Path:
    """Let a Matroska file claim so many times its length, in its header."""
    data = path.read_bytes()
    at = data.find(EBML_DURATION) + len(EBML_DURATION)
    (said,) = struct.unpack_from(">d", data, at)
    path.write_bytes(data[:at] + struct.pack(">d", said * times) + data[at + 8 :])
    return path


def lasts_ms(result: Result) -> int:
    assert result.done is not None
    return result.done.duration_ms


def is_damaged(result: Result) -> bool:
    assert result.done is not None
    return result.done.damaged_after_ms is not None


@pytest.mark.parametrize("times", [0, float("nan"), -1, 0.001, 0.4, 1.5, 3, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("origin_s", [0, 36_000])
async def test_a_false_duration_in_the_header_counts_for_nothing(tmp_path: Path, times: float, origin_s: int) -> None:
    source = make_film(Recipe(container="mkv", codec="h264", origin_s=origin_s), tmp_path / "film.mkv")
    result = await package_smallest(with_duration(source, times), tmp_path)
    assert lasts_ms(result) == pytest.approx(2000, abs=STEP_MS)
    assert not is_damaged(result)


@pytest.mark.parametrize("times", [0.4, 1e3])
async def test_nor_does_it_where_there_is_sound(tmp_path: Path, times: float) -> None:
    recipe = Recipe(container="mkv", codec="h264", origin_s=3600, sounds=(Sound("eac3", lasts_s=0.5),))
    result = await package_smallest(with_duration(make_film(recipe, tmp_path / "film.mkv"), times), tmp_path)
    assert lasts_ms(result) == pytest.approx(2000, abs=STEP_MS)
    assert not is_damaged(result)


EARLY = Sound("ac3", rate_hz=32_000, starts_s=-3, lasts_s=3.1)


@pytest.mark.parametrize(
    ("recipe", "lasts_s"),
    [
        (Recipe(codec="mjpeg", pixels="yuvj420p", rate="10", pictures=1, origin_s=5, sounds=(EARLY,)), 3.1),
        (Recipe(codec="vp9", rate="5", pictures=2, sounds=(Sound("flac", lasts_s=0.4), EARLY)), 3.4),
        (Recipe(codec="ffv1", rate="24", pictures=2, sounds=(replace(EARLY, lasts_s=2.5),)), 3.083),
        (Recipe(rate="1", pictures=10, sounds=(replace(EARLY, starts_s=-120, lasts_s=1),)), 130),
        (Recipe(rate="1", pictures=6, jump_s=500), 506),
        (Recipe(rate="1", pictures=6, jump_s=150, sounds=(Sound("mp3", lasts_s=6),)), 156),
    ],
    ids=str,
)
@pytest.mark.parametrize("times", [0.001, 0.4])
async def test_a_claim_that_is_too_short_cuts_nothing(
    tmp_path: Path, recipe: Recipe, lasts_s: float, times: float
) -> None:
    source = with_duration(make_film(recipe, tmp_path / "film.mkv"), times)
    result = await package_smallest(source, tmp_path)
    ends_ms = [rendition.index.duration_ms for rendition in result.renditions.values()]
    assert ends_ms == pytest.approx([lasts_s * 1000] * len(ends_ms), abs=STEP_MS)
    assert lasts_ms(result) == pytest.approx(lasts_s * 1000, abs=STEP_MS)
    assert not is_damaged(result)


async def test_a_film_whose_rest_was_overwritten_is_damaged(tmp_path: Path) -> None:
    source = make_film(Recipe(container="mkv", codec="h264", pictures=96), tmp_path / "film.mkv")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert is_damaged(await package_smallest(source, tmp_path))


@pytest.mark.parametrize(("last_s", "lasts_s"), [(5, 6.917), (300, 301.917), (7200, 2)])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
async def test_a_last_picture_lasts_minutes_but_no_hours(
    tmp_path: Path, container: str, last_s: float, lasts_s: float
) -> None:
    source = make_film(Recipe(container=container, codec="h264", last_s=last_s), tmp_path / f"film.{container}")
    result = await package_smallest(source, tmp_path)
    assert lasts_ms(result) == pytest.approx(lasts_s * 1000, abs=STEP_MS)


async def test_one_packet_of_sound_far_behind_all_others_makes_no_hour_of_film(tmp_path: Path) -> None:
    sounds = (Sound("ac3", lasts_s=2), Sound("ac3", starts_s=3000, lasts_s=0.03))
    source = make_film(Recipe(container="mkv", codec="h264", sounds=sounds), tmp_path / "film.mkv")
    result = await package_smallest(source, tmp_path)
    assert lasts_ms(result) == pytest.approx(2000, abs=STEP_MS)


async def test_a_whole_flv_whose_last_picture_lasts_long_is_not_damaged(tmp_path: Path) -> None:
    recipe = Recipe(container="flv", codec="flv", last_s=5, sounds=(Sound("mp3", rate_hz=44_100),))
    source = make_film(recipe, tmp_path / "film.flv")
    assert not is_damaged(await package_smallest(source, tmp_path))
    source.write_bytes(source.read_bytes()[: whole_tags(source.read_bytes())])
    assert is_damaged(await package_smallest(source, tmp_path))


LATE, LATE_MP3 = (Sound(codec, starts_s=3, lasts_s=0.5) for codec in ("ac3", "mp3"))
"""AVI lets it begin late by chunks that are empty: the header counts them, and they are no packets."""


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(container="avi", codec="mpeg4", sounds=(LATE,)),
        Recipe(container="avi", codec="ffv1", rate="30", pictures=15, sounds=(LATE, Sound("mp3", lasts_s=0.1))),
        Recipe(container="avi", codec="mjpeg", pixels="yuvj420p", pictures=2, jump_s=3, sounds=(LATE_MP3,)),
        Recipe(container="mp4", codec="vp9", last_s=5, sounds=(Sound("opus"),)),
        Recipe(container="mp4", codec="h264", b_frames=2, last_s=5, sounds=(Sound("alac"),)),
        Recipe(container="mp4", codec="h264", header="long", sounds=(Sound("aac"),)),
        Recipe(container="mov", codec="prores", pixels="yuv422p10le", last_s=5, sounds=(Sound("pcm_s16le"),)),
    ],
    ids=str,
)
async def test_a_whole_film_is_not_damaged_whatever_its_header_counts(tmp_path: Path, recipe: Recipe) -> None:
    source = make_film(recipe, tmp_path / f"film.{recipe.container}")
    assert not is_damaged(await package_smallest(source, tmp_path))


@pytest.mark.parametrize("container", ["avi", "mp4"])
async def test_one_that_lost_its_second_half_is_damaged(tmp_path: Path, container: str) -> None:
    recipe = Recipe(container=container, codec="mpeg4", pictures=96, sounds=(Sound("ac3", lasts_s=8),))
    source = make_film(replace(recipe, options=("movflags=faststart",)), tmp_path / f"film.{container}")
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    assert is_damaged(await package_smallest(source, tmp_path))


async def test_an_avi_whose_rest_was_overwritten_is_damaged(tmp_path: Path) -> None:
    recipe = Recipe(container="avi", codec="mpeg4", pictures=96, sounds=(Sound("ac3", lasts_s=8),))
    source = make_film(recipe, tmp_path / "film.avi")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert is_damaged(await package_smallest(source, tmp_path))


async def test_a_recording_that_does_not_know_where_its_data_end_is_damaged_where_samples_are_missing(
    tmp_path: Path,
) -> None:
    recipe = Recipe(container="mp4", codec="mpeg4", pictures=96, options=("movflags=faststart",))
    source = make_film(recipe, tmp_path / "film.mp4")
    data = source.read_bytes()
    at = data.index(b"mdat") - 4
    source.write_bytes(data[:at] + bytes(4) + data[at + 4 : len(data) // 2])
    assert is_damaged(await package_smallest(source, tmp_path))


async def test_a_long_avi_that_lost_its_last_part_is_damaged(tmp_path: Path) -> None:
    source = make_film(Recipe(container="avi", codec="mpeg4", pictures=96), tmp_path / "film.avi")
    data = source.read_bytes()
    source.write_bytes(data + struct.pack("<4sI4s", b"RIFF", 1 << 20, b"AVIX") + bytes(1000))
    assert is_damaged(await package_smallest(source, tmp_path))


def whole_tags(data: bytes) -> int:
    """Tell where a tag ends at about half of an FLV file (Adobe's FLV specification 10.1, annex E.3)."""
    at = 9 + 4
    while at < len(data) // 2:
        at += 11 + int.from_bytes(data[at + 1 : at + 4], "big") + 4
    return at


@pytest.mark.parametrize("lasts_s", [0.05, 0.35, 0.87])
async def test_the_picture_of_a_short_sound_ends_with_it(tmp_path: Path, lasts_s: float) -> None:
    recipe = Recipe(container="flac", codec="", sounds=(Sound("flac", lasts_s=lasts_s),))
    result = await package_smallest(make_film(recipe, tmp_path / "sound.flac"), tmp_path)
    picture = result.renditions[0].index
    assert Fraction(picture.duration_ms, 1000) == pytest.approx(Fraction(lasts_s), abs=0.1)
    assert lasts_ms(result) == pytest.approx(lasts_s * 1000, abs=2 * 1024 / 48)


async def test_a_film_that_breaks_off_lasts_as_long_as_its_longest_sound(tmp_path: Path) -> None:
    sounds = (Sound("ac3", lasts_s=1.1), Sound("mp3", lasts_s=4))
    recipe = Recipe(codec="mpeg4", container="mp4", pictures=14, sounds=sounds, options=("movflags=faststart",))
    source = make_film(replace(recipe, back=0.1), tmp_path / "film.mp4")
    result = await package_smallest(source, tmp_path)
    ends_ms = [rendition.index.duration_ms for rendition in result.renditions.values()]
    assert lasts_ms(result) == pytest.approx(max(ends_ms), abs=50)
    assert min(ends_ms) > 2000
    assert is_damaged(result)


def test_a_short_sound_made_alone_lasts_as_long_as_the_picture(tmp_path: Path) -> None:
    sounds = (Sound("ac3", lasts_s=4), Sound("ac3", lasts_s=1))
    recipe = Recipe(container="mkv", codec="h264", pictures=48, sounds=sounds)
    source = with_duration(make_film(recipe, tmp_path / "film.mkv"), 1e3)
    packaged = package(source, tmp_path / "hls")
    assert packaged.sounds_s == pytest.approx((4, 4), abs=0.1)


async def test_a_sound_without_a_packet_is_silence(tmp_path: Path) -> None:
    recipe = Recipe(container="mkv", codec="h264", sounds=(Sound("ac3", starts_s=1, lasts_s=0.03),))
    source = make_film(recipe, tmp_path / "film.mkv")
    source.write_bytes(without_sound(source.read_bytes()))
    result = await package_smallest(source, tmp_path)
    ends_ms = [rendition.index.duration_ms for rendition in result.renditions.values()]
    assert ends_ms == pytest.approx([2000, 2000], abs=50)


def test_a_film_that_breaks_off_before_its_sound_is_packaged(tmp_path: Path) -> None:
    sounds = (Sound("ac3", starts_s=3, lasts_s=1),)
    recipe = Recipe(container="mkv", codec="mjpeg", pixels="yuvj420p", pictures=4, sounds=sounds)
    source = make_film(recipe, tmp_path / "film.mkv")
    data = source.read_bytes()
    source.write_bytes(data[: sound_blocks(data)[0] - 8])
    packaged = package(source, tmp_path / "hls")
    assert (packaged.refusal, packaged.damaged) == ("", True)


def without_sound(data: bytes) -> bytes:
    """Let each block of the second track belong to one that was never announced (RFC 9559 section 10.1)."""
    changed = bytearray(data)
    for at in sound_blocks(data):
        assert changed[at] == 0x82
        changed[at] = 0x83
    return bytes(changed)


def sound_blocks(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data), "r") as container:
        return [packet.pos for packet in container.demux(audio=0) if packet.size and packet.pos]
