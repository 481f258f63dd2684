"""Checksums of uploads: the tus checksum extension, and a running SHA-256 of each upload.

Running hashes are kept in memory only. Where one is missing, for example after a restart, finalizing the object
computes it.
"""

import base64
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol, Self

from streamtime.errors import ChecksumMismatch, Invalid, TooLarge

ALGORITHMS = ("sha256", "sha1")
"""The specification requires sha1; every client supports both."""

MAX_CHECKED_BYTES = 64 << 20
"""Longest request body with a checksum. Such a body is accepted or rejected as a whole and can't be resumed."""

MAX_HASHERS = 1_000
"""Number of running hashes kept; the least recently used are dropped."""

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


class RunningHashes:
    """SHA-256 hashers of unfinished uploads, each over the bytes that are on disk."""

    def __init__(self) -> None:
        self._hashers: OrderedDict[int, tuple[int, Hasher]] = OrderedDict()

    def get(self, upload_id: int, offset: int) -> Hasher | None:
        """Return a copy of the hasher over the first `offset` bytes, or None if it is not known."""
        if offset == 0:
            return hashlib.sha256()
        hashed_bytes, hasher = self._hashers.get(upload_id, (-1, None))
        return hasher.copy() if hasher is not None and hashed_bytes == offset else None

    def put(self, upload_id: int, offset: int, hasher: Hasher) -> None:
        """Store a copy of the hasher over the first `offset` bytes."""
        self._hashers[upload_id] = offset, hasher.copy()
        self._hashers.move_to_end(upload_id)
        if len(self._hashers) > MAX_HASHERS:
            self._hashers.popitem(last=False)

    def discard(self, upload_id: int) -> None:
        """Drop the hasher of an upload, if there is one."""
        self._hashers.pop(upload_id, None)
