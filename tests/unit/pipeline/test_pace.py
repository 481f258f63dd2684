"""Speed and time left, from what was seen lately."""

import pytest

from streamtime.pipeline.pace import Pace


def test_a_steady_pace_tells_what_is_left() -> None:
    pace = Pace()
    for second in range(11):
        pace.note(second / 100, second)
    assert pace.rate == pytest.approx(0.01)
    assert pace.left_s == pytest.approx(90)


def test_too_little_seen_says_nothing() -> None:
    pace = Pace()
    assert (pace.rate, pace.left_s) == (None, None)
    pace.note(0.0, 0)
    pace.note(0.1, 0.5)
    assert (pace.rate, pace.left_s) == (None, None)


def test_what_is_long_past_does_not_count() -> None:
    pace = Pace()
    pace.note(0.0, 0)
    for second in range(100, 150, 5):
        pace.note(0.5 + (second - 100) / 1000, second)
    assert pace.rate == pytest.approx(0.001)


def test_a_pause_is_forgotten() -> None:
    pace = Pace()
    pace.note(0.0, 0)
    pace.note(0.2, 10)
    pace.forget()
    pace.note(0.2, 100)
    pace.note(0.3, 110)
    assert pace.rate == pytest.approx(0.01)


def test_no_progress_has_no_end() -> None:
    pace = Pace()
    pace.note(0.2, 0)
    pace.note(0.2, 10)
    assert pace.left_s is None
