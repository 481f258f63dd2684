"""Compares successive reads of a playlist: existing lines must not change (RFC 8216 section 6.2.1)."""

from tests.hls.findings import Finding, Findings
from tests.hls.playlist import MediaPlaylist, read_media

_MAY_CHANGE = {"EXT-X-PLAYLIST-TYPE", "EXT-X-START", "EXT-X-ENDLIST"}
"""Tags that are removed when the playlist is complete."""


class Growth:
    """Remembers the last read of each media playlist."""

    def __init__(self) -> None:
        self._before: dict[str, MediaPlaylist] = {}

    def look(self, uri: str, data: bytes) -> list[Finding]:
        """Compare a read of the playlist at `uri` with the previous one."""
        findings = Findings()
        now = read_media(uri, data, findings)
        before = self._before.get(uri)
        self._before[uri] = now
        if before is None:
            return findings.found
        kept = now.segments[: len(before.segments)]
        findings.want(kept == before.segments, uri, "segments that were announced changed or went")
        findings.want(not before.ended or now.text == before.text, uri, "it changed after its end")
        for tag in (before.tags.keys() | now.tags.keys()) - _MAY_CHANGE:
            findings.want(before.tags.get(tag) == now.tags.get(tag), uri, f"{tag} changed")
        return findings.found
