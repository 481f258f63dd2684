"""One rendition with all its bytes: playlist, init segment, media segments."""

from dataclasses import dataclass, field
from urllib.parse import urljoin

from tests.hls.boxes import Init, Sample, read_init, read_segment
from tests.hls.file_sources import FileSource, Missing
from tests.hls.findings import Findings
from tests.hls.playlist import MediaPlaylist, SegmentLine, plain, read_media

PLAYLIST_TYPES = {"", "application/vnd.apple.mpegurl"}
SEGMENT_TYPES = {"", "video/mp4", "audio/mp4"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A media segment with at least one sample."""

    where: str
    line: SegmentLine
    data: bytes
    samples: list[Sample]

    @property
    def decode(self) -> int:
        return self.samples[0].decode

    @property
    def decode_end(self) -> int:
        return self.samples[-1].decode + self.samples[-1].duration

    @property
    def start(self) -> int:
        """The presentation time of its first sample, in ticks."""
        return min(sample.shown for sample in self.samples)

    @property
    def end(self) -> int:
        return max(sample.shown + sample.duration for sample in self.samples)


@dataclass(slots=True)
class Track:
    """A rendition, as far as it could be read."""

    playlist: MediaPlaylist
    init: bytes
    facts: Init
    segments: list[Segment] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return self.playlist.uri

    @property
    def is_picture(self) -> bool:
        return self.facts.handler == "vide"

    @property
    def longest_sample_s(self) -> float:
        return max((s.duration for part in self.segments for s in part.samples), default=0) / self.facts.timescale

    def seconds(self, ticks: int) -> float:
        return ticks / self.facts.timescale


def load_playlist(source: FileSource, uri: str, findings: Findings) -> MediaPlaylist | None:
    """Fetch and read a media playlist."""
    try:
        answer = source.get(uri)
    except Missing as why:
        findings.add(uri, f"it cannot be had: {why}")
        return None
    findings.want(answer.kind.partition(";")[0] in PLAYLIST_TYPES, uri, f"its type is {answer.kind}")
    return read_media(uri, answer.data, findings)


def load_track(source: FileSource, uri: str, findings: Findings) -> Track | None:
    """Fetch a rendition, and report what cannot be read; None if nothing can."""
    playlist = load_playlist(source, uri, findings)
    if playlist is None:
        return None
    if "URI" not in playlist.map:
        findings.add(uri, "it has no EXT-X-MAP")
        return None
    map_uri = urljoin(uri, plain(playlist.map["URI"]))
    try:
        init = _bytes(source, map_uri, findings)
        facts = read_init(init)
    except (Missing, ValueError) as why:
        findings.add(map_uri, f"the init segment cannot be used: {why}")
        return None
    track = Track(playlist, init, facts)
    for line in playlist.segments:
        where = urljoin(uri, line.uri)
        try:
            data = _bytes(source, where, findings, line.first, line.length)
            samples = read_segment(data, facts, where, findings)
        except (Missing, ValueError) as why:
            findings.add(where, f"the segment cannot be used: {why}")
            continue
        if samples:
            track.segments.append(Segment(where, line, data, samples))
        else:
            findings.add(where, "there is nothing in it")
    return track


def _bytes(
    source: FileSource, uri: str, findings: Findings, first: int | None = None, length: int | None = None
) -> bytes:
    answer = source.get(uri, first, length)
    findings.want(answer.kind in SEGMENT_TYPES, uri, f"its type is {answer.kind}")
    return answer.data
