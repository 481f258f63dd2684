"""When a disk will be full: only where its used space grows steadily."""

from datetime import date, timedelta

import pytest

from streamtime.maintenance.space_history import DiskDay, full_in_days

TOTAL = 1_000


def days(*used: int) -> list[DiskDay]:
    """Days in a row with this much used space."""
    first = date(2026, 1, 1)
    return [DiskDay(first + timedelta(days=at), TOTAL - each, TOTAL, 0) for at, each in enumerate(used)]


def test_steady_growth_has_an_end() -> None:
    assert full_in_days(days(*range(100, 400, 10))) == 61  # 610 are free, and 10 a day are taken
    assert full_in_days(days(*[100] * 60, *range(100, 400, 10))) == 61, "what was long ago does not count"


@pytest.mark.parametrize("used", [(), (100,), range(100, 700, 100), [500] * 30, range(400, 100, -10), [100, 900] * 15])
def test_otherwise_nothing_is_foretold(used: list[int]) -> None:
    assert full_in_days(days(*used)) is None


def test_missing_days_are_a_gap_not_a_jump() -> None:
    recorded = days(*range(100, 400, 10))
    assert full_in_days(recorded[:3] + recorded[20:]) == 61
