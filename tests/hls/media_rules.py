"""Rules for one rendition: the tags of its playlist, its times, its keyframes."""

import math
from itertools import pairwise

import m3u8

from tests.hls.boxes import is_idr
from tests.hls.findings import Findings
from tests.hls.playlist import MediaPlaylist
from tests.hls.track import Segment, Track

ROUNDING_S = 2e-6
"""Durations are written in microseconds: two roundings."""

LATEST_START_S = 0.05
"""The latest start of a rendition."""

LONGEST_S = 16
"""The longest segment, so that switches are quick."""


def check_playlist(playlist: MediaPlaylist, findings: Findings, *, growing: bool) -> None:
    """The rules for tags, from RFC 8216 section 4.3 and Apple's authoring rules."""
    uri, tags = playlist.uri, playlist.tags
    findings.want(int(tags.get("EXT-X-VERSION", "0")) >= 6, uri, "EXT-X-MAP needs EXT-X-VERSION 6 or later")
    findings.want(tags.get("EXT-X-MEDIA-SEQUENCE", "0") == "0", uri, "EXT-X-MEDIA-SEQUENCE does not begin at 0")
    findings.want("EXT-X-INDEPENDENT-SEGMENTS" in tags, uri, "EXT-X-INDEPENDENT-SEGMENTS is missing")
    findings.want("EXT-X-TARGETDURATION" in tags, uri, "EXT-X-TARGETDURATION is missing")
    findings.want(playlist.target_s <= LONGEST_S, uri, f"segments of {playlist.target_s} s are too long")
    kind = tags.get("EXT-X-PLAYLIST-TYPE")
    if growing:
        findings.want(kind == "EVENT" or playlist.ended, uri, f"it grows, and its type is {kind}")
        findings.want(playlist.ended or "EXT-X-START" in tags, uri, "without EXT-X-START players begin near its end")
    else:
        findings.want(playlist.ended, uri, "it is complete, and has no EXT-X-ENDLIST")
        findings.want(kind == "VOD", uri, f"it is complete, and its type is {kind}")
    findings.want(bool(playlist.segments), uri, "it has no segments")
    for line in playlist.segments:
        rounded = math.floor(line.duration_s + 0.5)
        fits = rounded <= playlist.target_s
        findings.want(fits, uri, f"{line.uri} lasts {line.duration_s} s, over EXT-X-TARGETDURATION {playlist.target_s}")
    segments = [(line.uri, line.first) for line in playlist.segments]
    findings.want(len(set(segments)) == len(segments), uri, "two segments have the same URI")
    _check_with_second_parser(playlist, findings)


def _check_with_second_parser(playlist: MediaPlaylist, findings: Findings) -> None:
    parsed = m3u8.loads(playlist.text)
    seen = [(segment.uri, segment.duration) for segment in parsed.segments]
    same = seen == [(line.uri, line.duration_s) for line in playlist.segments]
    findings.want(same, playlist.uri, "a second parser reads other segments in it")
    findings.want(parsed.target_duration == playlist.target_s, playlist.uri, "a second parser reads another target")
    findings.want(parsed.is_endlist == playlist.ended, playlist.uri, "a second parser reads another end")


def check_times(track: Track, findings: Findings) -> None:
    """Check that decode times have no gap and never decrease, and that durations are as announced."""
    if not track.segments:
        return
    first = track.segments[0]
    start_s = track.seconds(first.start)
    early = -1 / track.facts.timescale
    findings.want(early <= start_s <= LATEST_START_S, first.where, f"the rendition begins at {start_s:.3f} s, not at 0")
    for segment in track.segments:
        _check_inside(segment, findings)
    for segment, after in pairwise(track.segments):
        gap = after.decode - segment.decode_end
        findings.want(
            abs(gap) <= 1, after.where, f"its tfdt is {track.seconds(gap):+.4f} s off the end of the segment before"
        )
    starts = [segment.start for segment in track.segments]
    ends = [*starts[1:], track.segments[-1].end]
    for segment, start, end in zip(track.segments, starts, ends, strict=True):
        real_s = track.seconds(end - start)
        off = abs(segment.line.duration_s - real_s) > ROUNDING_S + 1 / track.facts.timescale
        findings.want(not off, segment.where, f"EXTINF says {segment.line.duration_s} s, it lasts {real_s:.6f} s")


def _check_inside(segment: Segment, findings: Findings) -> None:
    holes = [
        (before, after)
        for before, after in pairwise(segment.samples)
        if before.decode + before.duration != after.decode
    ]
    findings.want(not holes, segment.where, f"there are {len(holes)} holes between its samples")
    shown = [sample.shown for sample in segment.samples]
    findings.want(len(set(shown)) == len(shown), segment.where, "two samples are shown at the same time")
    lasting = all(sample.duration > 0 for sample in segment.samples)
    findings.want(lasting, segment.where, "a sample lasts no time")


def check_keyframes(track: Track, findings: Findings) -> None:
    """Check that every segment begins with a keyframe, and no frame in it is shown before that."""
    for segment in track.segments:
        first = segment.samples[0]
        findings.want(first.sync, segment.where, "it does not begin with a keyframe")
        if track.is_picture:
            idr = is_idr(segment.data, first, track.facts.nal_length_bytes)
            findings.want(idr, segment.where, "its first picture is no IDR picture")
            findings.want(first.shown == segment.start, segment.where, "a picture is shown before its keyframe")
