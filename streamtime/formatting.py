"""Formats sizes, durations and times for people, in the language of the request, and for machines."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from babel.dates import format_date, format_datetime, format_timedelta

from streamtime.translation import Language, current_language, gettext, gettext_noop, number_text

_UNITS = (
    gettext_noop("%(number)s bytes"), gettext_noop("%(number)s KB"), gettext_noop("%(number)s MB"),
    gettext_noop("%(number)s GB"), gettext_noop("%(number)s TB"), gettext_noop("%(number)s PB"),
)  # fmt: skip


def size_text(count: int) -> str:
    """Return a number of bytes in decimal units: `1.2 GB`."""
    size = float(count)
    for power, unit in enumerate(_UNITS):
        if size < 999.5 or unit == _UNITS[-1]:  # noqa: PLR2004  # more would be rounded to 1,000 of this unit
            digits = 0 if power <= 1 or size >= 100 else 1  # noqa: PLR2004  # three significant digits are enough
            return gettext(unit, number=number_text(size, digits=digits))
        size /= 1000
    raise AssertionError


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_Unit = Literal["year", "month", "week", "day", "hour", "minute"]
_AGES: tuple[tuple[int, _Unit], ...] = (
    (365 * _DAY, "year"),
    (30 * _DAY, "month"),
    (7 * _DAY, "week"),
    (_DAY, "day"),
    (_HOUR, "hour"),
    (_MINUTE, "minute"),
)


def duration_text(duration_ms: int) -> str:
    """Return a duration as players show it: `5:03`, `1:02:03`."""
    seconds = round(duration_ms / 1000)
    hours, minutes, rest = seconds // _HOUR, seconds // _MINUTE % 60, seconds % _MINUTE
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock_seconds(text: str) -> int:
    """Parse a time as players show it, or a number of seconds: `1:02:03`, `2:03`, `90`. Raises `ValueError`."""
    seconds = 0
    for part in text.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds


def duration_iso(duration_ms: int) -> str:
    """Return a duration in ISO 8601 format: `PT303S`."""
    return f"PT{round(duration_ms / 1000)}S"


def span_text(seconds: float) -> str:
    """Return an approximate length of time: `40 s`, `3 min`, `2 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < _MINUTE:
        return gettext("%(seconds)s s", seconds=whole)
    minutes = round(whole / _MINUTE)
    if minutes < _HOUR // _MINUTE:
        return gettext("%(minutes)s min", minutes=minutes)
    return gettext("%(hours)s h %(minutes)s min", hours=minutes // 60, minutes=minutes % 60)


def speed_text(speed: float) -> str:
    """Return a processing speed, in seconds of video per second: `2.1` and the multiplication sign."""
    digits = 0 if speed >= 10 else 1 if speed >= 1 else 2  # noqa: PLR2004  # two significant digits
    return f"{number_text(speed, digits=digits)}\N{MULTIPLICATION SIGN}"


def time_iso(at_ms: int) -> str:
    """Return a time in ISO 8601 format, in UTC: `2024-05-01T12:00:00Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def day_text(day: date) -> str:
    """Return a day for people: `1 May 2024`."""
    return format_date(day, "long", current_language().locale)


def moment_text(at_ms: int) -> str:
    """Return a time of the server's zone to the second, without the year: `01 May 14:03:59`."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
    return format_datetime(local, "dd MMM HH:mm:ss", locale=current_language().locale)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with a noun: `1 object`, `3 objects`. `plural` is needed where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def age_text(at_ms: int, now_ms: int) -> str:
    """Return how long ago a time was: `3 days ago`."""
    seconds = max(0, now_ms - at_ms) // 1000
    for length, unit in _AGES:
        if seconds >= length:
            return _age(current_language(), seconds // length * length, unit)
    return gettext("just now")


@lru_cache(maxsize=512)
def _age(language: Language, seconds: int, unit: _Unit) -> str:
    ago = timedelta(seconds=-seconds)
    return format_timedelta(ago, granularity=unit, threshold=1, add_direction=True, locale=language.locale)
