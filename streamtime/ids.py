"""Random identifiers and secrets. Row ids are integers and stay internal; clients see only the ids made here."""

import hashlib
import secrets
import string

PUBLIC_ID_LENGTH = 22
"""Characters, 131 random bits: an unlisted video is protected by its id alone."""

_ALPHABET = string.ascii_letters + string.digits
_UNAMBIGUOUS_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Characters that are not easily confused when read from paper or a terminal."""


def public_id() -> str:
    """Return a new identifier for URLs and command lines.

    It has only letters and digits: commands would take an id that begins with a hyphen for an option.
    """
    return "".join(secrets.choice(_ALPHABET) for _ in range(PUBLIC_ID_LENGTH))


def picture_version() -> int:
    """Return a new random version number for the URL of a profile picture; never 0, which means no picture."""
    return secrets.randbelow((1 << 31) - 1) + 1


def shuffle_seed() -> str:
    """Return a new seed for a shuffled order, which is in URLs."""
    return secrets.token_hex(4)


def secret(prefix: str = "") -> str:
    """Return a new bearer secret of 256 random bits, after a readable prefix that names its kind."""
    return prefix + secrets.token_urlsafe(32)


def setup_code() -> str:
    """Return a setup code to be copied from a terminal: twelve unambiguous characters, 58 bits."""
    return _groups(3)


def new_password() -> str:
    """Return a generated password, which is shown once: sixteen unambiguous characters, 78 bits."""
    return _groups(4)


def recovery_code() -> str:
    """Return a recovery code to be kept on paper: sixteen unambiguous characters, 78 bits. Only its hash is stored."""
    return _groups(4)


def _groups(count: int) -> str:
    return "-".join("".join(secrets.choice(_UNAMBIGUOUS_ALPHABET) for _ in range(4)) for _ in range(count))


def fingerprint(value: str) -> bytes:
    """Return the SHA-256 of a random secret, which is stored in its place. Not for passwords."""
    return hashlib.sha256(value.encode()).digest()
