"""Writes the texts of the sources into the catalogues beside this file: new ones are empty, unused ones go.

`python web/languages/update.py` (`make languages`) updates them; with `--new TAG` it begins a catalogue; with `--check`
it writes nothing, and fails if a catalogue is not up to date.
"""

import argparse
import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent

ERRORS = (
    "Conflict", "Forbidden", "Invalid", "MediaError", "NoSpace", "NotFound", "TooLarge", "TooManyRequests",
    "Unauthenticated", "Unavailable",
)  # fmt: skip
"""Errors whose message, where it is one text, a page translates when it shows it."""

ON_PAGES = {"_": None, "gettext": None, "ngettext": (1, 2)}
IN_SCRIPTS = {"t": None, "nt": (1, 2), "mark": None}
IN_PYTHON = {
    "gettext": None, "gettext_noop": None, "ngettext": (1, 2),
    **dict.fromkeys(ERRORS),
    **dict.fromkeys(("Failure", "OrderError", "OrderFailed", "WorkerFailed"), (2,)),
    **dict.fromkeys(("add", "add_timeline_entry"), (4,)),
}  # fmt: skip

SOURCES = (
    ("streamtime", "*.py", "python", IN_PYTHON, {}),
    (
        "web/templates", "*.html", "jinja2.ext:babel_extract", ON_PAGES,
        {
            "extensions": "jinja2.ext.i18n, streamtime.http.templates.ShortIndentation",
            "trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true", "silent": "false",
        },
    ),
    ("web/scripts", "*.js", "javascript", IN_SCRIPTS, {}),
)  # fmt: skip

NOT_ON_PAGES = tuple(
    ROOT / "streamtime" / name
    for name in ("cli", "config", "database", "http/api", "maintenance", "storage", "uploads")
)
"""Packages whose messages are for the command line, the log and the API."""


def texts() -> Catalog:
    """Return the texts of all sources."""
    found = Catalog()
    for path, method, keywords, options in _files():
        where = path.relative_to(ROOT)
        with contextlib.redirect_stderr(io.StringIO()):  # texts that are put together are told of: they stay English
            messages = extract_from_file(method, path, keywords, ("Translators:",), options)
        for _, message, comments, context in messages:
            first = message if isinstance(message, str) else message[0]
            # the first argument of an error may be its code
            if " " in first or first[:1].isupper() or where.suffix != ".py":
                found.add(message, locations=[(str(where), None)], auto_comments=comments, context=context)
    return found


def _files() -> Iterator[tuple[Path, str, dict[str, Any], dict[str, str]]]:
    for folder, pattern, method, keywords, options in SOURCES:
        for path in sorted((ROOT / folder).rglob(pattern)):
            if not any(path.is_relative_to(package) for package in NOT_ON_PAGES):
                yield path, method, keywords, options


def updated(path: Path, sources: Catalog) -> bytes:
    """Return a catalogue's file with the texts of the sources, keeping their translations."""
    if path.is_file():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.stem.replace("-", "_"))
    else:
        catalogue = Catalog(locale=Locale.parse(path.stem.replace("-", "_")), project="Streamtime", fuzzy=False)
    catalogue.update(sources, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    catalogue.header_comment = f"# The texts of Streamtime: {path.stem}"
    for message in catalogue:
        message.flags -= {"python-brace-format"} if message.id else set()
    written = io.BytesIO()
    write_po(written, catalogue, width=120, sort_by_file=True, include_lineno=False)
    return written.getvalue()


def main() -> int:
    """Update or check the catalogues; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--new", metavar="TAG", help="begin a catalogue, for example fr or pt-BR")
    arguments = parser.parse_args()
    sources, stale = texts(), []
    catalogues = sorted(FOLDER.glob("*.po")) + ([FOLDER / f"{arguments.new}.po"] if arguments.new else [])
    for path in catalogues:
        content = updated(path, sources)
        if path.is_file() and path.read_bytes() == content:
            continue
        stale.append(path.name)
        if not arguments.check:
            path.write_bytes(content)
    if stale and arguments.check:
        sys.stderr.write(f"Not up to date: {', '.join(stale)}. `make languages` updates them.\n")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
