"""The tus checksum extension: a request body is accepted only if its digest is the announced one."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Protocol, Self

from streamtime.errors import ChecksumMismatch, Invalid, TooLarge

ALGORITHMS = ("sha256", "sha1")
"""The specification requires sha1; every client supports both."""

MAX_CHECKED_BYTES = 64 << 20
"""Longest request body with a checksum. Such a body is accepted or rejected as a whole and can't be resumed."""

_LENGTHS = {"sha256": 32, "sha1": 20}


class Hasher(Protocol):
    """The part of a `hashlib` hash object that is used here."""

    def update(self, data: memoryview, /) -> None:
        """Hash more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the digest of the bytes so far."""
        ...

    def copy(self) -> Self:
        """Return an independent copy."""
        ...


@dataclass(frozen=True, slots=True)
class Checksum:
    """An algorithm and the expected digest."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, header: str) -> Self:
        """Parse an `Upload-Checksum` header: the algorithm, a space, the digest in base64.

        Raises:
            Invalid: the header is malformed or its algorithm is not supported.
        """
        algorithm, _, encoded = header.strip().partition(" ")
        if algorithm not in ALGORITHMS:
            known = " and ".join(ALGORITHMS)
            raise Invalid(f"Supported checksums are {known}.", field="Upload-Checksum", code="checksum_algorithm")
        try:
            digest = base64.b64decode(encoded.strip(), validate=True)
        except ValueError:  # not base64, or not ASCII
            digest = b""
        if len(digest) != _LENGTHS[algorithm]:
            raise Invalid("Upload-Checksum has no valid base64 digest.", field="Upload-Checksum", code="checksum")
        return cls(algorithm, digest)

    def new_hasher(self) -> Hasher:
        """Return a hasher for the algorithm."""
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def check(self, digest: bytes) -> None:
        """Compare `digest` with the expected one.

        Raises:
            ChecksumMismatch: they differ.
        """
        if digest != self.digest:
            raise ChecksumMismatch("The bytes were corrupted in transit and were discarded. Send them again.")


def too_large_to_check() -> TooLarge:
    """Return the error for a body with a checksum that exceeds `MAX_CHECKED_BYTES`."""
    return TooLarge(
        f"A request with a checksum may have at most {MAX_CHECKED_BYTES} bytes. Send smaller pieces.",
        facts={"limit": MAX_CHECKED_BYTES},
    )
