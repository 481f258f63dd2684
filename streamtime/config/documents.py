"""Writes `config.example.toml` and the tables of `docs/configuration.md` from the keys.

Run by `make docs` (`python -m streamtime.config.documents`) in the repository's root; a test checks that both are
up to date.
"""

import json
import textwrap
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from streamtime.config.keys import KEYS, Key

EXAMPLE_FILE = Path("config.example.toml")
PAGE_FILE = Path("docs/configuration.md")
BEGIN = "<!-- keys: written by `make docs` -->"
END = "<!-- end of keys -->"

_HEADER = """\
# Every key of Streamtime with its default. Copy this file to config.toml and keep what you change.
# Each is also an environment variable: port in [server] is STREAMTIME_SERVER__PORT. See docs/configuration.md.
"""


@dataclass(frozen=True, slots=True)
class KeyDoc:
    """The documentation of a key: section, name, accepted values, default as TOML, and description."""

    section: str
    key: str
    type: str
    default: str
    text: str
    environment_name: str


def describe() -> list[KeyDoc]:
    """Return the documentation of all keys, in their order in the structs."""
    return [_describe(key) for key in KEYS.values()]


def example() -> str:
    """Return the text of `config.example.toml`."""
    tables = []
    for section, keys in groupby(describe(), lambda doc: doc.section):
        head = f"[{section}]\n" if section else ""
        tables.append(head + "\n".join(_commented(doc) for doc in keys))
    return "\n".join([_HEADER, *tables])


def tables() -> str:
    """Return the tables of `docs/configuration.md`, one per section."""
    return "\n".join(_table(section, [*keys]) for section, keys in groupby(describe(), lambda doc: doc.section))


def page(text: str) -> str:
    """Return a page with the tables between its two markers replaced.

    Raises:
        ValueError: a marker is missing.
    """
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:before]}\n\n{tables()}\n{text[after:]}"


def _describe(key: Key) -> KeyDoc:
    return KeyDoc(
        section=key.section,
        key=key.name.rpartition(".")[2],
        type=key.accepts,
        default=_toml(key.default),
        text=key.text,
        environment_name=key.environment_name,
    )


def _toml(value: object) -> str:
    """Return a default as TOML; a JSON string is also a TOML string."""
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, bool) or type(value) is int:
        return json.dumps(value)
    return json.dumps(str(value))


def _commented(doc: KeyDoc) -> str:
    text = f"{doc.text} It takes {doc.type}."
    comment = textwrap.fill(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    return f"{comment}\n{doc.key} = {doc.default}\n"


def _table(section: str, keys: list[KeyDoc]) -> str:
    title = f"`[{section}]`" if section else "Above all sections"
    rows = [f"| `{doc.key}` | `{doc.default}` | {doc.type} | {doc.text} |" for doc in keys]
    return "\n".join([f"### {title}", "", "| key | default | takes | what it is for |", "|---|---|---|---|", *rows, ""])


def _write() -> None:
    EXAMPLE_FILE.write_text(example(), encoding="utf-8")
    PAGE_FILE.write_text(page(PAGE_FILE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    _write()
