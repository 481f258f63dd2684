"""The SHA-256 of uploads while they arrive, so that the whole file need not be read for it at the end.

It is in memory alone: after a restart there is none for what had begun before, and settling finds it out instead.
"""

import hashlib
from collections import OrderedDict

from streamtime.uploads.checksum import Hasher

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
