"""What lies beside picture and sound: subtitle tracks and chapters, as far as a look into the container tells."""

from fractions import Fraction
from itertools import zip_longest

from av.container import InputContainer
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from streamtime.media.picture_facts import has_decoder
from streamtime.source_facts import ChapterInfo, SubtitleInfo

TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "mov_text", "webvtt", "text"})
"""Subtitles that are text, by FFmpeg's canonical names; all others are pictures, or nothing that people read."""

_BROADCAST_TEXT = frozenset({"eia_608", "dvb_teletext", "arib_caption", "hdmv_text_subtitle", "ttml"})
_PURPOSES = (
    (Disposition.comment, "commentary"),
    (Disposition.visual_impaired | Disposition.descriptions, "audio description"),
    (Disposition.hearing_impaired, "clear dialogue"),
    (Disposition.karaoke, "karaoke"),
)
_MAX_TEXT = 200
_MAX_TITLE = 1000
_MAX_CHAPTERS = 500
_MS = 1000


def metadata_value(stream: Stream, *keys: str) -> str | None:
    """What the file says of a track under one of these keys, if anything."""
    value = next((text for key in keys if (text := stream.metadata.get(key))), None)
    return value[:_MAX_TEXT] if value and value != "und" else None


def purpose_of(stream: Stream) -> str | None:
    """What a sound track is for, by the container's flags; None for a film's own sound."""
    return next((words for flag, words in _PURPOSES if stream.disposition & flag), None)


def title_of(container: InputContainer) -> str | None:
    """What the file calls itself; Ogg says it of its streams."""
    told = [container.metadata, *(stream.metadata for stream in container.streams if container.format.name == "ogg")]
    titles = (text.strip() for words in told for key, text in words.items() if key.lower() == "title")
    return next((title[:_MAX_TITLE] for title in titles if title), None)


def subtitles_of(container: InputContainer) -> tuple[SubtitleInfo, ...]:
    """The subtitle tracks that can be named; those of broadcasts, which lie inside other data, are not."""
    found = []
    for stream in container.streams:
        if not isinstance(stream, SubtitleStream) or not has_decoder(stream):
            continue
        codec = stream.codec_context.codec.canonical_name
        if codec not in _BROADCAST_TEXT:
            found.append(_facts(stream, codec))
    return tuple(found)


def chapters_of(container: InputContainer, origin_us: int) -> tuple[ChapterInfo, ...]:
    """The chapters, each ending no later than the next begins."""
    origin_ms = origin_us // 1000
    starts: dict[int, tuple[int, str]] = {}
    for chapter in container.chapters()[:_MAX_CHAPTERS]:
        tick = Fraction(chapter["time_base"] or 0)
        start_ms = max(0, round(chapter["start"] * tick * _MS) - origin_ms)
        end_ms = round(chapter["end"] * tick * _MS) - origin_ms
        starts.setdefault(start_ms, (end_ms, str(chapter["metadata"].get("title", ""))[:_MAX_TEXT]))
    ordered = sorted(starts)
    facts = []
    for start_ms, following_ms in zip_longest(ordered, ordered[1:]):
        end_ms, title = starts[start_ms]
        if following_ms is not None:
            end_ms = min(end_ms, following_ms) if end_ms > start_ms else following_ms
        if end_ms > start_ms:
            facts.append(ChapterInfo(start_ms, end_ms, title))
    return tuple(facts)


def _facts(stream: SubtitleStream, codec: str) -> SubtitleInfo:
    return SubtitleInfo(
        stream=stream.index,
        codec=codec,
        is_text=codec in TEXT_CODECS,
        language=metadata_value(stream, "language"),
        title=metadata_value(stream, "title", "name"),
        forced=bool(stream.disposition & Disposition.forced),
        hearing_impaired=bool(stream.disposition & (Disposition.hearing_impaired | Disposition.captions)),
    )
