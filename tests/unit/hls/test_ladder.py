"""The ladder: which heights, sizes and bitrates."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.hls.ladder import DEFAULT_RUNGS, Rung, choose_first_rung, plan_ladder, reduced_fps

SIZES = st.integers(1, 8192)
RATES = st.fractions(min_value=Fraction(1, 10), max_value=240, max_denominator=1001)


def names(width: int, height: int, *, copied_height: int | None = None) -> list[str]:
    return [rung.name for rung in plan_ladder(width, height, Fraction(25), copied_height=copied_height)]


def test_the_whole_ladder_of_ultra_hd() -> None:
    assert names(3840, 2160) == ["2160p", "1440p", "1080p", "720p", "480p", "360p", "240p"]


def test_nothing_is_scaled_up() -> None:
    assert names(1280, 720) == ["720p", "480p", "360p", "240p"]
    assert names(1279, 719) == ["480p", "360p", "240p"]


def test_a_portrait_is_judged_by_its_short_side() -> None:
    rung = plan_ladder(1080, 1920, Fraction(25))[0]
    assert (rung.name, rung.width, rung.height, rung.short_side) == ("1080p", 1080, 1920, 1080)


def test_a_copy_takes_the_place_of_its_own_height_and_all_above() -> None:
    assert names(1280, 720, copied_height=720) == ["480p", "360p", "240p"]
    assert names(426, 240, copied_height=240) == []
    assert names(160, 120, copied_height=120) == []


def test_a_tiny_picture_has_one_rung_of_its_own_size() -> None:
    (rung,) = plan_ladder(161, 121, Fraction(25))
    assert (rung.name, rung.width, rung.height) == ("120p", 160, 120)


def test_a_rung_that_saves_little_is_left_out() -> None:
    rungs = (Rung(1080, 5_000_000), Rung(900, 4_500_000), Rung(720, 3_000_000))
    assert [r.name for r in plan_ladder(1920, 1080, Fraction(25), rungs=rungs)] == ["1080p", "720p"]


@pytest.mark.parametrize(
    ("fps", "most", "expected"),
    [
        (Fraction(25), 60, Fraction(25)),
        (Fraction(60), 30, Fraction(30)),
        (Fraction(60_000, 1001), 30, Fraction(30_000, 1001)),
        (Fraction(120), 60, Fraction(60)),
        (Fraction(120), 30, Fraction(30)),
        (Fraction(50), 30, Fraction(25)),
        (Fraction(144), 60, Fraction(48)),
    ],
)
def test_rates_are_divided_evenly(fps: Fraction, most: int, expected: Fraction) -> None:
    assert reduced_fps(fps, Fraction(most)) == expected


def test_the_first_rung_to_make_is_a_middling_one() -> None:
    assert choose_first_rung(plan_ladder(1920, 1080, Fraction(25))).name == "480p"
    assert choose_first_rung(plan_ladder(320, 240, Fraction(25))).name == "240p"


def test_no_size_is_no_plan() -> None:
    with pytest.raises(ValueError, match="cannot be planned"):
        plan_ladder(0, 720, Fraction(25))
    with pytest.raises(ValueError, match="empty"):
        choose_first_rung(())


@given(SIZES, SIZES, RATES)
def test_every_rung_can_be_encoded(width: int, height: int, fps: Fraction) -> None:
    plan = plan_ladder(width, height, fps)
    assert plan
    assert len({rung.name for rung in plan}) == len(plan)
    for rung in plan:
        assert rung.width % 2 == rung.height % 2 == 0
        assert 2 <= rung.width <= max(2, width + 1)
        assert 2 <= rung.height <= max(2, height + 1)
        assert rung.fps <= fps
        assert rung.fps <= Fraction(60_060, 1000)
        assert rung.maxrate_bps >= min(r.max_bitrate_bps for r in DEFAULT_RUNGS)
    assert list(plan) == sorted(plan, key=lambda r: -r.width * r.height)
