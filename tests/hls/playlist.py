"""A strict parser of playlists, as in RFC 8216. It does not read the referenced files.

Unknown tags and attributes are faults.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.hls.findings import Findings

Attributes = dict[str, str]

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(,|$)')
_DECIMAL = re.compile(r"\d+")
_FLOAT = re.compile(r"\d+(\.\d+)?")
_RESOLUTION = re.compile(r"[1-9]\d*x[1-9]\d*")
_QUOTED = re.compile(r'"[^"]*"')
_YES_NO = re.compile(r"YES|NO")

_TYPES: dict[str, re.Pattern[str]] = {
    "BANDWIDTH": _DECIMAL,
    "AVERAGE-BANDWIDTH": _DECIMAL,
    "CODECS": _QUOTED,
    "RESOLUTION": _RESOLUTION,
    "FRAME-RATE": re.compile(r"\d+\.\d{3}"),
    "VIDEO-RANGE": re.compile(r"SDR|HLG|PQ"),
    "AUDIO": _QUOTED,
    "SUBTITLES": _QUOTED,
    "CLOSED-CAPTIONS": re.compile(r'NONE|"[^"]*"'),
    "TYPE": re.compile(r"AUDIO|VIDEO|SUBTITLES|CLOSED-CAPTIONS"),
    "GROUP-ID": _QUOTED,
    "NAME": _QUOTED,
    "LANGUAGE": re.compile(r'"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*"'),
    "ASSOC-LANGUAGE": _QUOTED,
    "CHARACTERISTICS": _QUOTED,
    "CHANNELS": re.compile(r'"\d+"'),
    "DEFAULT": _YES_NO,
    "AUTOSELECT": _YES_NO,
    "FORCED": _YES_NO,
    "URI": _QUOTED,
    "BYTERANGE": _QUOTED,
    "TIME-OFFSET": re.compile(r"-?\d+(\.\d+)?"),
    "PRECISE": _YES_NO,
}
_ONCE = {
    "EXT-X-VERSION",
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-START",
    "EXT-X-I-FRAMES-ONLY",
    "EXT-X-MAP",
    "EXT-X-ENDLIST",
}
"""EXT-X-MAP may occur more than once in general; a rendition of ours has one."""

_OF_MEDIA = _ONCE | {"EXTINF", "EXT-X-BYTERANGE"}
_OF_MASTER = {
    "EXT-X-VERSION",
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-START",
    "EXT-X-MEDIA",
    "EXT-X-STREAM-INF",
    "EXT-X-I-FRAME-STREAM-INF",
}


@dataclass(slots=True)
class SegmentLine:
    """One segment of a playlist. `first` and `length` are those of its byte range, or None."""

    uri: str
    duration_s: float
    first: int | None = None
    length: int | None = None


@dataclass(slots=True)
class MediaPlaylist:
    """A media playlist."""

    uri: str
    text: str
    tags: dict[str, str] = field(default_factory=dict)
    map: Attributes = field(default_factory=dict)
    segments: list[SegmentLine] = field(default_factory=list)

    @property
    def target_s(self) -> int:
        return int(self.tags.get("EXT-X-TARGETDURATION", "0") or 0)

    @property
    def ended(self) -> bool:
        return "EXT-X-ENDLIST" in self.tags


@dataclass(slots=True)
class MasterPlaylist:
    """A multivariant playlist."""

    uri: str
    text: str
    tags: dict[str, str] = field(default_factory=dict)
    media: list[Attributes] = field(default_factory=list)
    variants: list[tuple[Attributes, str]] = field(default_factory=list)
    iframes: list[Attributes] = field(default_factory=list)


def plain(value: str | None) -> str:
    """A quoted string without its quotes."""
    return (value or "").strip('"')


def read_master(uri: str, data: bytes, findings: Findings) -> MasterPlaylist:
    """Parse a multivariant playlist, and report violations."""
    made = MasterPlaylist(uri, data.decode(errors="replace"))
    waiting: Attributes | None = None
    for tag, value in _lines(uri, data, findings):
        if not tag:
            findings.want(waiting is not None, uri, f"the line {value} follows no EXT-X-STREAM-INF")
            made.variants.append((waiting or {}, value))
            waiting = None
            continue
        findings.want(waiting is None, uri, "an EXT-X-STREAM-INF is not followed by its URI")
        findings.want(tag in _OF_MASTER, uri, f"{tag} does not belong into a multivariant playlist")
        if tag in {"EXT-X-MEDIA", "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF"}:
            attributes = read_attributes(uri, tag, value, findings)
            if tag == "EXT-X-STREAM-INF":
                waiting = attributes
            else:
                (made.media if tag == "EXT-X-MEDIA" else made.iframes).append(attributes)
        else:
            _note(made.tags, uri, tag, value, findings)
    findings.want(waiting is None, uri, "the last EXT-X-STREAM-INF is not followed by its URI")
    return made


def read_media(uri: str, data: bytes, findings: Findings) -> MediaPlaylist:
    """Parse a media playlist, and report violations."""
    made = MediaPlaylist(uri, data.decode(errors="replace"))
    duration_s: float | None = None
    byterange: tuple[int, int] | None = None
    ends: dict[str, int] = {}
    for tag, value in _lines(uri, data, findings):
        findings.want(not made.ended, uri, f"something follows EXT-X-ENDLIST: {tag or value}")
        if not tag:
            findings.want(duration_s is not None, uri, f"the segment {value} has no EXTINF")
            first, length = byterange or (None, None)
            if byterange and first == -1:
                first = ends.get(value, 0)
            made.segments.append(SegmentLine(value, duration_s or 0.0, first, length))
            if first is not None and length is not None:
                ends[value] = first + length
            duration_s, byterange = None, None
        elif tag == "EXTINF":
            fits = re.fullmatch(r"(\d+(?:\.\d+)?),[^\r\n]*", value)
            findings.want(fits is not None and duration_s is None, uri, f"EXTINF:{value} is not well formed")
            duration_s = float(fits[1]) if fits else 0.0
        elif tag == "EXT-X-BYTERANGE":
            byterange = _byterange(uri, value, findings)
        else:
            findings.want(tag in _OF_MEDIA, uri, f"{tag} does not belong into a media playlist")
            _note(made.tags, uri, tag, value, findings)
            if tag == "EXT-X-MAP":
                made.map = read_attributes(uri, tag, value, findings)
    findings.want(duration_s is None, uri, "the last EXTINF is not followed by a URI")
    return made


def read_attributes(uri: str, tag: str, text: str, findings: Findings) -> Attributes:
    """Parse an attribute list (RFC 8216 section 4.2)."""
    made: Attributes = {}
    position = 0
    while position < len(text):
        found = _ATTRIBUTE.match(text, position)
        if found is None:
            findings.add(uri, f"{tag} is not well formed from {text[position:]!r} on")
            break
        name, value, comma = found.groups()
        findings.want(name not in made, uri, f"{tag} names {name} twice")
        kind = _TYPES.get(name)
        findings.want(kind is not None, uri, f"{tag} has the attribute {name}, which nobody knows")
        findings.want(kind is None or bool(kind.fullmatch(value)), uri, f"{tag}: {name} cannot be {value}")
        made[name] = value
        position = found.end()
        findings.want(not (comma and position == len(text)), uri, f"{tag} ends with a comma")
    return made


def byterange(text: str) -> tuple[int, int]:
    """First byte and length of a BYTERANGE attribute."""
    length, _, first = text.partition("@")
    return int(first or 0), int(length)


def _byterange(uri: str, value: str, findings: Findings) -> tuple[int, int]:
    if not re.fullmatch(r"\d+(@\d+)?", value):
        findings.add(uri, f"EXT-X-BYTERANGE:{value} is not well formed")
        return 0, 0
    length, at, first = value.partition("@")
    return (int(first) if at else -1), int(length)


def _note(tags: dict[str, str], uri: str, tag: str, value: str, findings: Findings) -> None:
    findings.want(tag not in tags, uri, f"{tag} stands there twice")
    if tag in {"EXT-X-VERSION", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE"}:
        findings.want(bool(_DECIMAL.fullmatch(value)), uri, f"{tag}:{value} is no whole number")
    if tag in {"EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-ENDLIST", "EXT-X-I-FRAMES-ONLY"}:
        findings.want(not value, uri, f"{tag} takes no value")
    if tag == "EXT-X-START":
        read_attributes(uri, tag, value, findings)
    if tag == "EXT-X-PLAYLIST-TYPE":
        findings.want(value in {"EVENT", "VOD"}, uri, f"{tag} cannot be {value}")
    tags[tag] = value


def _lines(uri: str, data: bytes, findings: Findings) -> Iterator[tuple[str, str]]:
    """The lines after the first: (tag, value) or ("", URI)."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        findings.add(uri, "it is not UTF-8")
        text = data.decode(errors="replace")
    findings.want(text.endswith("\n"), uri, "the last line has no end")
    findings.want(not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", text), uri, "it holds control characters")
    first, *rest = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    findings.want(first == "#EXTM3U", uri, "it does not begin with #EXTM3U")
    for line in rest:
        findings.want(line == line.strip(), uri, f"the line {line!r} has space around it")
        if line.startswith("#EXT"):
            tag, _, value = line[1:].partition(":")
            yield tag, value
        elif line and not line.startswith("#"):
            findings.want(" " not in line, uri, f"the URI {line!r} has a space in it")
            yield "", line
