"""Segments that are being watched, in memory, bounded by bytes: many viewers of one film cost one read."""

from collections import OrderedDict
from typing import NamedTuple

MAX_ENTRY_FRACTION = 4
"""One entry may take a quarter of the room at most."""


class ByteRange(NamedTuple):
    """A run of bytes of an object. Runs that begin at the same offset and differ in length are different places."""

    key: str
    offset: int
    length: int


class SegmentCache:
    """Keeps what was read last, by place. Keys of objects are never reused, so nothing goes stale."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = 0
        self._entries: OrderedDict[ByteRange, bytes] = OrderedDict()

    def __contains__(self, at: ByteRange) -> bool:
        return at in self._entries

    def get(self, at: ByteRange) -> bytes | None:
        """What is kept there, if anything."""
        found = self._entries.get(at)
        if found is not None:
            self._entries.move_to_end(at)
        return found

    def fits(self, length: int) -> bool:
        """Whether a run of that length would be kept."""
        return length * MAX_ENTRY_FRACTION <= self._max_bytes

    def put(self, at: ByteRange, data: bytes) -> None:
        """Keep it, in place of what was used longest ago.

        Raises:
            ValueError: `data` has another length than the place.
        """
        if len(data) != at.length:
            raise ValueError(f"{len(data)} bytes for {at}")
        if not self.fits(len(data)) or at in self._entries:
            return
        self._entries[at] = data
        self._used_bytes += len(data)
        while self._used_bytes > self._max_bytes:
            _, dropped = self._entries.popitem(last=False)
            self._used_bytes -= len(dropped)
