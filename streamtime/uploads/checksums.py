"""The SHA-256 of uploads while they arrive, so that the whole file need not be read for it at the end.

It is in memory alone: after a restart there is none for what had begun before, and settling finds it out instead.

tus' checksum extension: what a client says that its bytes amount to, and whether they do.
"""

import base64
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol, Self

from streamtime.errors import ChecksumMismatch, Invalid, TooLarge

ALGORITHMS = ("sha256", "sha1")
"""Those that every client has; the specification asks for sha1."""

MAX_CHECKED_BYTES = 64 << 20
"""What is taken as a whole or not at all: nothing of it can be resumed, and all of it is written before it counts."""

_LENGTHS = {"sha256": 32, "sha1": 20}


class Hasher(Protocol):
    """A hash of `hashlib`, as far as it is used here."""

    def update(self, data: memoryview, /) -> None:
        """Add bytes."""
        ...

    def digest(self) -> bytes:
        """What they come to so far."""
        ...

    def copy(self) -> Self:
        """Another one, to be gone on with apart."""
        ...


@dataclass(frozen=True, slots=True)
class Checksum:
    """An algorithm, and what it has to come to."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, header: str) -> Self:
        """The `Upload-Checksum` header: the algorithm, a space, the digest in base64.

        Raises:
            Invalid: it cannot be read, or is of a kind that is not known here.
        """
        algorithm, _, encoded = header.strip().partition(" ")
        if algorithm not in ALGORITHMS:
            known = " and ".join(ALGORITHMS)
            raise Invalid(f"Checksums of {known} are known here.", field="Upload-Checksum", code="checksum_algorithm")
        try:
            digest = base64.b64decode(encoded.strip(), validate=True)
        except ValueError:  # no base64, or no ASCII
            digest = b""
        if len(digest) != _LENGTHS[algorithm]:
            raise Invalid("Upload-Checksum holds no checksum in base64.", field="Upload-Checksum", code="checksum")
        return cls(algorithm, digest)

    def new_hasher(self) -> Hasher:
        """A sum to add the bytes to."""
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def check(self, digest: bytes) -> None:
        """Compare.

        Raises:
            ChecksumMismatch: the bytes are not those that were sent.
        """
        if digest != self.digest:
            raise ChecksumMismatch("These bytes were changed on their way. None of them was kept: send them again.")


def too_large_to_check() -> TooLarge:
    """More came with a checksum than is taken as a whole."""
    return TooLarge(
        f"At most {MAX_CHECKED_BYTES} bytes are checked at once. Send smaller pieces.",
        facts={"limit": MAX_CHECKED_BYTES},
    )


MAX_UPLOADS = 1_000
"""Sums that are kept; those of uploads that were touched least of late are forgotten."""


class RunningHashes:
    """The sum of each upload, as far as its bytes are on disk."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[int, Hasher]] = OrderedDict()

    def get(self, upload_id: int, offset: int) -> Hasher | None:
        """A sum of the first `offset` bytes, to be gone on with; None where nobody has kept count."""
        if offset == 0:
            return hashlib.sha256()
        counted, sum_ = self._known.get(upload_id, (-1, None))
        return sum_.copy() if sum_ is not None and counted == offset else None

    def put(self, upload_id: int, offset: int, sum_: Hasher) -> None:
        """So much of the upload is on disk, and this is its sum."""
        self._known[upload_id] = offset, sum_.copy()
        self._known.move_to_end(upload_id)
        if len(self._known) > MAX_UPLOADS:
            self._known.popitem(last=False)

    def discard(self, upload_id: int) -> None:
        """Nobody will ask any more."""
        self._known.pop(upload_id, None)
