"""A player without a picture: it reads playlists with a parser that nobody here wrote, fetches all, decodes all."""

import hashlib
import io
from dataclasses import dataclass
from urllib.parse import urljoin

import av
import httpx
import m3u8


@dataclass(frozen=True)
class Track:
    """One rendition, fetched whole."""

    uri: str
    segment_uris: list[str]
    announced_s: float
    """What the playlist says that its segments last together."""
    data: bytes
    """The init segment and all segments, one after the other."""


@dataclass(frozen=True)
class Decoded:
    """What a decoder makes of a track."""

    frames: int
    duration_s: float
    width: int
    height: int


def video_playlists(client: httpx.Client, master: str) -> list[str]:
    """The media playlists of the pictures, the largest first."""
    parsed = m3u8.loads(_get(client, master).text)
    ordered = sorted(parsed.playlists, key=lambda variant: -variant.stream_info.resolution[1])
    return [urljoin(master, variant.uri) for variant in ordered]


def audio_playlists(client: httpx.Client, master: str) -> list[str]:
    """The media playlists of the sound tracks."""
    parsed = m3u8.loads(_get(client, master).text)
    return [urljoin(master, media.uri) for media in parsed.media if media.type == "AUDIO"]


def hashes(client: httpx.Client, master: str) -> dict[str, str]:
    """SHA-256 of everything that a player fetches of a video, by address."""
    playlists = [*video_playlists(client, master), *audio_playlists(client, master)]
    uris = [part for uri in playlists for part in _parts(uri, m3u8.loads(_get(client, uri).text))]
    return {uri: hashlib.sha256(_get(client, uri).content).hexdigest() for uri in uris}


def fetch(client: httpx.Client, uri: str) -> Track:
    """All of one rendition, which must be whole."""
    parsed = m3u8.loads(_get(client, uri).text)
    assert parsed.is_endlist, "the rendition still grows"
    assert parsed.target_duration
    assert all(round(segment.duration) <= parsed.target_duration for segment in parsed.segments)
    parts = _parts(uri, parsed)
    data = b"".join(_get(client, part).content for part in parts)
    return Track(uri, parts, sum(segment.duration for segment in parsed.segments), data)


def decode(track: Track) -> Decoded:
    """Decode every frame of a track of pictures or of sound."""
    with av.open(io.BytesIO(track.data), "r") as container:
        (stream,) = container.streams.get()
        assert isinstance(stream, av.VideoStream | av.AudioStream)
        frames, first, end, width, height = 0, None, 0.0, 0, 0
        for frame in container.decode(stream):
            assert isinstance(frame, av.VideoFrame | av.AudioFrame)
            assert frame.pts is not None
            assert frame.time_base is not None
            at = float(frame.pts * frame.time_base)
            first = at if first is None else first
            end = max(end, at)
            frames += 1
            if isinstance(frame, av.VideoFrame):
                width, height = frame.width, frame.height
        assert first is not None, "nothing could be decoded"
        return Decoded(frames, end - first, width, height)


def _parts(uri: str, parsed: m3u8.M3U8) -> list[str]:
    """The addresses of a rendition's init segment and its segments."""
    return [urljoin(uri, part.uri) for part in (parsed.segment_map[0], *parsed.segments)]


def _get(client: httpx.Client, uri: str) -> httpx.Response:
    answer = client.get(uri)
    assert answer.status_code == 200, f"{uri}: {answer.status_code}"
    return answer
