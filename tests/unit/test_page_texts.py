"""Texts of pages and scripts are marked for translation, and styles fit languages that run to the left."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
SCRIPTS = sorted((WEB / "scripts").rglob("*.js"))
STYLES = sorted((WEB / "styles").rglob("*.css"))

COMMENT = re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL)
TRANSLATED = re.compile(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", re.DOTALL)
CODE = re.compile(r"<(code|kbd|pre)\b.*?</\1>", re.DOTALL)
IN_TAG = re.compile(r"(?<=\s)(?:title|aria-label|placeholder|alt|label|data-(?:copied|more|less|drop))=\"([^\"]*)\"")
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
TAG = re.compile(r"<[^>]*>", re.DOTALL)
ATTRIBUTE = re.compile(r"[\w:-]+=\"[^\"]*\"")
"""Outside a tag, in a macro for one."""
WORD = re.compile(r"[^\W\d_]{2,}")
BLOCK_OF_NAMES = re.compile(r"\{% block (?:body_class|frame_class|\w*class) %\}.*?\{% endblock %\}", re.DOTALL)

SAME_IN_ALL_LANGUAGES = {
    "Streamtime",
    "English",
    "Delete",
    "Intro",
    "Morning",
    "cut",
    "thumbnails",
    "Aa",
    "Ada",
    "Ben",
    "GB",
}
"""Names, keys of the keyboard, examples, and what no page shows."""

LITERAL = re.compile(r"\b_\(\s*[\"']")
DYNAMIC = re.compile(r"(?<![\w.])_\(\s*(?![\"'])[^)]*\)")
SENTENCE_IN_SCRIPT = re.compile(r"([\"'`])([A-Z][^\"'`\n]*\s[^\"'`\n]*)\1")
SHOWN_BY_SCRIPT = re.compile(
    r"(?:textContent|ariaLabel|title|placeholder)\s*[=:]\s*([\"'])(?=[A-Za-z]{2})[^\"']*\1\s*[;,})]"
)
LINE_COMMENT = re.compile(r"(?<![:\"'])//[^\n]*|/\*.*?\*/", re.DOTALL)

PLAIN_TITLE = re.compile(r"\btitle=f?\"[A-Z][^\"]*\"")
FOR_PROGRAMS = {"api_docs.py", "embed.py", "feeds.py"}
"""Modules whose titles are parts of documents."""

PHYSICAL = re.compile(
    r"(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)(?:-\w+)?:|(?m:^\s*)(?:left|right):"
    r"|text-align: (?:left|right)|float: (?:left|right)|border-(?:top|bottom)-(?:left|right)-radius"
)
FOUR_SIDES = re.compile(
    r"(?m)^\s*(?:padding|margin|inset): " + " ".join([r"((?:[\w-]*\([^;]*\)|[^\s;()])+)"] * 4) + ";"
)


def unmarked_in(source: str) -> Iterator[str]:
    """Words of a template outside `_()` and `{% trans %}`."""
    for gone in (COMMENT, TRANSLATED, BLOCK_OF_NAMES, CODE):
        source = gone.sub(" ", source)
    for value in IN_TAG.findall(JINJA.sub(" ", source)):
        yield from WORD.findall(value)
    yield from WORD.findall(ATTRIBUTE.sub(" ", TAG.sub(" ", JINJA.sub(" ", source))))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_unmarked_text(template: Path) -> None:
    assert {word for word in unmarked_in(template.read_text()) if word not in SAME_IN_ALL_LANGUAGES} == set()


def test_only_literals_are_translated_in_templates() -> None:
    # The result of _() is markup: a value in its place would be shown unescaped. The filter `translated` is for values.
    found = {path.name: DYNAMIC.findall(COMMENT.sub("", path.read_text())) for path in TEMPLATES}
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_scripts_have_no_unmarked_text() -> None:
    faults = []
    for path in SCRIPTS:
        source = LINE_COMMENT.sub("", path.read_text())
        marked = re.sub(r"\b(?:t|nt|mark|Error|RangeError|TypeError)\(\s*(?:\"[^\"]*\",?\s*)+", "", source)
        faults += [f"{path.name}: {text}" for _, text in SENTENCE_IN_SCRIPT.findall(marked)]
        faults += [f"{path.name}: {found[0]}" for found in SHOWN_BY_SCRIPT.finditer(marked)]
    assert not faults


def test_titles_of_pages_are_marked() -> None:
    pages = [
        path for path in (WEB.parent / "streamtime" / "http" / "pages").glob("*.py") if path.name not in FOR_PROGRAMS
    ]
    found = {path.name: PLAIN_TITLE.findall(path.read_text()) for path in pages}
    assert {name: titles for name, titles in found.items() if titles} == {}


def test_styles_have_logical_sides() -> None:
    faults = []
    for path in STYLES:
        source = path.read_text()
        faults += [f"{path.name}: {found[0].strip()}" for found in PHYSICAL.finditer(source)]
        faults += [f"{path.name}: {found[0].strip()}" for found in FOUR_SIDES.finditer(source) if found[2] != found[4]]
    assert not faults
