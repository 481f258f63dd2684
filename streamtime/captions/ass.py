"""Reads ASS and SSA: whole files, and single events as decoders return them.

Italic, bold and underlined text and the position at the top are kept; drawings, effects and other positions are
dropped.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streamtime.captions.cue import MAX_CUES, Cue, Span

_BLOCK = re.compile(r"\{([^{}]*)\}")
_OVERRIDE = re.compile(
    r"\\(?:(i|b|u|p|an|a)(-?\d{1,4})(?!\d)|(r)([^\\]*)|(pos|move)\(\s*(-?[\d.]{1,10})\s*,\s*(-?[\d.]{1,10}))"
)
_BREAKS = re.compile(r"\\[Nnh]")
_CLOCK = re.compile(r"\s*(\d{1,3}):(\d{1,2}):(\d{1,2})[.:](\d{1,3})\s*")
_EVENT_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_STYLE_FIELDS = 8
"""Number of commas before the text in an event from a decoder."""

_BOLD_WEIGHT = 600
_DEFAULT_HEIGHT = 288
_UPPER_SHARE = 0.4
_MAX_STYLES = 1_000
_MAX_OVERRIDES = 2_000
"""Maximum length of an override block; those with animations and drawings are long."""

_TOP_ALIGNMENTS_V4 = frozenset({5, 6, 7})
_TOP_ALIGNMENTS = frozenset({7, 8, 9})


@dataclass(frozen=True, slots=True)
class Style:
    """The supported properties of a named style."""

    italic: bool = False
    bold: bool = False
    underline: bool = False
    top: bool = False


@dataclass(slots=True)
class AssHeader:
    """The part of a file before its events."""

    styles: dict[str, Style] = field(default_factory=dict)
    height: float = _DEFAULT_HEIGHT
    event_fields: tuple[str, ...] = _EVENT_FIELDS

    def cue(self, start_ms: int, end_ms: int, style: str, text: str) -> Cue:
        """Make a cue from one event."""
        return _cue(self, start_ms, end_ms, style, text)


def read_ass(text: str) -> Iterator[Cue]:
    """Read the cues of a file."""
    parser = _AssParser()
    for line in text.split("\n"):
        cue = parser.parse_line(line)
        if cue is not None:
            yield cue
            if parser.count >= MAX_CUES:
                return


def parse_header(header: str) -> AssHeader:
    """Parse the header that a container stores: styles and the resolution they are meant for."""
    parser = _AssParser()
    for line in header.split("\n"):
        parser.parse_line(line)
    return parser.header


def parse_event(header: AssHeader, start_ms: int, end_ms: int, line: str) -> Cue:
    """Parse an event from a decoder: `ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,Text`."""
    parts = line.split(",", _STYLE_FIELDS)
    if len(parts) <= _STYLE_FIELDS:
        return Cue(start_ms, end_ms, ())
    return header.cue(start_ms, end_ms, parts[2], parts[_STYLE_FIELDS])


class _AssParser:
    """Parses the lines of a file."""

    def __init__(self) -> None:
        self.header = AssHeader()
        self.count = 0
        self._styles = 0
        self._section = ""
        self._style_fields: tuple[str, ...] = ()

    def parse_line(self, line: str) -> Cue | None:
        """Parse one line; returns a cue if it is an event."""
        stripped = line.strip()
        if stripped.startswith("["):
            self._section = stripped.strip("[]").casefold()
            return None
        name, colon, value = stripped.partition(":")
        if not colon:
            return None
        match (self._section, name.casefold()):
            case ("script info", "playresy"):
                self.header.height = _number(value) or _DEFAULT_HEIGHT
            case ("v4 styles" | "v4+ styles", "format"):
                self._style_fields = _fields(value)
            case ("v4 styles" | "v4+ styles", "style") if self._styles < _MAX_STYLES:
                self._styles += 1
                values = dict(zip(self._style_fields, map(str.strip, value.split(",")), strict=False))
                is_v4 = self._section == "v4 styles"
                self.header.styles[values.get("name", "").lstrip("*")] = _style(values, is_v4=is_v4)
            case ("events", "format"):
                self.header.event_fields = _fields(value)
            case ("events", "dialogue"):
                return self._dialogue(value)
        return None

    def _dialogue(self, value: str) -> Cue | None:
        names = self.header.event_fields
        values = dict(zip(names, value.split(",", len(names) - 1), strict=False))
        start_ms, end_ms = _ms(values.get("start", "")), _ms(values.get("end", ""))
        if start_ms is None or end_ms is None:
            return None
        self.count += 1
        return self.header.cue(start_ms, end_ms, values.get("style", "").strip(), values.get("text", ""))


def _cue(header: AssHeader, start_ms: int, end_ms: int, style_name: str, text: str) -> Cue:
    base = header.styles.get(style_name.lstrip("*"), Style())
    current, top, drawing = base, base.top, False
    spans: list[Span] = []
    end = 0
    for block in _BLOCK.finditer(text):
        if not drawing and block.start() > end:
            spans.append(_span(text[end : block.start()], current))
        end = block.end()
        for override in _OVERRIDE.finditer(block[1][:_MAX_OVERRIDES]):
            if override[1] == "p":
                drawing = override[2] != "0"
            elif override[1] in {"an", "a"}:
                top = int(override[2]) in (_TOP_ALIGNMENTS if override[1] == "an" else _TOP_ALIGNMENTS_V4)
            elif override[5]:
                top = (_number(override[7]) or 0.0) < header.height * _UPPER_SHARE
            else:
                current = header.styles.get(override[4].strip(), base) if override[3] else _override(current, override)
    if not drawing and end < len(text):
        spans.append(_span(text[end:], current))
    return Cue(start_ms, end_ms, tuple(spans), top)


def _override(style: Style, override: re.Match[str]) -> Style:
    value = int(override[2])
    match override[1]:
        case "i":
            return Style(value != 0, style.bold, style.underline)
        case "b":
            return Style(style.italic, value == 1 or value >= _BOLD_WEIGHT, style.underline)
        case _:
            return Style(style.italic, style.bold, value != 0)


def _span(text: str, style: Style) -> Span:
    broken = _BREAKS.sub(lambda found: "\u00a0" if found[0] == r"\h" else "\n", text)
    return Span(broken, style.italic, style.bold, style.underline)


def _style(values: Mapping[str, str], *, is_v4: bool) -> Style:
    alignment = int(_number(values.get("alignment", "")) or 0)
    return Style(
        italic=_is_on(values.get("italic", "")),
        bold=_is_on(values.get("bold", "")),
        underline=_is_on(values.get("underline", "")),
        top=alignment in (_TOP_ALIGNMENTS_V4 if is_v4 else _TOP_ALIGNMENTS),
    )


def _is_on(value: str) -> bool:
    return (_number(value) or 0) != 0


def _fields(value: str) -> tuple[str, ...]:
    return tuple(name.strip().casefold() for name in value.split(","))


def _number(text: str) -> float | None:
    try:
        return float(text[:12])
    except ValueError:
        return None


def _ms(clock: str) -> int | None:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        return None
    hours, minutes, seconds = int(found[1]), int(found[2]), int(found[3])
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(found[4].ljust(3, "0"))
