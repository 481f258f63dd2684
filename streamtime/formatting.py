"""Numbers and times as people say them. Sentences come from the templates' catalogue, not from here.

Numbers of bytes in words.
"""

from datetime import UTC, datetime

_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def size_text(count: int) -> str:
    """A number of bytes in units of a thousand, as disks are sold: `1.2 GB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 999.5 or unit == _UNITS[-1]:  # noqa: PLR2004  # what would round to 1,000 of this unit
            return f"{size:.0f} {unit}" if unit in {"bytes", "KB"} or size >= 100 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    raise AssertionError


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_AGES = (
    (365 * _DAY, "year"),
    (30 * _DAY, "month"),
    (7 * _DAY, "week"),
    (_DAY, "day"),
    (_HOUR, "hour"),
    (_MINUTE, "minute"),
)


def duration_text(duration_ms: int) -> str:
    """A length as players show it: `5:03`, `1:02:03`."""
    seconds = round(duration_ms / 1000)
    hours, minutes, rest = seconds // _HOUR, seconds // _MINUTE % 60, seconds % _MINUTE
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration_iso(duration_ms: int) -> str:
    """The same for machines: `PT303S`."""
    return f"PT{round(duration_ms / 1000)}S"


def span_text(seconds: float) -> str:
    """A length of time as one says it, no finer than a guess: `40 s`, `3 min`, `2 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    minutes = round(whole / _MINUTE)
    if minutes < _HOUR // _MINUTE:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def speed_text(speed: float) -> str:
    """Seconds of video a second, as players write their speed: 2.1 and the sign for "times"."""
    digits = 0 if speed >= 10 else 1 if speed >= 1 else 2  # noqa: PLR2004  # two digits say enough
    return f"{speed:.{digits}f}\N{MULTIPLICATION SIGN}"


def time_iso(at_ms: int) -> str:
    """A time for machines, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def age_text(at_ms: int, now_ms: int) -> str:
    """How long ago something was: `3 days ago`."""
    seconds = max(0, now_ms - at_ms) // 1000
    for length, unit in _AGES:
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
