"""Renditions in the making: their segment indices, in memory, a segment longer every few moments.

Nothing here outlives the process: a rendition that was growing when it ended is begun anew.
"""

from streamtime.hls.segment_index import GrowingIndex, SegmentIndex


class GrowingRenditions:
    """What exists so far of each rendition that is being made, by its row id."""

    def __init__(self) -> None:
        self._growing: dict[int, GrowingIndex] = {}

    def begin(self, rendition_id: int, *, timescale: int, init_length: int) -> None:
        """Its init segment is written."""
        self._growing[rendition_id] = GrowingIndex(timescale, init_length)

    def append(self, rendition_id: int, *, length: int, duration: int, keyframe_length: int) -> None:
        """One more segment is written; `duration` is in the rendition's timescale."""
        self._growing[rendition_id].append_next(length=length, duration=duration, keyframe_length=keyframe_length)

    def snapshot(self, rendition_id: int) -> SegmentIndex | None:
        """What exists at this moment, or None where not even the init segment does."""
        growing = self._growing.get(rendition_id)
        return growing.snapshot() if growing else None

    def end(self, rendition_id: int) -> None:
        """It is whole, or given up: forget it. One that is not known is a success."""
        self._growing.pop(rendition_id, None)
