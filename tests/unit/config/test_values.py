"""Sizes and lengths of time, as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamtime.config.values import ByteCount, Seconds


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (5, 5),
        ("5", 5),
        ("5 B", 5),
        ("1KiB", 1024),
        ("1 kb", 1000),
        ("1.5 GiB", 3 * 2**29),
        (" 2 TiB ", 2**41),
        ("0", 0),
    ],
)
def test_sizes(raw: object, count: int) -> None:
    assert ByteCount.parse(raw) == count


@pytest.mark.parametrize(
    "raw", ["", "GiB", "-1", "1 XB", "1,5 GB", "1e9", True, None, 1.5, [], "9" * 40, "\u0665 GB x"]
)
def test_no_sizes(raw: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        ByteCount.parse(raw)


@pytest.mark.parametrize(("raw", "seconds"), [(90, 90), ("90", 90), ("90s", 90), ("15 m", 900), ("2w", 1209600)])
def test_lengths_of_time(raw: object, seconds: int) -> None:
    assert Seconds.parse(raw) == seconds


@pytest.mark.parametrize("raw", ["", "d", "-1s", "1y", "1.5h", True, None, 1.5, "P1D"])
def test_no_lengths_of_time(raw: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Seconds.parse(raw)


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=2**60))
def test_what_is_written_reads_back_as_it_was(number: int) -> None:
    if number < 10**12:
        assert Seconds.parse(str(Seconds(number))) == number
    assert ByteCount.parse(str(ByteCount(number))) == number
