"""View values of the disk's space over the last days: a line chart, and the same in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from streamtime.formatting import day_text, size_text
from streamtime.maintenance.space_history import KEPT_DAYS, DiskDay

HEIGHT = 30
"""Units of the chart from an empty disk to a full one; a day is one unit wide."""

_WEEK = 7


@dataclass(frozen=True, slots=True)
class DiskRow:
    """A day of the table."""

    day: str
    day_text: str
    used_text: str
    free_text: str
    library_text: str


@dataclass(frozen=True, slots=True)
class DiskTrend:
    """The chart as a path of `KEPT_DAYS` by `HEIGHT` units, and the days of the table, the newest first."""

    area: str
    line: str
    width: int
    height: int
    first: DiskRow
    last: DiskRow
    rows: list[DiskRow]
    used_percent: int


def disk_trend(days: Sequence[DiskDay]) -> DiskTrend | None:
    """Return the trend; None of fewer than two days, which show none."""
    if len(days) < 2:  # noqa: PLR2004  (a line has two ends)
        return None
    last = days[-1]
    most = max(each.total_bytes for each in days) or 1
    points = [
        f"{KEPT_DAYS - 1 - (last.day - each.day).days},{HEIGHT - each.used_bytes / most * HEIGHT:.2f}" for each in days
    ]
    line = "M" + "L".join(points)
    begin, end = (point.split(",")[0] for point in (points[0], points[-1]))
    return DiskTrend(
        area=f"{line}L{end},{HEIGHT}L{begin},{HEIGHT}Z",
        line=line,
        width=KEPT_DAYS - 1,
        height=HEIGHT,
        first=_row(days[0]),
        last=_row(last),
        rows=[_row(each) for each in reversed(days) if _is_shown(each.day, last.day)],
        used_percent=round(last.used_bytes * 100 / (last.total_bytes or 1)),
    )


def _is_shown(day: date, last: date) -> bool:
    """Return whether the table has a day: one a week."""
    return (last - day).days % _WEEK == 0


def _row(day: DiskDay) -> DiskRow:
    return DiskRow(
        day=day.day.isoformat(),
        day_text=day_text(day.day),
        used_text=size_text(day.used_bytes),
        free_text=size_text(day.free_bytes),
        library_text=size_text(day.library_bytes),
    )
