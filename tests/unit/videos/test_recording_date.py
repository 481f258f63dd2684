"""Recording dates: which times of files are believed, and which dates owners may set."""

import pytest

from streamtime.errors import Invalid
from streamtime.videos.recording_date import RecordingDate, chosen_date, date_from_file

NOW = 1_780_000_000_000  # May 2026


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-05-01T23:30:22+0200", "2024-05-01T23:30:22+02:00"),
        ("2024-05-01T23:30:22-05:30", "2024-05-01T23:30:22-05:30"),
        ("2024-05-01T12:03:22.000000Z", "2024-05-01T12:03:22Z"),
        ("2024-05-01 12:03:22", "2024-05-01T12:03:22Z"),
    ],
)
def test_a_time_in_a_file_keeps_its_offset(text: str, iso: str) -> None:
    found = date_from_file([text], NOW)
    assert found is not None
    assert (found.iso, found.day) == (iso, iso[:10])


@pytest.mark.parametrize(
    "text",
    [
        "1904-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:00.000000Z",
        "1980-01-01T00:00:00Z",
        "2040-02-06T06:28:15.000000Z",
        "2024-13-01T00:00:00Z",
        "2024-05-01T25:00:00Z",
        "2024-05-01T00:00:00+99:99",
        "2024",
        "+27.5916+086.5640/",
        "yesterday",
        "",
    ],
)
def test_what_cannot_be_the_time_of_a_recording_is_ignored(text: str) -> None:
    assert date_from_file([text], NOW) is None
    believable = date_from_file([text, "2020-01-02T03:04:05Z"], NOW)
    assert believable == RecordingDate(1_577_934_245_000)


def test_owners_may_set_any_day_since_photography() -> None:
    assert chosen_date(" 1953-06-02 ", NOW) == RecordingDate(-523_324_800_000)
    assert chosen_date("1953-06-02", NOW).day == "1953-06-02"  # type: ignore[union-attr]  # a date was given
    assert chosen_date("2024-05-01T14:03:22+02:00", NOW) == RecordingDate(1_714_565_002_000, 120)
    assert chosen_date("  ", NOW) is None


@pytest.mark.parametrize("text", ["2024-02-30", "1492-10-12", "2050-01-01", "0000-00-00", "in May", "2024-05"])
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        chosen_date(text, NOW)
    assert caught.value.field == "recorded_at"
