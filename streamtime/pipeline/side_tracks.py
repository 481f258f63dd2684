"""What becomes of chapters and subtitles that a source has: pure, from facts."""

from collections.abc import Sequence

from streamtime.languages import bcp47, language_name
from streamtime.library.captions import MAX_LABEL
from streamtime.library.chapters import Chapter
from streamtime.source_facts import AudioInfo, ProbeResult, SubtitleInfo


def chapters(facts: ProbeResult) -> list[Chapter]:
    """The chapters, each with a title: its own, or its number."""
    return [
        Chapter(found.start_ms, found.end_ms, _one_line(found.title) or f"Chapter {number}")
        for number, found in enumerate(facts.chapters, start=1)
    ]


def unsupported_subtitles(facts: ProbeResult) -> str | None:
    """A sentence about the subtitles that are pictures, which no browser shows; None where there are none."""
    tracks = [language_name(bcp47(track.language)) or "unknown" for track in facts.subtitles if not track.is_text]
    if not tracks:
        return None
    which = "One subtitle track is" if len(tracks) == 1 else f"{len(tracks)} subtitle tracks are"
    return f"{which} made of pictures, not text, and cannot be shown: {', '.join(tracks)}."


def subtitle_label(track: SubtitleInfo) -> str | None:
    """What a subtitle track is called in a menu; None where the file tells nothing of it."""
    remarks = [words for said, words in ((track.forced, "forced"), (track.hearing_impaired, "SDH")) if said]
    named = _with_remarks(_one_line(track.title or "") or language_name(bcp47(track.language)), remarks)
    return named or (_capital(" ".join([*remarks, "subtitles"])) if remarks else None)


def audio_label(track: AudioInfo) -> str | None:
    """What a sound track is called in a menu; None where the file tells nothing but perhaps its language."""
    title = _one_line(track.title or "")
    if track.purpose is None:
        return title or None
    return _with_remarks(title or language_name(bcp47(track.language)), [track.purpose]) or _capital(track.purpose)


def _with_remarks(name: str | None, remarks: Sequence[str]) -> str | None:
    """Add in brackets what the name itself does not say; None without a name."""
    if not name:
        return None
    said = name.casefold()
    missing = ", ".join(remark for remark in remarks if remark.casefold() not in said)
    if not missing:
        return name
    return f"{name[: MAX_LABEL - len(missing) - 3].rstrip()} ({missing})"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
