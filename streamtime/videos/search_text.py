"""Text of the search: folding (case, accents, scripts without spaces), queries, highlights and excerpts.

A text is folded to words separated by spaces; the index and the queries hold folded words, so the tokenizer of the
database only splits at spaces. Chinese, Japanese, Thai and other scripts without spaces are split into single
characters, which a query finds as a phrase.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

MAX_TERMS = 16
"""Further words of a query are ignored."""

MIN_INNER = 3
"""Shortest text that is found inside a word, in characters."""

EXCERPT = 160
"""Length of an excerpt, in characters."""

_IGNORED_MARKS = ((0x0300, 0x036F), (0x0591, 0x05C7), (0x064B, 0x065F), (0x1AB0, 0x1AFF), (0x20D0, 0x20FF))
"""Accents, and the vowel points of Hebrew and Arabic. In other scripts, such as Devanagari, marks are vowels."""

_SIMILAR = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i", "ħ": "h"}
"""Letters without a decomposition in Unicode, which people type without their stroke."""

_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Thai, Lao, Burmese, Khmer, kana, Chinese characters; and Hangul, in which words are joined with particles."""


class _FoldTable(dict[int, str]):
    """A table for `str.translate`, filled with each character at its first use."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


def _fold_character(character: str) -> str:
    folded = "".join(map(_fold_part, unicodedata.normalize("NFKD", character.casefold())))
    return f" {folded} " if _is_in(_UNSPACED, character) and folded else folded


def _fold_part(part: str) -> str:
    category = unicodedata.category(part)
    if _is_in(_IGNORED_MARKS, part) or category == "Cf" or part == "\ufe0f":
        return ""
    if category[0] in "LNM":
        return _SIMILAR.get(part, part.casefold())
    return f" {part} " if category == "So" else " "


def _is_in(ranges: Sequence[tuple[int, int]], character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


_TABLE = _FoldTable()


def fold(text: str) -> str:
    """Return the folded words of a text, separated by single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_TABLE).split())


def inner_words(text: str) -> str:
    """Return the endings of the words of a text, so that the middle of a word is found by its beginning."""
    return " ".join(
        dict.fromkeys(word[at:] for word in fold(text).split() for at in range(1, len(word) - MIN_INNER + 1))
    )


@dataclass(frozen=True, slots=True)
class Term:
    """Folded words that must follow each other. `open`: the last one may be the beginning of a word."""

    words: tuple[str, ...]
    open: bool

    @property
    def expression(self) -> str:
        """The term as an FTS5 expression. Folded words contain no quotes."""
        return f'"{" ".join(self.words)}"' + ("*" if self.open else "")

    @property
    def is_inner(self) -> bool:
        """Whether the term is also found inside words."""
        return self.open and len(self.words) == 1 and len(self.words[0]) >= MIN_INNER

    def pattern(self, *, inner: bool = False) -> str:
        """Return the term as a regular expression on folded text."""
        start = "" if inner and self.is_inner else r"(?<!\S)"
        return start + " ".join(map(re.escape, self.words)) + ("" if self.open else r"(?!\S)")


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A parsed query: all terms must be found, none of the excluded ones."""

    terms: tuple[Term, ...]
    excluded: tuple[Term, ...]

    def expression(self, columns: str) -> str:
        """Return the FTS5 expression of the query in these columns, separated by spaces."""
        found = f"{{{columns}}} : ({' AND '.join(term.expression for term in self.terms)})"
        if not self.excluded:
            return found
        return f"({found}) NOT ({{{columns}}} : ({' OR '.join(term.expression for term in self.excluded)}))"

    def expression_with(self, columns: str, needed: str) -> str:
        """Return the FTS5 expression of the query in these columns, with at least one of its terms in those needed."""
        terms = " OR ".join(term.expression for term in self.terms)
        return f"({self.expression(columns)}) AND ({{{needed}}} : ({terms}))"

    def with_whole_words(self) -> "SearchQuery":
        """Return the query in which every word is complete."""
        return replace(self, terms=tuple(replace(term, open=False) for term in self.terms))


_PARTS = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


def parse_query(text: str) -> SearchQuery:
    """Parse a query: words, "phrases in quotes", and both with a minus sign to exclude them.

    The last word of a term without quotes may be the beginning of a word. A query without any letter, digit or symbol
    has no terms.
    """
    terms: dict[Term, None] = {}
    excluded: dict[Term, None] = {}
    for sign, phrase, word in _PARTS.findall(text.replace("“", '"').replace("”", '"').replace("„", '"')):
        words = tuple(fold(phrase or word).split())
        if words:
            (excluded if sign else terms)[Term(words, open=not phrase and not sign)] = None
    return SearchQuery(tuple(terms)[:MAX_TERMS], tuple(excluded)[:MAX_TERMS])


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text. `marked` if the query was found there."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A text, its folded form, and for each folded character the position of the original one."""

    text: str
    folded: str
    positions: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "FoldedText":
        """Fold a text."""
        text = unicodedata.normalize("NFC", text)
        folded: list[str] = []
        positions: list[int] = []
        for at, character in enumerate(text):
            for part in _TABLE[ord(character)]:
                if part != " " or (folded and folded[-1] != " "):
                    folded.append(part)
                    positions.append(at)
        return cls(text, "".join(folded), tuple(positions))

    def find(self, term: Term, *, inner: bool = False) -> Iterator[tuple[int, int]]:
        """Yield the ranges of the original text in which a term is found."""
        for found in re.finditer(term.pattern(inner=inner), self.folded):
            if found.end() > found.start():
                yield self.positions[found.start()], self.positions[found.end() - 1] + 1


def highlight(text: str, query: SearchQuery, *, inner: bool = False) -> list[Piece]:
    """Split a text into pieces, with the found terms marked. `inner`: also terms inside words."""
    folded = FoldedText.of(text)
    ranges = sorted(each for term in query.terms for each in folded.find(term, inner=inner))
    pieces: list[Piece] = []
    end = 0
    for start, stop in ranges:
        if stop <= end:
            continue
        if start > end:
            pieces.append(Piece(folded.text[end:start]))
        pieces.append(Piece(folded.text[max(start, end) : stop], marked=True))
        end = stop
    if end < len(folded.text):
        pieces.append(Piece(folded.text[end:]))
    return pieces


def excerpt(text: str, query: SearchQuery) -> str | None:
    """Return the surroundings of the first found term on one line; None if no term is in the text."""
    folded = FoldedText.of(" ".join(text.split()))
    starts = [start for term in query.terms for start, _ in folded.find(term)]
    if not starts:
        return None
    return _surroundings(folded.text, min(starts))


def _surroundings(text: str, at: int) -> str:
    if len(text) <= EXCERPT:
        return text
    start = max(0, min(at - EXCERPT // 3, len(text) - EXCERPT))
    if start:  # begin with a whole word, if there is a space nearby
        start = max(text.find(" ", start, at) + 1, start)
    stop = min(start + EXCERPT, len(text))
    if stop < len(text):
        stop = max(text.rfind(" ", at + EXCERPT // 3, stop), 0) or stop
    return ("… " if start else "") + text[start:stop] + (" …" if stop < len(text) else "")
