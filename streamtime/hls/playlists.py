"""Writes HLS playlists (RFC 8216 with EXT-X-VERSION 7): multivariant, media, I-frame and caption playlists.

URIs are relative, so that everything a playlist names inherits the ticket in its path. An entry of an I-frame playlist
(RFC 8216 section 4.3.3.6) is the start of a segment: its header and its first frame.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from streamtime.hls.segment_index import SegmentIndex

TARGET_DURATION_S = 4
"""Target duration of encoded renditions."""

RENDITION_FILE_URI = "rendition.mp4"
"""Name of a whole rendition beside its playlist, init segment first."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_AUDIO_GROUP = "audio"
_SUBTITLES_GROUP = "captions"


@dataclass(frozen=True)
class IFrames:
    """The I-frame playlist of one variant. `uri` is relative; measured rates in bits per second."""

    uri: str
    peak_bps: int
    average_bps: int


@dataclass(frozen=True)
class Variant:
    """One variant. `uri` is relative; measured rates of the video alone, in bits per second."""

    uri: str
    peak_bps: int
    average_bps: int
    codecs: str
    width: int
    height: int
    fps: Fraction
    iframes: IFrames | None = None
    """The variant's I-frame playlist, if there is one."""


@dataclass(frozen=True)
class Audio:
    """One audio track. `language` is a BCP 47 tag or None."""

    uri: str
    name: str
    peak_bps: int
    average_bps: int
    codecs: str
    channels: int
    language: str | None = None
    default: bool = False


@dataclass(frozen=True)
class Subtitles:
    """One caption track. `uri` is its media playlist, relative; `language` is a BCP 47 tag or None."""

    uri: str
    name: str
    language: str | None = None


def rendition_uri(generation: int | str, rendition: int | str) -> str:
    """Return the URI of a rendition's media playlist, relative to the multivariant playlist."""
    return f"{generation}/{rendition}/playlist.m3u8"


def target_duration_s(index: SegmentIndex, *, at_least: int = TARGET_DURATION_S) -> int:
    """Return the EXT-X-TARGETDURATION of this index: no rounded EXTINF may exceed it."""
    return max(at_least, int(index.longest_s + 0.5))


def media_playlist(index: SegmentIndex, *, target_duration_s: int, complete: bool, whole_uri: str | None = None) -> str:
    """Write the playlist of one rendition: VOD when complete, else EVENT, which players reload.

    `target_duration_s` must not change after the first publication; the caller stores it. With `whole_uri`, segments
    are byte ranges of one file at that URI (RFC 8216 section 4.3.2.2).
    """
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_duration_s}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if complete else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        # Otherwise players start a growing playlist near its end, as they do with a live stream.
        *([] if complete else ["#EXT-X-START:TIME-OFFSET=0,PRECISE=YES"]),
        '#EXT-X-MAP:URI="init.mp4"'
        if whole_uri is None
        else f'#EXT-X-MAP:URI="{_uri(whole_uri)}",BYTERANGE="{index.init_length}@0"',
    ]
    for number, (duration_s, segment) in enumerate(zip(exact_durations(index), index.segments, strict=True)):
        lines.append(f"#EXTINF:{duration_s},")
        if whole_uri is None:
            lines.append(f"{number}.m4s")
        else:
            lines += [f"#EXT-X-BYTERANGE:{segment.length}@{segment.offset}", whole_uri]
    if complete:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def captions_uri(generation: int, name: str) -> str:
    """Return the URI of a caption track's media playlist, relative to the multivariant playlist."""
    return f"{generation}/captions/{name}.m3u8"


def captions_playlist(uri: str, duration_ms: int) -> str:
    """Write the playlist of one caption track: one segment as long as the video.

    Its target duration may differ from that of the video (RFC 8216bis section 6.2.4: subtitles of type VOD).
    """
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, -(-duration_ms // 1000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXTINF:{duration_ms // 1000}.{duration_ms % 1000:03},",
        _uri(uri),
        "#EXT-X-ENDLIST",
    ]
    return "\n".join(lines) + "\n"


def unique_names(names: Iterable[str]) -> list[str]:
    """Number repeated names: NAME is unique within a group (RFC 8216 section 4.3.4.1.1)."""
    unique: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in unique:
            number += 1
            candidate = f"{name} {number}"
        unique.append(candidate)
    return unique


def multivariant_playlist(
    variants: Iterable[Variant], audios: Sequence[Audio] = (), subtitles: Sequence[Subtitles] = ()
) -> str:
    """Write the multivariant playlist, variants in the given order: players start with the first.

    A variant's BANDWIDTH is its own peak plus that of the largest audio track (RFC 8216 section 4.3.4.2).
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [_media_line(audio, default=audio is _default(audios)) for audio in audios]
    lines += [_subtitles_line(track) for track in subtitles]
    listed = list(variants)
    for variant in listed:
        lines += [_stream_line(variant, audios, captioned=bool(subtitles)), _uri(variant.uri)]
    lines += [_iframes_line(variant, variant.iframes) for variant in listed if variant.iframes]
    return "\n".join(lines) + "\n"


def audio_only_playlist(audios: Sequence[Audio]) -> str:
    """Write a multivariant playlist without video: each audio track is a variant."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for audio in audios:
        rates = f"BANDWIDTH={max(1, audio.peak_bps)},AVERAGE-BANDWIDTH={max(1, audio.average_bps)}"
        lines += [f"#EXT-X-STREAM-INF:{rates},CODECS={_quoted(audio.codecs)}", _uri(audio.uri)]
    return "\n".join(lines) + "\n"


