"""The catalogue of keys, derived from the structs in `sections.py`, and the conversion of given values to their types.

Where values come from is in `load.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from streamtime.config.sections import Config
from streamtime.config.values import ConfigValue

ENVIRONMENT_PREFIX = "STREAMTIME_"

_PLAIN: dict[object, str] = {int: "a whole number", bool: "true or false", Path: "the path of a directory"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its dotted name, its annotated type with bounds, its default and its description."""

    name: str
    annotation: object
    default: object
    text: str

    @property
    def section(self) -> str:
        """The dotted name of its section; empty for top-level keys."""
        return self.name.rpartition(".")[0]

    @property
    def environment_name(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.name.replace(".", "__").upper()

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown in messages."""
        return bool((split(self.annotation)[1].extra or {}).get("secret"))

    @property
    def accepts(self) -> str:
        """The accepted values, as a phrase that completes "it takes ..."."""
        return accepts(self.annotation)


def accepts(annotation: object) -> str:
    """Return the accepted values of an annotated type, as a phrase."""
    kind, bounds = split(annotation)
    if get_origin(kind) is tuple:
        return f"a list, each {accepts(get_args(kind)[0])}"
    if get_origin(kind) is Literal:
        return " or ".join(f'"{choice}"' for choice in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, ConfigValue):
        return kind.accepts + _between(kind, bounds)
    return _PLAIN.get(kind, "text") + _between(kind, bounds)


def split(annotation: object) -> tuple[object, Meta]:
    """Return a type and its bounds."""
    if get_origin(annotation) is not Annotated:
        return annotation, Meta()
    kind, *rest = get_args(annotation)
    return kind, next((part for part in rest if isinstance(part, Meta)), Meta())


def _between(kind: object, bounds: Meta) -> str:
    if not (isinstance(kind, type) and issubclass(kind, int)) or (bounds.ge is None and bounds.le is None):
        return ""
    low = None if bounds.ge is None else kind(bounds.ge)
    high = None if bounds.le is None else kind(bounds.le)
    even = ", even" if bounds.multiple_of == 2 else ""  # noqa: PLR2004  (two is what even means)
    if high is None:
        return f", at least {low}{even}"
    return f", {low} to {high}{even}"


def _keys(struct: type[Struct], prefix: str) -> Iterator[Key]:
    for found in msgspec.structs.fields(struct):
        name = prefix + found.name
        kind, bounds = split(found.type)
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _keys(kind, f"{name}.")
        else:
            yield Key(name, found.type, found.default, bounds.description or "")


KEYS: Mapping[str, Key] = {key.name: key for key in _keys(Config, "")}
"""All keys by dotted name, in the order of the structs."""

SECTIONS = frozenset(name.rpartition(".")[0] for name in KEYS) - {""}
"""The dotted names of all sections."""


MAX_ITEMS = 1000
"""The most items that a list may have."""


def convert(key: Key, raw: object, *, is_text: bool) -> object:
    """Return the value of a key. With `is_text` the raw value is text, as in an environment variable.

    Raises:
        ValueError: the key does not accept the value; `Key.accepts` says what it accepts.
    """
    return _value(key.annotation, raw, is_text=is_text)


def _value(annotation: object, raw: object, *, is_text: bool) -> object:
    kind, bounds = split(annotation)
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], item, is_text=is_text) for item in _items(bounds, raw, is_text=is_text))
    if kind is Path:
        return _path(raw)
    if isinstance(kind, type) and issubclass(kind, ConfigValue):
        return _within(bounds, kind.parse(raw))
    try:
        return msgspec.convert(raw, annotation, strict=not is_text)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValueError(raw) from error


def _items(bounds: Meta, raw: object, *, is_text: bool) -> list[object]:
    """Return the items of a list; text is split at commas."""
    if is_text and isinstance(raw, str):
        raw = [item.strip() for item in raw.split(",") if item.strip()]
    if not isinstance(raw, list) or not (bounds.min_length or 0) <= len(raw) <= (bounds.max_length or MAX_ITEMS):
        raise ValueError(raw)
    return raw


def _path(raw: object) -> Path:
    if isinstance(raw, Path):
        return raw
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw:
        raise ValueError(raw)
    try:
        return Path(raw).expanduser()
    except RuntimeError as error:  # "~nobody/data"
        raise ValueError(raw) from error


def _within(bounds: Meta, value: ConfigValue) -> ConfigValue:
    if isinstance(value, int):
        too_small = bounds.ge is not None and value < bounds.ge
        too_large = bounds.le is not None and value > bounds.le
        if too_small or too_large:
            raise ValueError(value)
    return value
