"""Where moments, captions and chapters of a video are after parts of it were cut out."""

from streamtime.captions.cue import Cue, Span
from streamtime.videos.chapters import Chapter
from streamtime.videos.cuts import moved_chapters, moved_cues, moved_time
from streamtime.workers.cut_order import CutPart

PARTS = (CutPart(1000, 3000), CutPart(5000, 8000))


def test_moments_keep_their_frame_or_are_at_the_joint() -> None:
    moved = {500: 0, 1000: 0, 2500: 1500, 3000: 2000, 4000: 2000, 5000: 2000, 7500: 4500, 9000: 5000}
    assert {at: moved_time(PARTS, at) for at in moved} == moved


def test_cues_and_chapters_are_cut_off_at_the_joints() -> None:
    cues = [Cue(500, 5500, (Span("a"),)), Cue(3500, 4500, (Span("gone"),)), Cue(7000, 9000, (Span("b"),))]
    found = [(cue.text, cue.start_ms, cue.end_ms) for cue in moved_cues(PARTS, cues)]
    assert found == [("a", 0, 2000), ("a", 2000, 2500), ("b", 4000, 5000)]
    chapters = [Chapter(0, 1100, "short"), Chapter(1100, 5500, "one"), Chapter(5500, 9000, "two")]
    assert moved_chapters(PARTS, chapters) == [Chapter(100, 2500, "one"), Chapter(2500, 5000, "two")]
