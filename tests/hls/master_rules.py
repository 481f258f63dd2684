"""Rules for the multivariant playlist, and for the renditions of a video together."""

from collections import Counter
from urllib.parse import urljoin

import m3u8

from tests.hls.findings import Findings
from tests.hls.playlist import Attributes, MasterPlaylist, plain
from tests.hls.track import Track

AVERAGE_WITHIN = 0.1
"""How far AVERAGE-BANDWIDTH may differ from the measured value (Apple HLS authoring: within 10 % for VOD)."""

RATE_WITHIN = 0.005


def check_master(master: MasterPlaylist, findings: Findings) -> None:
    """Rules for the multivariant playlist alone."""
    uri = master.uri
    findings.want(int(master.tags.get("EXT-X-VERSION", "1")) >= 6, uri, "EXT-X-VERSION is below that of its playlists")
    findings.want("EXT-X-INDEPENDENT-SEGMENTS" in master.tags, uri, "EXT-X-INDEPENDENT-SEGMENTS is missing")
    findings.want(bool(master.variants), uri, "it offers nothing")
    for attributes, variant in master.variants:
        for name in ("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS"):
            findings.want(name in attributes, uri, f"{variant} has no {name}")
        _check_groups(master, attributes, variant, findings)
    uris = [variant for _, variant in master.variants]
    findings.want(len(set(uris)) == len(uris), uri, "two variants have the same URI")
    _check_names(master, findings)
    _check_with_second_parser(master, findings)


def _check_groups(master: MasterPlaylist, attributes: Attributes, variant: str, findings: Findings) -> None:
    for kind in ("AUDIO", "SUBTITLES"):
        if kind in attributes:
            members = [m for m in master.media if m.get("TYPE") == kind and m.get("GROUP-ID") == attributes[kind]]
            findings.want(bool(members), master.uri, f"{variant} names the group {attributes[kind]}, which is empty")


def _check_names(master: MasterPlaylist, findings: Findings) -> None:
    for entry in master.media:
        for name in ("TYPE", "GROUP-ID", "NAME"):
            findings.want(name in entry, master.uri, f"an EXT-X-MEDIA has no {name}")
        forced = entry.get("DEFAULT") == "YES" and entry.get("AUTOSELECT") == "NO"
        findings.want(not forced, master.uri, "DEFAULT=YES with AUTOSELECT=NO")
        findings.want(entry.get("TYPE") != "SUBTITLES" or "URI" in entry, master.uri, "subtitles have no URI")
    names = Counter((entry.get("TYPE"), entry.get("GROUP-ID"), entry.get("NAME")) for entry in master.media)
    for (_kind, group, title), count in names.items():
        findings.want(count == 1, master.uri, f"the name {title} stands {count} times in the group {group}")
    groups = {(entry.get("TYPE"), entry.get("GROUP-ID")) for entry in master.media}
    for key in groups:
        members = [entry for entry in master.media if (entry.get("TYPE"), entry.get("GROUP-ID")) == key]
        defaults = sum(entry.get("DEFAULT") == "YES" for entry in members)
        findings.want(defaults <= 1, master.uri, f"the group {key[1]} has {defaults} defaults")


def _check_with_second_parser(master: MasterPlaylist, findings: Findings) -> None:
    parsed = m3u8.loads(master.text)
    seen = [(entry.uri, entry.stream_info.bandwidth, entry.stream_info.codecs) for entry in parsed.playlists]
    own = [(uri, int(at.get("BANDWIDTH", "0")), plain(at.get("CODECS"))) for at, uri in master.variants]
    findings.want(seen == own, master.uri, "a second parser reads other variants in it")
    findings.want(len(parsed.media) == len(master.media), master.uri, "a second parser reads other renditions in it")


def check_variant(attributes: Attributes, picture: Track, sounds: list[Track], findings: Findings) -> None:
    """Compare the attributes of a variant with its renditions."""
    where = picture.uri
    codecs = {picture.facts.codecs, *(sound.facts.codecs for sound in sounds)}
    said = {codec.lower() for codec in plain(attributes.get("CODECS")).split(",")}
    findings.want(said == codecs, where, f"CODECS says {' '.join(sorted(said))}, it is {' '.join(sorted(codecs))}")
    if picture.is_picture:
        _check_rate(attributes, picture, findings)
    _check_bandwidth(attributes, picture, sounds, findings)


