"""I-frame playlists (RFC 8216 section 4.3.3.6): the keyframes alone, for scrubbing. It knows indices and names.

Each entry names a segment and the first bytes of it: its header and its first picture.
"""

from streamtime.hls.playlists import IFrames, exact_durations
from streamtime.hls.segment_index import SegmentIndex

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
