"""The text of HLS playlists (RFC 8216 with EXT-X-VERSION 7). It knows indices and names, nothing of permissions.

URIs are relative, so that a ticket in the path of a playlist is inherited by everything it names.

I-frame playlists (RFC 8216 section 4.3.3.6): the keyframes alone, for scrubbing. It knows indices and names.

Each entry names a segment and the first bytes of it: its header and its first picture.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from streamtime.hls.segment_index import SegmentIndex

TARGET_DURATION_S = 4
"""What is aimed at where the cuts are ours."""

RENDITION_FILE_URI = "rendition.mp4"
"""A whole rendition beside its playlist, init segment first."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_AUDIO_GROUP = "audio"
_SUBTITLES_GROUP = "captions"


@dataclass(frozen=True)
class IFrames:
    """The keyframes of one picture quality. `uri` is relative; rates in bits a second, as measured."""

    uri: str
    peak_bps: int
    average_bps: int


@dataclass(frozen=True)
class Variant:
    """One picture quality. `uri` is relative; rates are of the picture alone, in bits a second, as measured."""

    uri: str
    peak_bps: int
    average_bps: int
    codecs: str
    width: int
    height: int
    fps: Fraction
    iframes: IFrames | None = None
    """The same picture's keyframes alone, where there is such a playlist."""


@dataclass(frozen=True)
class Audio:
    """One sound track. `language` is a BCP 47 tag or None."""

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
    """One caption track. `uri` is relative and leads to a media playlist; `language` is a BCP 47 tag or None."""

    uri: str
    name: str
    language: str | None = None


def rendition_uri(generation: int | str, rendition: int | str) -> str:
    """Name a rendition's media playlist relative to the multivariant playlist."""
    return f"{generation}/{rendition}/playlist.m3u8"


def target_duration_s(index: SegmentIndex, *, at_least: int = TARGET_DURATION_S) -> int:
    """Tell the EXT-X-TARGETDURATION that holds for this index: no EXTINF, rounded, may be above it."""
    return max(at_least, int(index.longest_s + 0.5))


def media_playlist(index: SegmentIndex, *, target_duration_s: int, complete: bool, whole_uri: str | None = None) -> str:
    """Write the playlist of one rendition: VOD when complete, else EVENT, which players ask for again.

    `target_duration_s` is fixed by the first publication; it is the caller who remembers it. With `whole_uri`,
    segments are byte ranges of that address, where the rendition is one file (RFC 8216 section 4.3.2.2).
    """
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_duration_s}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if complete else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        # Without it players start a growing playlist near its end, as they would a live one.
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
    """Name a caption track's media playlist relative to the multivariant playlist."""
    return f"{generation}/captions/{name}.m3u8"


def captions_playlist(uri: str, duration_ms: int) -> str:
    """Write the playlist of one caption track: one segment that lasts as long as the video.

    Its target duration need not be that of the pictures (RFC 8216bis section 6.2.4: subtitles of type VOD).
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
    """Names with a number where they repeat: in a group every NAME is another (RFC 8216 section 4.3.4.1.1)."""
    told: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in told:
            number += 1
            candidate = f"{name} {number}"
        told.append(candidate)
    return told


def multivariant_playlist(
    variants: Iterable[Variant], audios: Sequence[Audio] = (), subtitles: Sequence[Subtitles] = ()
) -> str:
    """Write the playlist of playlists, variants in the order given: players begin with the first.

    A variant's BANDWIDTH is its own peak and the largest sound's together (RFC 8216 section 4.3.4.2).
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
    """Write a playlist of playlists for sound without a picture: each track is a variant of its own."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for audio in audios:
        rates = f"BANDWIDTH={max(1, audio.peak_bps)},AVERAGE-BANDWIDTH={max(1, audio.average_bps)}"
        lines += [f"#EXT-X-STREAM-INF:{rates},CODECS={_quoted(audio.codecs)}", _uri(audio.uri)]
    return "\n".join(lines) + "\n"


def exact_durations(index: SegmentIndex) -> Iterable[str]:
    """Print durations so that their sums stay true: each is the difference of two rounded times."""
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
    """Never by default: whoever wants captions says so, to the player or to the system."""
    attributes = ["TYPE=SUBTITLES", f"GROUP-ID={_quoted(_SUBTITLES_GROUP)}", f"NAME={_quoted(track.name)}"]
    attributes += _language(track.language)
    attributes += ["DEFAULT=NO", "AUTOSELECT=YES", "FORCED=NO", f"URI={_quoted(_uri(track.uri))}"]
    return "#EXT-X-MEDIA:" + ",".join(attributes)


def _language(tag: str | None) -> list[str]:
    return [f"LANGUAGE={_quoted(tag)}"] if tag and _LANGUAGE.fullmatch(tag) else []


def _default(audios: Sequence[Audio]) -> Audio | None:
    return next((audio for audio in audios if audio.default), audios[0] if audios else None)


def _quoted(text: str) -> str:
    """Make a quoted string: it cannot hold a quote or a line break (RFC 8216 section 4.2), so none gets in."""
    return '"' + "".join("'" if c == '"' else c for c in text if c.isprintable()) + '"'


def _uri(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~/%?=&-]+", text):
        raise ValueError(f"{text!r} is no URI for a playlist")
    return text


_BITS = 8


def iframes_uri(generation: int | str, rendition: int | str) -> str:
    """Name a rendition's I-frame playlist relative to the multivariant playlist."""
    return f"{generation}/{rendition}/iframes.m3u8"


def has_iframes(index: SegmentIndex) -> bool:
    """Tell whether it is known where each keyframe ends: indices of before this was noted do not say."""
    return bool(index.segments) and all(segment.keyframe_length for segment in index.segments)


def iframes_of(index: SegmentIndex, uri: str) -> IFrames:
    """Measure what a player of the keyframes alone would load."""
    rates = [s.keyframe_length * _BITS * index.timescale // max(1, s.duration) for s in index.segments]
    total = sum(s.keyframe_length for s in index.segments)
    duration = max(1, sum(s.duration for s in index.segments))
    return IFrames(uri, max(rates, default=0) + 1, total * _BITS * index.timescale // duration + 1)


def iframes_playlist(index: SegmentIndex, *, target_duration_s: int) -> str:
    """Write the playlist of a whole rendition's keyframes; each lasts until the next."""
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
