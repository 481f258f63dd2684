"""What a ladder is expected to cost on disk: by its ceilings, and by its source once that is known."""

from fractions import Fraction

import pytest

from streamtime.hls.ladder import DEFAULT_RUNGS, plan_ladder, planned_bps, rung_bps, track_bytes, typical_rates

TOP = plan_ladder(1920, 1080, Fraction(25))[0]


def test_without_a_source_a_rung_is_expected_below_its_ceiling() -> None:
    assert 0 < rung_bps(5_500_000) < 5_500_000
    assert planned_bps(TOP, 1920, 1080, None, "hevc") == rung_bps(TOP.maxrate_bps)


def test_a_poor_source_does_not_become_rich() -> None:
    assert planned_bps(TOP, 1920, 1080, 1_000_000, "h264") == 1_000_000
    assert planned_bps(TOP, 1920, 1080, 1_000_000, "av1") > 1_000_000
    smaller = plan_ladder(1280, 720, Fraction(25))[0]
    assert planned_bps(smaller, 1920, 1080, 1_000_000, "h264") < 700_000


def test_a_rich_source_is_held_to_the_ceiling() -> None:
    assert planned_bps(TOP, 1920, 1080, 50_000_000, "h264") == rung_bps(TOP.maxrate_bps)


def test_bytes_of_a_track() -> None:
    assert track_bytes(8_000_000, 10) == pytest.approx(10_000_000, rel=0.02)
    assert track_bytes(8_000_000, 0) == 0


def test_a_browser_is_told_every_rung() -> None:
    rates = typical_rates(DEFAULT_RUNGS)
    assert [height for height, _, _ in rates] == [rung.height for rung in DEFAULT_RUNGS]
    assert all(usual < ceiling for _, ceiling, usual in rates)
