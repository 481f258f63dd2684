"""Random identifiers and secrets. Row ids are integers and stay inside; what leaves the house is made here."""

import hashlib
import secrets

PUBLIC_ID_BYTES = 16
"""128 random bits: an unlisted video is hidden by its id alone."""


def public_id() -> str:
    """A new identifier for URLs: 22 characters of the URL-safe base64 alphabet."""
    return secrets.token_urlsafe(PUBLIC_ID_BYTES)


def secret(prefix: str = "") -> str:
    """A new bearer secret of 256 random bits, with a readable prefix that says what it is."""
    return prefix + secrets.token_urlsafe(32)


def setup_code() -> str:
    """A code that a person copies from a terminal: twelve characters without look-alikes, 58 bits."""
    alphabet = "23456789abcdefghjkmnpqrstuvwxyz"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))


def fingerprint(value: str) -> bytes:
    """SHA-256 of a secret: what is stored in its place. Enough for 256 random bits, never for passwords."""
    return hashlib.sha256(value.encode()).digest()
