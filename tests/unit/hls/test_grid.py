"""The grid of segment boundaries."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.hls.segment_index import Grid, Segment, SegmentIndex


def test_a_regular_grid_cuts_every_four_seconds() -> None:
    grid = Grid.regular()
    assert grid.next_after(Fraction(0)) == 4
    assert grid.next_after(Fraction(3999, 1000)) == 4
    assert grid.next_after(Fraction(4)) == 8


def test_the_grid_of_a_copy_has_its_cuts_and_no_others() -> None:
    index = SegmentIndex(600, 0, tuple(Segment(0, 0, 1, d) for d in (2500, 3000, 9000)))
    grid = Grid.of_copy(index)
    assert grid.next_after(Fraction(0)) == Fraction(2500, 600)
    assert grid.next_after(Fraction(2500, 600)) == Fraction(5500, 600)
    assert grid.next_after(Fraction(5500, 600)) is None


def test_an_empty_copy_has_no_cut() -> None:
    assert Grid.of_copy(SegmentIndex(600, 0, ())).next_after(Fraction(0)) is None


@pytest.mark.parametrize("starts", [(), (1, 2), (0, 5, 5), (0, 5, 4)])
def test_what_is_no_grid_is_refused(starts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rises"):
        Grid(1000, starts)


@given(st.sets(st.integers(1, 10_000)), st.fractions(0, 20_000))
def test_the_next_cut_is_the_least_of_the_later_ones(later: set[int], time_s: Fraction) -> None:
    grid = Grid(1, (0, *sorted(later)), period=7)
    found = grid.next_after(time_s)
    assert found is not None
    assert found > time_s
    assert not any(time_s < start < found for start in later)
