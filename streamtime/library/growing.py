"""Renditions in the making: what may be played of each at this moment, in memory, a segment longer every few moments.

Nothing here outlives the process; what of a rendition does is its checkpoint, in its row.
"""

from streamtime.hls.segment_index import SegmentIndex


class GrowingRenditions:
    """What is shown so far of each rendition that is being made, by its row id."""

    def __init__(self) -> None:
        self._growing: dict[int, SegmentIndex] = {}

    def publish(self, rendition_id: int, index: SegmentIndex) -> None:
        """So much of it may be played from now on; what was shown before is never taken back."""
        self._growing[rendition_id] = index

    def get(self, rendition_id: int) -> SegmentIndex | None:
        """What is shown at this moment, or None where nothing is."""
        return self._growing.get(rendition_id)

    def remove(self, rendition_id: int) -> None:
        """It is whole, or given up: forget it. One that is not known is a success."""
        self._growing.pop(rendition_id, None)