def _check_rate(attributes: Attributes, picture: Track, findings: Findings) -> None:
    """FRAME-RATE is exact for a constant frame rate, and the maximum for a variable one."""
    findings.want("RESOLUTION" in attributes, picture.uri, "a picture has no RESOLUTION")
    findings.want("FRAME-RATE" in attributes, picture.uri, "a picture has no FRAME-RATE")
    samples = [sample for segment in picture.segments for sample in segment.samples]
    if not samples or "FRAME-RATE" not in attributes:
        return
    said = float(attributes["FRAME-RATE"])
    durations = [sample.duration for sample in samples]
    measured = len(samples) * picture.facts.timescale / max(1, sum(durations))
    steady = max(durations) - min(durations) <= max(2, picture.facts.timescale // 1000)
    low, high = said * (1 - RATE_WITHIN), said * (1 + RATE_WITHIN)
    holds = low <= measured <= high if steady else measured <= high
    findings.want(holds, picture.uri, f"FRAME-RATE says {said}, it has {measured:.3f} pictures a second")


def _check_bandwidth(attributes: Attributes, picture: Track, sounds: list[Track], findings: Findings) -> None:
    peak = peak_bps(picture) + max((peak_bps(sound) for sound in sounds), default=0.0)
    average = average_bps(picture) + max((average_bps(sound) for sound in sounds), default=0.0)
    bandwidth, said = int(attributes.get("BANDWIDTH", "0")), int(attributes.get("AVERAGE-BANDWIDTH", "0"))
    findings.want(bandwidth >= int(peak), picture.uri, f"BANDWIDTH says {bandwidth}, its peak is {peak:.0f}")
    findings.want(bandwidth >= said, picture.uri, "AVERAGE-BANDWIDTH is above BANDWIDTH")
    if picture.playlist.ended and all(sound.playlist.ended for sound in sounds):
        near = abs(said - average) <= average * AVERAGE_WITHIN
        findings.want(near, picture.uri, f"AVERAGE-BANDWIDTH says {said}, it is {average:.0f}")


def peak_bps(track: Track) -> float:
    """The peak segment bit rate: over segments of 0.5 to 1.5 target durations (RFC 8216 section 4.1)."""
    target = track.playlist.target_s
    best = 0.0
    for first in range(len(track.segments)):
        length, lasted = 0, 0.0
        for segment in track.segments[first:]:
            length += len(segment.data)
            lasted += segment.line.duration_s
            if lasted > 1.5 * target:
                break
            if lasted >= 0.5 * target:
                best = max(best, length * 8 / lasted)
    return best


def average_bps(track: Track) -> float:
    """The average segment bit rate, in bits per second."""
    lasted = sum(segment.line.duration_s for segment in track.segments)
    return sum(len(segment.data) for segment in track.segments) * 8 / lasted if lasted else 0.0


def check_together(tracks: list[Track], findings: Findings, *, growing: bool) -> None:
    """One target duration for all (RFC 8216 section 6.2.4), and video that is cut at the same times."""
    targets = {track.playlist.target_s for track in tracks}
    findings.want(len(targets) <= 1, tracks[0].uri, f"the target durations differ: {sorted(targets)}")
    pictures = [track for track in tracks if track.is_picture]
    for track in pictures[1:]:
        first = pictures[0]
        counts = len(track.segments), len(first.segments)
        findings.want(growing or counts[0] == counts[1], track.uri, f"it has {counts[0]} segments, others {counts[1]}")
        frame_s = max(track.longest_sample_s, first.longest_sample_s)
        for one, other in zip(track.segments, first.segments, strict=False):
            off_s = track.seconds(one.start) - first.seconds(other.start)
            aligned = abs(off_s) <= frame_s
            findings.want(aligned, one.where, f"it begins {off_s:+.3f} s beside {other.where}")


def resolve(master: MasterPlaylist, uri: str) -> str:
    """A URI of the multivariant playlist, resolved against its own."""
    return urljoin(master.uri, uri)
