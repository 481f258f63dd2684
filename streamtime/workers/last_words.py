"""The end of what a child wrote, made safe to keep and to show to the owner of the file. Pure.

A child speaks in the name of a stranger's file: its words may hold control characters, and a traceback names where
the server is installed. What is kept is short, printable, and says nothing of directories.
"""

import re

MAX_CHARACTERS = 2_000
"""The end counts: that is where a traceback says what happened."""

_FOLDERS = re.compile(r"(?:/[^/\s\"':]+)+/(?=[^/\s\"':]+)")


def sanitize_stderr(raw: str) -> str:
    """Bounded and printable: other characters become what Python calls them, lines stay lines."""
    lines = _FOLDERS.sub("", raw[-MAX_CHARACTERS * 2 :]).splitlines()
    text = "\n".join("".join(map(_printable, line)) for line in lines).strip()
    return text if len(text) <= MAX_CHARACTERS else "..." + text[-MAX_CHARACTERS:]


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
