"""Speed and time left, from what was seen lately."""

import pytest

from streamtime.transcoding.supervision import RateEstimator


def test_a_steady_pace_tells_what_is_left() -> None:
    pace = RateEstimator()
    for second in range(11):
        pace.add_sample(second / 100, second)
    assert pace.rate == pytest.approx(0.01)
    assert pace.remaining_s == pytest.approx(90)


def test_too_little_seen_says_nothing() -> None:
    pace = RateEstimator()
    assert (pace.rate, pace.remaining_s) == (None, None)
    pace.add_sample(0.0, 0)
    pace.add_sample(0.1, 0.5)
    assert (pace.rate, pace.remaining_s) == (None, None)


def test_what_is_long_past_does_not_count() -> None:
    pace = RateEstimator()
    pace.add_sample(0.0, 0)
    for second in range(100, 150, 5):
        pace.add_sample(0.5 + (second - 100) / 1000, second)
    assert pace.rate == pytest.approx(0.001)


def test_a_pause_is_forgotten() -> None:
    pace = RateEstimator()
    pace.add_sample(0.0, 0)
    pace.add_sample(0.2, 10)
    pace.reset()
    pace.add_sample(0.2, 100)
    pace.add_sample(0.3, 110)
    assert pace.rate == pytest.approx(0.01)


def test_no_progress_has_no_end() -> None:
    pace = RateEstimator()
    pace.add_sample(0.2, 0)
    pace.add_sample(0.2, 10)
    assert pace.remaining_s is None
