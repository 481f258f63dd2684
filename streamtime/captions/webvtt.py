"""Writes WebVTT. All text is escaped, so a file made here holds no tag but the three that are meant."""

from collections.abc import Iterable, Sequence

from streamtime.captions.cue import Cue, Span

WEBVTT_HEADER = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"
"""Renditions begin at 0, and RFC 8216 section 3.5 has players told so; other readers pass the second line over."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write_captions(cues: Iterable[Cue]) -> str:
    """Cues that are tidied, as a file."""
    return WEBVTT_HEADER + "".join(_cue(cue) for cue in cues)


def write_chapters(chapters: Sequence[tuple[int, int, str]]) -> str:
    """Chapters (start and end in milliseconds, title) as a file for a track of that kind."""
    blocks = (f"\n{_times(start_ms, end_ms)}\n{_escaped(title)}\n" for start_ms, end_ms, title in chapters)
    return "WEBVTT\n" + "".join(blocks)


def _cue(cue: Cue) -> str:
    place = " line:0" if cue.top else ""
    return f"\n{_times(cue.start_ms, cue.end_ms)}{place}\n{''.join(map(_span, cue.spans))}\n"


def _span(span: Span) -> str:
    text = _escaped(span.text)
    for tag, wanted in (("u", span.underline), ("b", span.bold), ("i", span.italic)):
        if wanted:
            text = f"<{tag}>{text}</{tag}>"
    return text


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _times(start_ms: int, end_ms: int) -> str:
    return f"{_clock(start_ms)} --> {_clock(end_ms)}"


def _clock(at_ms: int) -> str:
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
