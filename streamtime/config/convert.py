"""One given value made into what its key takes, or refused. It knows types and bounds, not where a value came from."""

from pathlib import Path
from typing import get_args, get_origin

import msgspec
from msgspec import Meta

from streamtime.config.keys import Key, split
from streamtime.config.values import ConfigValue

MAX_ITEMS = 1000
"""Of any list: a bound on what nobody writes."""


def convert(key: Key, raw: object, *, is_text: bool) -> object:
    """The value of a key; `is_text` where all that can be given is text, as in an environment.

    Raises:
        ValueError: when the key does not take it; `Key.accepts` says what would do.
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
    """A list; in text, what stands between commas."""
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
