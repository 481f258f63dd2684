"""Reads SubRip and WebVTT: text between lines that hold two times and an arrow. It is lenient, and linear."""

import re
from collections.abc import Iterator

from streamtime.captions.cue import MAX_CUES, Cue
from streamtime.captions.markup import at_top, parse_markup

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,:](\d{1,3})"
_TIMES = re.compile(rf"^[ \t]*{_TIME}[ \t]*-{{1,2}}>[ \t]*{_TIME}([^\n]*)\n", re.MULTILINE)
_LINE = re.compile(r"(?:^|[ \t])line:(-?\d{1,4})(%?)")
_UPPER_HALF = 40
"""Percent of the height: what stands above is nearer to the top."""


def read_subrip(text: str) -> Iterator[Cue]:
    """Cues of a SubRip file, whose text ends where the next number and times begin."""
    for start_ms, end_ms, _settings, body, last in _blocks(text):
        lines = body.split("\n")
        # Before the next times stands the next number, if it is one, on a line of its own below an empty one.
        if not last and len(lines) > 1 and lines[-2].strip().isdigit() and not "".join(lines[-3:-2]).strip():
            del lines[-2:]
        content = "\n".join(lines).strip()
        yield Cue(start_ms, end_ms, parse_markup(content), at_top(content))


def read_webvtt(text: str) -> Iterator[Cue]:
    """Cues of a WebVTT file, whose text ends with an empty line; notes, styles and regions are passed over."""
    for start_ms, end_ms, settings, body, _last in _blocks(text):
        content, _, _rest = body.partition("\n\n")
        yield Cue(start_ms, end_ms, parse_markup(content.strip("\n")), _is_at_top(settings))


def _blocks(text: str) -> Iterator[tuple[int, int, str, str, bool]]:
    before: re.Match[str] | None = None
    count = 0
    for times in _TIMES.finditer(text):
        if before is not None:
            yield (*_read(before), text[before.end() : times.start()], False)
            count += 1
            if count >= MAX_CUES:
                return
        before = times
    if before is not None:
        yield (*_read(before), text[before.end() :], True)


def _read(times: re.Match[str]) -> tuple[int, int, str]:
    parts = times.groups()
    return _ms(*parts[:4]), _ms(*parts[4:8]), parts[8]


def _ms(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _is_at_top(settings: str) -> bool:
    found = _LINE.search(settings) if "line:" in settings else None
    if found is None:
        return False
    number = int(found[1])
    return 0 <= number < _UPPER_HALF if found[2] else 0 <= number < 5  # noqa: PLR2004  (lines, counted from the top)
