"""Texts in the language of the request: a catalogue for each language, chosen by a context variable.

Outside a request, and for the API, the texts stay as they are in the source: English.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal

SOURCE_TAG = "en"
"""The language of the texts in the source."""

_FORMATS = {"en": "en_GB"}
"""The locale of dates and numbers, where it is not the language alone: pages write `1 May 2024`."""

_RIGHT_TO_LEFT = "rtl"


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the pages. `tag` is its BCP 47 tag; `locale` formats its numbers and dates."""

    tag: str
    locale: Locale
    catalogue: NullTranslations = field(default_factory=NullTranslations, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its own name for itself, as a choice of languages shows it."""
        return (self.locale.language_name or self.tag).capitalize()

    def name_of(self, tag: str) -> str | None:
        """Return what this language calls the language of a BCP 47 tag; None if it has no name for it."""
        try:
            return Locale.parse(tag, sep="-").get_display_name(self.locale)
        except (UnknownLocaleError, ValueError):
            return None

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, for the attribute `dir`."""
        return self.locale.text_direction

    @property
    def is_source(self) -> bool:
        """Whether its texts are those of the source."""
        return self.tag == SOURCE_TAG


@lru_cache(maxsize=64)
def read_language(tag: str, compiled: Path | None = None) -> Language:
    """Return a language with its compiled catalogue; without one, its texts are those of the source.

    Raises:
        OSError: the catalogue cannot be read.
    """
    catalogue = NullTranslations()
    if compiled is not None:
        with compiled.open("rb") as file:
            catalogue = GNUTranslations(file)
    return Language(tag, _locale(tag), catalogue)


def _locale(tag: str) -> Locale:
    """Return the locale of a tag; that of its first subtag if it has none, as a test language may."""
    name = _FORMATS.get(tag, tag.replace("-", "_"))
    try:
        return Locale.parse(name)
    except UnknownLocaleError:
        return Locale.parse(tag.split("-", maxsplit=1)[0])


ENGLISH = read_language(SOURCE_TAG)

_current: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def current_language() -> Language:
    """Return the language of the request; English outside one."""
    return _current.get()


def set_language(language: Language) -> None:
    """Use a language from here on, in this task and in those that it starts."""
    _current.set(language)


@contextmanager
def in_language(language: Language) -> Iterator[None]:
    """Use a language for the block."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def gettext(message: str, **values: object) -> str:
    """Return a text in the current language. `values` replace its `%(name)s`; without any, `%` is a plain character."""
    text = _current.get().catalogue.gettext(message) if message else ""
    return text % values if values else text


def ngettext(singular: str, plural: str, number: int, **values: object) -> str:
    """Return a text in the form for a number, `%(num)s`, in the current language."""
    return _current.get().catalogue.ngettext(singular, plural, number) % {"num": number_text(number), **values}


def gettext_noop(message: str) -> str:
    """Mark a text for translation, and return it as it is: `gettext` translates it where it is shown."""
    return message


def number_text(number: float, *, digits: int = 0) -> str:
    """Return a number with so many decimal places and the separators of the current language: `1,234`."""
    return str(format_decimal(number, f"#,##0.{'0' * digits}" if digits else "#,##0", _current.get().locale))
