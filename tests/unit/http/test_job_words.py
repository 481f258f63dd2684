"""Speeds and times left, as people say them."""

import pytest

from streamtime.formatting import span_text, speed_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (59.6, "1 min"), (200, "3 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


@pytest.mark.parametrize(("speed", "text"), [(0.53, "0.53"), (2.14, "2.1"), (9.94, "9.9"), (41.7, "42")])
def test_speeds(speed: float, text: str) -> None:
    assert speed_text(speed) == f"{text}\N{MULTIPLICATION SIGN}"
