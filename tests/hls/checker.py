"""An HLS checker: fetches and validates everything that a multivariant playlist references.

    assert not check(Path("film"))                                  # a folder
    assert not check(client, "/media/VIDEO/master.m3u8")            # a server, by an httpx.Client
    assert not check(client, master, growing=True)                  # during encoding

It checks RFC 8216, Apple's authoring rules and ISO boxes, independent of the code under test. Findings are text.
"""

from pathlib import Path

import httpx

from tests.hls import iframes, subtitles
from tests.hls.decoding import check_decoding
from tests.hls.file_sources import FileSource, Missing, file_source
from tests.hls.findings import Finding, Findings
from tests.hls.master_rules import check_master, check_together, check_variant, resolve
from tests.hls.media_rules import check_keyframes, check_playlist, check_times
from tests.hls.playlist import Attributes, MasterPlaylist, plain, read_master
from tests.hls.track import PLAYLIST_TYPES, Track, load_track


def check(
    source: FileSource | Path | httpx.Client, master: str = "master.m3u8", *, growing: bool = False
) -> list[Finding]:
    """Check everything that `master` references. With `growing` renditions may be incomplete."""
    findings = Findings()
    source = file_source(source)
    try:
        answer = source.get(master)
    except Missing as why:
        findings.add(master, f"it cannot be had: {why}")
        return findings.found
    findings.want(answer.kind.partition(";")[0] in PLAYLIST_TYPES, master, f"its type is {answer.kind}")
    playlist = read_master(master, answer.data, findings)
    check_master(playlist, findings)
    _check_named(source, playlist, findings, growing=growing)
    return findings.found


class _Tracks:
    """The fetched renditions, without repetition."""

    def __init__(self, source: FileSource, master: MasterPlaylist, findings: Findings) -> None:
        self.fetched: dict[str, Track] = {}
        self._place = source
        self._master = master
        self._findings = findings

    def at(self, uri: str) -> list[Track]:
        """The rendition at a URI of the multivariant playlist; None if it cannot be read."""
        where = resolve(self._master, uri)
        if where not in self.fetched and (loaded := load_track(self._place, where, self._findings)):
            self.fetched[where] = loaded
        return [self.fetched[where]] if where in self.fetched else []


def _check_named(source: FileSource, master: MasterPlaylist, findings: Findings, *, growing: bool) -> None:
    tracks = _Tracks(source, master, findings)
    for attributes, uri in master.variants:
        sounds = [sound for at in _group(master, attributes, "AUDIO") for sound in tracks.at(plain(at.get("URI")))]
        for picture in tracks.at(uri):
            check_variant(attributes, picture, sounds, findings)
            check_decoding(picture, attributes, findings)
    for track in tracks.fetched.values():
        check_playlist(track.playlist, findings, growing=growing)
        check_times(track, findings)
        check_keyframes(track, findings)
        if not track.is_picture:
            check_decoding(track, {}, findings)
    if tracks.fetched:
        check_together(list(tracks.fetched.values()), findings, growing=growing)
    _check_others(source, master, findings)


def _check_others(source: FileSource, master: MasterPlaylist, findings: Findings) -> None:
    """Check I-frame and subtitle playlists."""
    for attributes in master.iframes:
        iframes.check(source, resolve(master, plain(attributes.get("URI"))), attributes, findings)
    for entry in master.media:
        if entry.get("TYPE") == "SUBTITLES" and "URI" in entry:
            subtitles.check(source, resolve(master, plain(entry["URI"])), findings)


def _group(master: MasterPlaylist, attributes: Attributes, kind: str) -> list[Attributes]:
    return [
        entry
        for entry in master.media
        if entry.get("TYPE") == kind and entry.get("GROUP-ID") == attributes.get(kind) and "URI" in entry
    ]
