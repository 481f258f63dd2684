"""Segments that are being watched, in memory, bounded by bytes: many viewers of one film cost one read."""

from collections import OrderedDict
from typing import NamedTuple

LARGEST_SHARE = 4
"""One entry may take a quarter of the room at most."""


class Place(NamedTuple):
    """A run of bytes of an object. Runs that begin at the same offset and differ in length are different places."""

    key: str
    offset: int
    length: int


class HotSegments:
    """Keeps what was read last, by place. Keys of objects are never reused, so nothing goes stale."""

    def __init__(self, room_bytes: int) -> None:
        self._room_bytes = room_bytes
        self._used_bytes = 0
        self._kept: OrderedDict[Place, bytes] = OrderedDict()

    def __contains__(self, at: Place) -> bool:
        return at in self._kept

    def get(self, at: Place) -> bytes | None:
        """What is kept there, if anything."""
        found = self._kept.get(at)
        if found is not None:
            self._kept.move_to_end(at)
        return found

    def takes(self, length: int) -> bool:
        """Whether a run of that length would be kept."""
        return length * LARGEST_SHARE <= self._room_bytes

    def put(self, at: Place, data: bytes) -> None:
        """Keep it, in place of what was used longest ago.

        Raises:
            ValueError: `data` has another length than the place.
        """
        if len(data) != at.length:
            raise ValueError(f"{len(data)} bytes for {at}")
        if not self.takes(len(data)) or at in self._kept:
            return
        self._kept[at] = data
        self._used_bytes += len(data)
        while self._used_bytes > self._room_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._used_bytes -= len(dropped)
