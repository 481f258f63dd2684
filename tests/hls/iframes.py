"""I-frame playlists (RFC 8216 section 4.3.3.6): each range holds a keyframe that decodes after the init segment."""

import io
from urllib.parse import urljoin

import av
import av.error

from tests.hls.file_sources import FileSource, Missing
from tests.hls.findings import Findings
from tests.hls.playlist import Attributes, byterange, plain
from tests.hls.track import load_playlist


def check(source: FileSource, uri: str, attributes: Attributes, findings: Findings) -> None:
    """Check an I-frame playlist and every frame that it references."""
    findings.want("BANDWIDTH" in attributes, uri, "an EXT-X-I-FRAME-STREAM-INF has no BANDWIDTH")
    playlist = load_playlist(source, uri, findings)
    if playlist is None:
        return
    findings.want("EXT-X-I-FRAMES-ONLY" in playlist.tags, uri, "EXT-X-I-FRAMES-ONLY is missing")
    findings.want("URI" in playlist.map, uri, "it has no EXT-X-MAP")
    findings.want(bool(playlist.segments), uri, "it has no pictures")
    try:
        span = byterange(plain(playlist.map["BYTERANGE"])) if "BYTERANGE" in playlist.map else (None, None)
        init = source.get(urljoin(uri, plain(playlist.map.get("URI"))), *span).data
    except Missing as why:
        findings.add(uri, f"its init segment cannot be had: {why}")
        return
    for line in playlist.segments:
        where = urljoin(uri, line.uri)
        try:
            data = source.get(where, line.first, line.length).data
            shown = _keyframes(init + data)
        except (Missing, av.error.FFmpegError) as why:
            findings.add(where, f"the picture at {line.first} cannot be used: {why}")
            continue
        findings.want(shown >= 1, where, f"there is no keyframe at {line.first}")


def _keyframes(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        return sum(frame.key_frame for frame in container.decode(video=0))
