"""Cuts: which parts of a video stay, and where moments, captions and chapters of it are in the result."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import select

from streamtime.captions.cue import Cue
from streamtime.database.tables.videos import cuts
from streamtime.database.transaction import Transaction
from streamtime.errors import Invalid
from streamtime.videos.chapters import Chapter
from streamtime.workers.cut_order import CutPart

MAX_PARTS = 100
MIN_PART_MS = 100
"""Shorter parts have only a few frames; the player may not find them."""

MIN_CHAPTER_MS = 200


def checked_parts(parts: Sequence[CutPart], duration_ms: int) -> list[CutPart]:
    """Return the parts, which must be in order; the last one may end with the video.

    Raises:
        Invalid: there are none or too many, they overlap, one is too short or outside the video, or nothing is cut.
    """
    if not 1 <= len(parts) <= MAX_PARTS:
        raise _invalid(f"Keep 1 to {MAX_PARTS} parts of the video.")
    checked: list[CutPart] = []
    for part in parts:
        end_ms = min(part.end_ms, duration_ms)
        if part.start_ms < (checked[-1].end_ms if checked else 0):
            raise _invalid("The parts must be in order, and must not overlap.")
        if end_ms - part.start_ms < MIN_PART_MS:
            raise _invalid("Each part must be at least a tenth of a second long, and within the video.")
        checked.append(CutPart(part.start_ms, end_ms))
    if sum(part.end_ms - part.start_ms for part in checked) >= duration_ms:
        raise _invalid("Nothing would be cut off.")
    return checked


def moved_time(parts: Sequence[CutPart], time_ms: int) -> int:
    """Return where a moment is in the result; a moment that was cut out is where the parts around it meet."""
    at_ms = 0
    for part in parts:
        if time_ms < part.end_ms:
            return at_ms + max(0, time_ms - part.start_ms)
        at_ms += part.end_ms - part.start_ms
    return at_ms


def moved_cues(parts: Sequence[CutPart], cues: Iterable[Cue]) -> Iterator[Cue]:
    """Return the cues of the result: a cue is cut off where its part begins or ends."""
    for cue in cues:
        for start_ms, end_ms in _moved_span(parts, cue.start_ms, cue.end_ms):
            yield msgspec.structs.replace(cue, start_ms=start_ms, end_ms=end_ms)


def moved_chapters(parts: Sequence[CutPart], chapters: Iterable[Chapter]) -> list[Chapter]:
    """Return the chapters of the result.

    A chapter that spans several parts is one; what is left of one is dropped if it is shorter than `MIN_CHAPTER_MS`.
    """
    moved = []
    for chapter in chapters:
        spans = list(_moved_span(parts, chapter.start_ms, chapter.end_ms))
        if spans and spans[-1][1] - spans[0][0] >= MIN_CHAPTER_MS:
            moved.append(Chapter(spans[0][0], spans[-1][1], chapter.title))
    return moved


def _moved_span(parts: Sequence[CutPart], start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    at_ms = 0
    for part in parts:
        start, end = max(start_ms, part.start_ms), min(end_ms, part.end_ms)
        if start < end:
            yield start - part.start_ms + at_ms, end - part.start_ms + at_ms
        at_ms += part.end_ms - part.start_ms


async def is_cut(tx: Transaction, video_id: int) -> bool:
    """Return whether the original of a video is cut from another video's."""
    return (await tx.execute(select(cuts.c.video_id).where(cuts.c.video_id == video_id))).first() is not None


def _invalid(message: str) -> Invalid:
    return Invalid(message, field="parts")
