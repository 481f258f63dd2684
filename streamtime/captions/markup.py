"""Inline tags, as SubRip and WebVTT have them: italic, bold and underlined text, and where a cue stands.

Tags that only colour, name a speaker or class are passed over, their text kept; what is no tag known here is text.
Every expression here looks at each character a bounded number of times.
"""

import re

from streamtime.captions.cue import Span

_TAG = re.compile(r"<(/?)([A-Za-z]{1,6}|\d\d:[\d:.]{1,12})(?:[ \t.][^<>]*)?/?>|\{\\?[A-Za-z][^{}\n]{0,100}\}")
_POSITION = re.compile(r"\{\\an?(\d{1,2})")
_ENTITY = re.compile(r"&(amp|lt|gt|nbsp|lrm|rlm|quot|apos|#39);")
_ENTITIES = {
    "amp": "&", "lt": "<", "gt": ">", "nbsp": "\u00a0", "lrm": "\u200e", "rlm": "\u200f", "quot": '"', "apos": "'",
    "#39": "'",
}  # fmt: skip
_STYLES = {"i": 0, "em": 0, "b": 1, "strong": 1, "u": 2}
_IGNORED_TAGS = frozenset({"c", "v", "font", "lang", "ruby", "rt", "s", "span"})
_TOP_ROW = frozenset({7, 8, 9})
"""Keys of a number pad, as SubRip borrows them from ASS."""


def parse_markup(text: str) -> tuple[Span, ...]:
    """Text with tags as spans."""
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
            place = _STYLES[name]
            depth[place] = max(0, depth[place] + (-1 if tag[1] else 1))
    if end < len(text):
        spans.append(_span(text[end:], depth))
    return tuple(spans)


def at_top(text: str) -> bool:
    """Whether a SubRip text asks for a place at the top of the picture, as `an8` in braces does."""
    found = _POSITION.search(text) if "{" in text else None
    return found is not None and int(found[1]) in _TOP_ROW


def _span(text: str, depth: list[int]) -> Span:
    return Span(_plain(text), italic=depth[0] > 0, bold=depth[1] > 0, underline=depth[2] > 0)


def _plain(text: str) -> str:
    return _ENTITY.sub(lambda found: _ENTITIES[found[1]], text) if "&" in text else text
