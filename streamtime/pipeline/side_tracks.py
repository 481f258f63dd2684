"""What becomes of chapters and subtitles that a source has: pure, from facts."""

from streamtime.languages import bcp47, language_name
from streamtime.library.chapters import Chapter
from streamtime.source_facts import SourceFacts


def chapters(facts: SourceFacts) -> list[Chapter]:
    """The chapters, each with a title: its own, or its number."""
    return [
        Chapter(found.start_ms, found.end_ms, _one_line(found.title) or f"Chapter {number}")
        for number, found in enumerate(facts.chapters, start=1)
    ]


def not_shown(facts: SourceFacts) -> str | None:
    """A sentence about the subtitles that are pictures, which no browser shows; None where there are none."""
    tracks = [language_name(bcp47(track.language)) or "unknown" for track in facts.subtitles if not track.is_text]
    if not tracks:
        return None
    which = "One subtitle track is" if len(tracks) == 1 else f"{len(tracks)} subtitle tracks are"
    return f"{which} made of pictures, not text, and cannot be shown: {', '.join(tracks)}."


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
