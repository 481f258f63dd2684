"""A cue: styled text with start and end time; limits for untrusted input; inline tags of SubRip and WebVTT.

The text of a cue is never markup: writers escape it. Of tags, italic, bold, underline and the position are kept;
colours, voices and classes are dropped, their text kept; an unknown tag is text. All regular expressions here run in
linear time.
"""

import re
from collections.abc import Iterable

import msgspec

MAX_CUES = 20_000
"""A three-hour film with a cue every second has half as many; typeset signs need more."""

MAX_CUE_CHARACTERS = 1_000
MAX_CHARACTERS = 1_500_000
"""Of all cues of one track together."""

MAX_TIME_MS = 100 * 3600 * 1000 - 1
"""Just under a hundred hours: the limit of two-digit hours."""

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff]")


class Span(msgspec.Struct, frozen=True):
    """A run of text in one style; lines end with a line feed."""

    text: str
    italic: bool = False
    bold: bool = False
    underline: bool = False


class Cue(msgspec.Struct, frozen=True):
    """Text shown from `start_ms` to `end_ms` at the bottom of the video, or at its top."""

    start_ms: int
    end_ms: int
    spans: tuple[Span, ...]
    top: bool = False

    @property
    def text(self) -> str:
        """The text without styles."""
        return "".join(span.text for span in self.spans)


def normalize_cues(cues: Iterable[Cue]) -> list[Cue]:
    """Return the valid cues within all limits, sorted by time, without duplicates."""
    kept: dict[Cue, None] = {}
    remaining = MAX_CHARACTERS
    for cue in sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms)):
        if not 0 <= cue.start_ms < cue.end_ms <= MAX_TIME_MS:
            continue
        spans = _normalize_spans(cue.spans)
        clean = Cue(cue.start_ms, cue.end_ms, spans, cue.top)
        if not spans or clean in kept:
            continue
        remaining -= len(clean.text)
        if remaining < 0 or len(kept) >= MAX_CUES:
            break
        kept[clean] = None
    return list(kept)


def _normalize_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Remove control characters, empty lines, white space around lines, and excess text."""
    merged: list[Span] = []
    remaining = MAX_CUE_CHARACTERS
    at_start = True
    for span in spans:
        text = _lines(_INVISIBLE.sub("", span.text), at_start=at_start)[:remaining]
        if not text:
            continue
        remaining -= len(text)
        at_start = text.endswith("\n")
        if merged and _style(merged[-1]) == _style(span):
            merged[-1] = Span(merged[-1].text + text, *_style(span))
        else:
            merged.append(Span(text, *_style(span)))
    while merged:
        last = merged.pop()
        if text := last.text.rstrip():
            return (*merged, Span(text, *_style(last)))
    return ()


def _lines(text: str, *, at_start: bool) -> str:
    """Remove empty lines; text at the start of a line loses its leading white space."""
    if "\n" not in text:
        return text.lstrip() if at_start else text
    first, *others = text.split("\n")
    first = first.lstrip() if at_start else first
    kept = [first.rstrip()] if first or not at_start else []
    kept += [line.strip() for line in others[:-1] if line.strip()]
    last = others[-1].lstrip()
    return "\n".join([*kept, last]) if kept else last


def _style(span: Span) -> tuple[bool, bool, bool]:
    return span.italic, span.bold, span.underline


_TAG = re.compile(r"<(/?)([A-Za-z]{1,6}|\d\d:[\d:.]{1,12})(?:[ \t.][^<>]*)?/?>|\{\\?[A-Za-z][^{}\n]{0,100}\}")
_POSITION = re.compile(r"\{\\an?(\d{1,2})")
_ENTITY = re.compile(r"&(amp|lt|gt|nbsp|lrm|rlm|quot|apos|#39);")
_ENTITIES = {
    "amp": "&", "lt": "<", "gt": ">", "nbsp": "\u00a0", "lrm": "\u200e", "rlm": "\u200f", "quot": '"', "apos": "'",
    "#39": "'",
}  # fmt: skip
_STYLES = {"i": 0, "em": 0, "b": 1, "strong": 1, "u": 2}
_IGNORED_TAGS = frozenset({"c", "v", "font", "lang", "ruby", "rt", "s", "span"})
_TOP_ALIGNMENTS = frozenset({7, 8, 9})
"""Numeric keypad positions, which SubRip takes from ASS."""


def parse_markup(text: str) -> tuple[Span, ...]:
    """Parse text with inline tags to spans."""
    if "<" not in text and "{" not in text:
        return (Span(_plain(text)),)
    spans: list[Span] = []
    depth = [0, 0, 0]
    end = 0
    for tag in _TAG.finditer(text):
        name = (tag[2] or "").lower()
        known = not name or name in _STYLES or name in _IGNORED_TAGS or name[0].isdigit()
        if not known:
            continue
        if tag.start() > end:
            spans.append(_span(text[end : tag.start()], depth))
        end = tag.end()
        if name in _STYLES:
            style = _STYLES[name]
            depth[style] = max(0, depth[style] + (-1 if tag[1] else 1))
    if end < len(text):
        spans.append(_span(text[end:], depth))
    return tuple(spans)


def at_top(text: str) -> bool:
    """Return whether a SubRip text is positioned at the top, as by `an8` in braces."""
    found = _POSITION.search(text) if "{" in text else None
    return found is not None and int(found[1]) in _TOP_ALIGNMENTS


def _span(text: str, depth: list[int]) -> Span:
    return Span(_plain(text), italic=depth[0] > 0, bold=depth[1] > 0, underline=depth[2] > 0)


def _plain(text: str) -> str:
    return _ENTITY.sub(lambda found: _ENTITIES[found[1]], text) if "&" in text else text
