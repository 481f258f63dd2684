"""When a video was recorded: from the metadata of its file, or as its owner set it.

A recording date is an instant with the offset from UTC at the place of recording, so that its day is the day that
people remember. Files name the instant of their creation; nothing else of their metadata is used, no location.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from sqlalchemy.engine import RowMapping

from streamtime.errors import Invalid

EARLIEST_IN_FILE = datetime(1990, 1, 1, tzinfo=UTC)
"""Earlier times in files are those of clocks that were never set: 1904 (QuickTime), 1970 (Unix), 1980 (DOS)."""

EARLIEST_CHOSEN = datetime(1850, 1, 1, tzinfo=UTC)
"""Films are digitized, so owners may set times long before there were files."""

LATEST_AHEAD = timedelta(days=1)
"""Tolerance for wrong clocks; anything later is not the time of a recording."""

MAX_TEXT = 40

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RecordingDate:
    """An instant in milliseconds since the epoch, and the offset of local time from UTC in minutes."""

    at_ms: int
    offset_min: int = 0

    @property
    def local(self) -> datetime:
        """The time at the place of recording."""
        zone = timezone(timedelta(minutes=self.offset_min)) if self.offset_min else UTC
        return (_EPOCH + timedelta(milliseconds=self.at_ms)).astimezone(zone)

    @property
    def iso(self) -> str:
        """ISO 8601 with the offset: `2024-05-01T14:03:22+02:00`."""
        return self.local.isoformat(timespec="seconds").replace("+00:00", "Z")

    @property
    def day(self) -> str:
        """The day in ISO 8601 format."""
        return self.local.date().isoformat()


def date_from_file(texts: Sequence[str], uploaded_at_ms: int) -> RecordingDate | None:
    """Return the first of the times in a file's metadata that can be the time of a recording; None without one.

    It was not recorded after it was uploaded.
    """
    for text in texts:
        found = _parse_time(text)
        if found is not None and EARLIEST_IN_FILE <= found <= _latest(uploaded_at_ms):
            return _from_datetime(found)
    return None


def chosen_date(text: str, now_ms: int) -> RecordingDate | None:
    """Return the date that an owner entered, as a day or a time in ISO 8601 format; None for an empty text.

    A day without a time is kept as its midnight, UTC.

    Raises:
        Invalid: it is no date, or not in the years from 1850 until today.
    """
    text = text.strip()
    if not text:
        return None
    found = _parse_day(text) or _parse_time(text)
    if found is None:
        raise Invalid("Enter a date such as 2024-05-01.", field="recorded_at")
    if not EARLIEST_CHOSEN <= found <= _latest(now_ms):
        raise Invalid("Enter a date between 1850 and today.", field="recorded_at")
    return _from_datetime(found)


def recorded_columns(recorded: RecordingDate | None) -> dict[str, int | None]:
    """Return the columns of a video's row that keep its recording date."""
    if recorded is None:
        return {"recorded_at_ms": None, "recorded_offset_min": 0}
    return {"recorded_at_ms": recorded.at_ms, "recorded_offset_min": recorded.offset_min}


def recorded_in(row: RowMapping) -> RecordingDate | None:
    """Return the recording date in a video's row."""
    at_ms = row["recorded_at_ms"]
    return None if at_ms is None else RecordingDate(at_ms, row["recorded_offset_min"])


def _latest(now_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=now_ms) + LATEST_AHEAD


def _from_datetime(found: datetime) -> RecordingDate:
    offset = found.utcoffset() or timedelta()
    return RecordingDate((found - _EPOCH) // _MILLISECOND, offset // _MINUTE)


def _parse_day(text: str) -> datetime | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None


def _parse_time(text: str) -> datetime | None:
    """Parse a time; without an offset it is UTC, as in Matroska and in the headers of QuickTime and MP4."""
    match = _TIME.fullmatch(text.strip()[:MAX_TEXT])
    if match is None:
        return None
    day, clock, offset = match.groups()
    try:
        return datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in {None, 'Z'} else offset}")
    except ValueError:
        return None