def exact_durations(index: SegmentIndex) -> Iterable[str]:
    """Format durations as differences of rounded times, so that rounding errors do not add up."""
    elapsed = 0
    before_us = 0
    for segment in index.segments:
        elapsed += segment.duration
        now_us = round(Fraction(elapsed * 1_000_000, index.timescale))
        yield f"{(now_us - before_us) // 1_000_000}.{(now_us - before_us) % 1_000_000:06d}"
        before_us = now_us


def _stream_line(variant: Variant, audios: Sequence[Audio], *, captioned: bool) -> str:
    peak = variant.peak_bps + max((a.peak_bps for a in audios), default=0)
    average = variant.average_bps + max((a.average_bps for a in audios), default=0)
    codecs = ",".join(dict.fromkeys([variant.codecs, *(a.codecs for a in audios)]))
    attributes = [
        f"BANDWIDTH={max(1, peak)}",
        f"AVERAGE-BANDWIDTH={max(1, average)}",
        f"CODECS={_quoted(codecs)}",
        f"RESOLUTION={variant.width}x{variant.height}",
        f"FRAME-RATE={float(variant.fps):.3f}",
    ]
    if audios:
        attributes.append(f"AUDIO={_quoted(_AUDIO_GROUP)}")
    if captioned:
        attributes.append(f"SUBTITLES={_quoted(_SUBTITLES_GROUP)}")
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)


def _iframes_line(variant: Variant, iframes: IFrames) -> str:
    attributes = [
        f"BANDWIDTH={max(1, iframes.peak_bps)}",
        f"AVERAGE-BANDWIDTH={max(1, iframes.average_bps)}",
        f"CODECS={_quoted(variant.codecs)}",
        f"RESOLUTION={variant.width}x{variant.height}",
        f"URI={_quoted(_uri(iframes.uri))}",
    ]
    return "#EXT-X-I-FRAME-STREAM-INF:" + ",".join(attributes)


def _media_line(audio: Audio, *, default: bool) -> str:
    attributes = ["TYPE=AUDIO", f"GROUP-ID={_quoted(_AUDIO_GROUP)}", f"NAME={_quoted(audio.name)}"]
    attributes += _language(audio.language)
    attributes += [
        f"DEFAULT={'YES' if default else 'NO'}",
        "AUTOSELECT=YES",
        f"CHANNELS={_quoted(str(audio.channels))}",
        f"URI={_quoted(_uri(audio.uri))}",
    ]
    return "#EXT-X-MEDIA:" + ",".join(attributes)


def _subtitles_line(track: Subtitles) -> str:
    """Captions are never selected by default: viewers choose them in the player or the system."""
    attributes = ["TYPE=SUBTITLES", f"GROUP-ID={_quoted(_SUBTITLES_GROUP)}", f"NAME={_quoted(track.name)}"]
    attributes += _language(track.language)
    attributes += ["DEFAULT=NO", "AUTOSELECT=YES", "FORCED=NO", f"URI={_quoted(_uri(track.uri))}"]
    return "#EXT-X-MEDIA:" + ",".join(attributes)


def _language(tag: str | None) -> list[str]:
    return [f"LANGUAGE={_quoted(tag)}"] if tag and _LANGUAGE.fullmatch(tag) else []


def _default(audios: Sequence[Audio]) -> Audio | None:
    return next((audio for audio in audios if audio.default), audios[0] if audios else None)


def _quoted(text: str) -> str:
    """Write a quoted string without quotes and line breaks, which it cannot contain (RFC 8216 section 4.2)."""
    return '"' + "".join("'" if c == '"' else c for c in text if c.isprintable()) + '"'


def _uri(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~/%?=&-]+", text):
        raise ValueError(f"{text!r} is no URI for a playlist")
    return text


_BITS = 8


def iframes_uri(generation: int | str, rendition: int | str) -> str:
    """Return the URI of a rendition's I-frame playlist, relative to the multivariant playlist."""
    return f"{generation}/{rendition}/iframes.m3u8"


def has_iframes(index: SegmentIndex) -> bool:
    """Return whether the index has the length of each keyframe; old indices have none."""
    return bool(index.segments) and all(segment.keyframe_length for segment in index.segments)


def iframes_of(index: SegmentIndex, uri: str) -> IFrames:
    """Measure the bit rates of loading only the keyframes."""
    rates = [s.keyframe_length * _BITS * index.timescale // max(1, s.duration) for s in index.segments]
    total = sum(s.keyframe_length for s in index.segments)
    duration = max(1, sum(s.duration for s in index.segments))
    return IFrames(uri, max(rates, default=0) + 1, total * _BITS * index.timescale // duration + 1)


def iframes_playlist(index: SegmentIndex, *, target_duration_s: int) -> str:
    """Write the I-frame playlist of a complete rendition; each frame lasts until the next."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_duration_s}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-I-FRAMES-ONLY",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    for number, (segment, duration_s) in enumerate(zip(index.segments, exact_durations(index), strict=True)):
        lines += [f"#EXTINF:{duration_s},", f"#EXT-X-BYTERANGE:{segment.keyframe_length}@0", f"{number}.m4s"]
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"
