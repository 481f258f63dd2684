"""Evaluates conditional and range requests (RFC 9110, sections 13 and 14). Pure functions."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*")


@dataclass(frozen=True, slots=True)
class SendRange:
    """Send `length` bytes from offset `start`: the whole representation with 200, a part with 206."""

    status: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class NotModified:
    """Send no body: the client's copy is current (304)."""


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """The range is outside the representation (416)."""


def evaluate_conditions(
    *, total: int, etag: str, if_none_match: str | None, range_header: str | None, if_range: str | None
) -> SendRange | NotModified | Unsatisfiable:
    """Return how to respond. Multiple and malformed ranges get the whole representation, as RFC 9110 allows."""
    if if_none_match is not None and _matches(if_none_match, etag):
        return NotModified()
    whole = SendRange(200, 0, total)
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return whole
    found = _RANGE.fullmatch(range_header.strip())
    if found is None or found.groups() == ("", ""):
        return whole
    return _part(found[1], found[2], total) if total else Unsatisfiable()


def _part(first: str, last: str, total: int) -> SendRange | Unsatisfiable:
    if not first:  # a suffix range: the last bytes
        length = min(int(last), total)
        return SendRange(206, total - length, length) if length else Unsatisfiable()
    start = int(first)
    end = min(int(last), total - 1) if last else total - 1
    if last and int(last) < start:
        return SendRange(200, 0, total)  # an invalid range is ignored
    return SendRange(206, start, end - start + 1) if start < total else Unsatisfiable()


def _matches(if_none_match: str, etag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    return any(tag.strip().removeprefix("W/") == etag for tag in if_none_match.split(","))
