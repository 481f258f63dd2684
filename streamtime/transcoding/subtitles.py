"""Cues of several subtitle tracks as a worker tells them, until each track is whole. It knows no rows and no files.

What becomes of chapters and subtitles that a source has: pure, from facts.
"""

from collections.abc import Sequence

from streamtime.captions.cue import MAX_CUES, Cue
from streamtime.languages import bcp47, language_name
from streamtime.videos.captions import MAX_LABEL, Chapter, NewCaptions, compress_captions, new_from_file
from streamtime.workers.probe_result import AudioInfo, ProbeResult, SubtitleInfo
from streamtime.workers.protocol import CuesRead


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


class CueCollector:
    """What has been told of the tracks of one order."""

    def __init__(self, tracks: Sequence[SubtitleInfo]) -> None:
        self._tracks = {track.stream: track for track in tracks}
        self._cues: dict[int, list[Cue]] = {}

    def add(self, message: CuesRead) -> tuple[SubtitleInfo, list[Cue]] | None:
        """Add what a message tells; a track with its cues once it is whole. More than is read of a file is dropped."""
        track = self._tracks.get(message.stream)
        if track is None:
            return None
        cues = self._cues.setdefault(message.stream, [])
        cues += message.cues[: MAX_CUES - len(cues)]
        if not message.last:
            return None
        return self._tracks.pop(message.stream), self._cues.pop(message.stream)


def captions_from_cues(track: SubtitleInfo, cues: Sequence[Cue]) -> NewCaptions:
    """A track of a file as captions: some tenths of a second for the largest, so not on the loop."""
    return new_from_file(compress_captions(cues), track.stream, track.language, subtitle_label(track))
