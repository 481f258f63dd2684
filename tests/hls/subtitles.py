"""Rules for subtitle playlists: every segment is WebVTT."""

from urllib.parse import urljoin

from tests.hls.file_sources import FileSource, Missing
from tests.hls.findings import Findings
from tests.hls.track import load_playlist


def check(source: FileSource, uri: str, findings: Findings) -> None:
    """Check a subtitle playlist and all its segments."""
    playlist = load_playlist(source, uri, findings)
    if playlist is None:
        return
    findings.want("EXT-X-TARGETDURATION" in playlist.tags, uri, "EXT-X-TARGETDURATION is missing")
    findings.want(playlist.ended, uri, "it has no EXT-X-ENDLIST")
    findings.want(bool(playlist.segments), uri, "it has no segments")
    for line in playlist.segments:
        fits = line.duration_s < playlist.target_s + 0.5
        findings.want(fits, uri, f"{line.uri} lasts {line.duration_s} s, over EXT-X-TARGETDURATION {playlist.target_s}")
        where = urljoin(uri, line.uri)
        try:
            answer = source.get(where)
        except Missing as why:
            findings.add(where, f"it cannot be had: {why}")
            continue
        findings.want(answer.kind.partition(";")[0] in {"", "text/vtt"}, where, f"its type is {answer.kind}")
        head = answer.data.removeprefix(b"\xef\xbb\xbf")
        findings.want(head[:6] == b"WEBVTT" and head[6:7] in {b"", b" ", b"\t", b"\n", b"\r"}, where, "it is no WebVTT")
