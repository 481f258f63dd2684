"""What an object key may look like. It knows text only, so that no adapter ever sees a path that climbs."""

import re

from streamtime.errors import Invalid

MAX_KEY_CHARACTERS = 512
"""S3 allows 1,024 bytes; the rest is room for the prefix that a bucket may be shared under."""

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,126}"
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]*")


def is_key(text: str) -> bool:
    """Whether a text is a key; see `valid_key`."""
    return len(text) <= MAX_KEY_CHARACTERS and _KEY.fullmatch(text) is not None


def valid_key(key: str) -> str:
    """The key itself, when it is relative, of `A-Z a-z 0-9 . _ - /`, and no segment starts with a dot.

    Raises:
        Invalid: for any other text. Names that begin with a dot belong to the adapters.
    """
    if not is_key(key):
        raise Invalid(f"{key[:80]!r} is no object key.", field="key")
    return key


def valid_prefix(prefix: str) -> str:
    """The prefix itself, when keys could begin with it.

    Raises:
        Invalid: for a text that no key begins with.
    """
    climbs = prefix.startswith("/") or any(part.startswith(".") for part in prefix.split("/"))
    if len(prefix) > MAX_KEY_CHARACTERS or climbs or _PREFIX.fullmatch(prefix) is None:
        raise Invalid(f"{prefix[:80]!r} is no prefix of object keys.", field="prefix")
    return prefix
