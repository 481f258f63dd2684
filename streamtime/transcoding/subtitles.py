"""Subtitles and track labels of a source, and the collection of cues that a worker reads. Pure."""

from collections.abc import Sequence

from streamtime.captions.cue import MAX_CUES, Cue
from streamtime.languages import bcp47, language_name
from streamtime.videos.captions import MAX_LABEL, NewCaptions, compress_captions, new_from_file
from streamtime.videos.chapters import one_line
from streamtime.workers.probe_result import AudioInfo, ProbeResult, SubtitleInfo
from streamtime.workers.protocol import CuesRead


def unsupported_subtitles(facts: ProbeResult) -> str | None:
    """Return a message about bitmap subtitles, which browsers can't show; None if there are none."""
    tracks = [language_name(bcp47(track.language)) or "unknown" for track in facts.subtitles if not track.is_text]
    if not tracks:
        return None
    which = "One subtitle track is" if len(tracks) == 1 else f"{len(tracks)} subtitle tracks are"
    return f"{which} made of pictures, not text, and cannot be shown: {', '.join(tracks)}."


def subtitle_label(track: SubtitleInfo) -> str | None:
    """Return the menu label of a subtitle track; None if the file has no metadata of it."""
    remarks = [remark for flag, remark in ((track.forced, "forced"), (track.hearing_impaired, "SDH")) if flag]
    named = _with_remarks(one_line(track.title or "") or language_name(bcp47(track.language)), remarks)
    return named or (_capital(" ".join([*remarks, "subtitles"])) if remarks else None)


def audio_label(track: AudioInfo) -> str | None:
    """Return the menu label of an audio track; None if the file has no metadata of it except the language."""
    title = one_line(track.title or "")
    if track.purpose is None:
        return title or None
    return _with_remarks(title or language_name(bcp47(track.language)), [track.purpose]) or _capital(track.purpose)


def _with_remarks(name: str | None, remarks: Sequence[str]) -> str | None:
    """Append remarks that the name does not contain, in brackets; None without a name."""
    if not name:
        return None
    folded = name.casefold()
    missing = ", ".join(remark for remark in remarks if remark.casefold() not in folded)
    if not missing:
        return name
    return f"{name[: MAX_LABEL - len(missing) - 3].rstrip()} ({missing})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class CueCollector:
    """Collects the cues of an order's subtitle tracks until each track is complete."""

    def __init__(self, tracks: Sequence[SubtitleInfo]) -> None:
        self._tracks = {track.stream: track for track in tracks}
        self._cues: dict[int, list[Cue]] = {}

    def add(self, message: CuesRead) -> tuple[SubtitleInfo, list[Cue]] | None:
        """Add a message's cues, up to `MAX_CUES` per track. Returns the track and all cues with its last message."""
        track = self._tracks.get(message.stream)
        if track is None:
            return None
        cues = self._cues.setdefault(message.stream, [])
        cues += message.cues[: MAX_CUES - len(cues)]
        if not message.last:
            return None
        return self._tracks.pop(message.stream), self._cues.pop(message.stream)


def captions_from_cues(track: SubtitleInfo, cues: Sequence[Cue]) -> NewCaptions:
    """Convert a subtitle track to captions. Call it in a thread: large tracks take some tenths of a second."""
    return new_from_file(compress_captions(cues), track.stream, track.language, subtitle_label(track))
