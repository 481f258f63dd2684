"""Brings in, before confinement, what would otherwise be looked for in files at its first use.

A module that is imported only inside a function of this room belongs here too: it could not be found later.
"""

import importlib
import traceback

_FIRST_USED_LATE = (
    "av.subtitles.codeccontext",
    "av.subtitles.stream",
    "av.subtitles.subtitle",
    "encodings.ascii",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_8_sig",
)


def preload() -> None:
    """Import and warm up."""
    for name in _FIRST_USED_LATE:
        importlib.import_module(name)
    # The words for an error that nobody foresaw need modules of their own.
    traceback.format_exception(ValueError())
