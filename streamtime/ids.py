"""Random identifiers and secrets. Row ids are integers and stay inside; what leaves the house is made here."""

import hashlib
import secrets
import string

PUBLIC_ID_LENGTH = 22
"""Characters, which make 131 random bits: an unlisted video is hidden by its id alone."""

_ALPHABET = string.ascii_letters + string.digits
_UNAMBIGUOUS_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""What nobody mistakes for something else, read from paper or a terminal."""


def public_id() -> str:
    """A new identifier for URLs and command lines.

    Letters and digits alone: an id that began with a hyphen would be an option to every command it is handed to.
    """
    return "".join(secrets.choice(_ALPHABET) for _ in range(PUBLIC_ID_LENGTH))


def picture_version() -> int:
    """A new number for the address of somebody's picture: never 0, and not to be met again with another picture."""
    return secrets.randbelow((1 << 31) - 1) + 1


def secret(prefix: str = "") -> str:
    """A new bearer secret of 256 random bits, with a readable prefix that says what it is."""
    return prefix + secrets.token_urlsafe(32)


def setup_code() -> str:
    """A code that a person copies from a terminal: twelve characters without look-alikes, 58 bits."""
    return _groups(3)


def new_password() -> str:
    """A password that is told to somebody once: sixteen characters without look-alikes, 78 bits."""
    return _groups(4)


def recovery_code() -> str:
    """A code that somebody keeps on paper: sixteen characters without look-alikes, 78 bits, to be stored hashed."""
    return _groups(4)


def _groups(count: int) -> str:
    return "-".join("".join(secrets.choice(_UNAMBIGUOUS_ALPHABET) for _ in range(4)) for _ in range(count))


def fingerprint(value: str) -> bytes:
    """SHA-256 of a secret: what is stored in its place. Enough for what is random, never for passwords."""
    return hashlib.sha256(value.encode()).digest()
