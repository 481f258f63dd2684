"""The `Upload-Metadata` header of tus 1.0: keys, and values in base64."""

import base64
from pathlib import PurePosixPath, PureWindowsPath

from streamtime.errors import Invalid

MAX_HEADER = 8_192
MAX_NAME = 255
MAX_CLIENT_KEY = 200


def parse_metadata(header: str) -> dict[str, str]:
    """The pairs of the header; a key without a value has an empty one.

    Raises:
        Invalid: it is too long, a key stands twice, or a value is not base64 of UTF-8.
    """
    if len(header) > MAX_HEADER:
        raise Invalid(f"Upload-Metadata may have at most {MAX_HEADER} characters.", field="Upload-Metadata")
    pairs: dict[str, str] = {}
    for part in header.split(","):
        key, _, encoded = part.strip().partition(" ")
        if not key:
            continue
        if key in pairs:
            raise Invalid(f"Upload-Metadata has {key[:40]} twice.", field="Upload-Metadata")
        try:
            pairs[key] = base64.b64decode(encoded.strip(), validate=True).decode()
        except ValueError:  # no ASCII, no base64, or no UTF-8
            words = "Upload-Metadata holds a value that is not base64 of UTF-8."
            raise Invalid(words, field="Upload-Metadata") from None
    return pairs


def sanitize_file_name(text: str) -> str:
    """The last part of whatever path a browser sent, fit to be shown; never used as a path."""
    name = PureWindowsPath(PurePosixPath(text).name).name
    printable = "".join(character for character in name if character.isprintable()).strip()
    return printable[:MAX_NAME] or "video"


def clean_client_key(text: str | None) -> str | None:
    """A client's own name for an upload, or None where it gives none.

    Raises:
        Invalid: it is longer than a key needs to be, or has characters that are not plain ones.
    """
    if not text:
        return None
    if len(text) > MAX_CLIENT_KEY or not text.isascii() or not text.isprintable():
        words = f"A client key has 1 to {MAX_CLIENT_KEY} plain characters."
        raise Invalid(words, field="Idempotency-Key", code="client_key")
    return text
