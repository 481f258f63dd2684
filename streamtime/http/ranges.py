"""Conditional and range requests (RFC 9110, sections 13 and 14): pure decisions about one representation."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*")


@dataclass(frozen=True, slots=True)
class SendRange:
    """Send `length` bytes from `start` on: all of it with 200, a part with 206."""

    status: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class NotModified:
    """Send nothing: the client has it (304)."""


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """The range lies outside (416)."""


def evaluate_conditions(
    *, total: int, etag: str, if_none_match: str | None, range_header: str | None, if_range: str | None
) -> SendRange | NotModified | Unsatisfiable:
    """What to answer. Several ranges at once, and what is no range, are answered with all of it, as is allowed."""
    if if_none_match is not None and _matches(if_none_match, etag):
        return NotModified()
    everything = SendRange(200, 0, total)
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return everything
    found = _RANGE.fullmatch(range_header.strip())
    if found is None or found.groups() == ("", ""):
        return everything
    return _part(found[1], found[2], total) if total else Unsatisfiable()


def _part(first: str, last: str, total: int) -> SendRange | Unsatisfiable:
    if not first:  # the last so many bytes
        length = min(int(last), total)
        return SendRange(206, total - length, length) if length else Unsatisfiable()
    start = int(first)
    end = min(int(last), total - 1) if last else total - 1
    if last and int(last) < start:
        return SendRange(200, 0, total)  # not a valid range: as if it were not there
    return SendRange(206, start, end - start + 1) if start < total else Unsatisfiable()


def _matches(if_none_match: str, etag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    return any(tag.strip().removeprefix("W/") == etag for tag in if_none_match.split(","))
