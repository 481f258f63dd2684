"""Captions and chapters for a caller: small texts, each behind the one check of permission."""

import zlib
from dataclasses import dataclass

from streamtime.auth.access import Caller
from streamtime.captions.formats import write_chapters
from streamtime.errors import NotFound
from streamtime.hls.playlists import captions_playlist
from streamtime.playback.cache import PlayableVideo, PlaybackCache
from streamtime.playback.playlists import Playlist
from streamtime.videos.captions import Captions, CaptionTrack

_DAY_MS = 24 * 3600 * 1000
"""How long a caption track is said to last while nobody knows how long its video is."""


@dataclass(frozen=True, slots=True)
class WebVttFile:
    """A text that may change under its address; `etag` then changes too."""

    text: str
    etag: str


class TextTracks:
    """Resolves the addresses of captions and chapters."""

    def __init__(self, playback_cache: PlaybackCache, captions: Captions) -> None:
        self._playback_cache = playback_cache
        self._captions = captions

    async def captions_playlist(self, caller: Caller, video: str, generation: int, name: str) -> Playlist:
        """The media playlist of a caption track. Raises `NotFound`."""
        programme, track = await self._track(caller, video, generation, name)
        text = captions_playlist(f"{track.name}.vtt?v={track.version}", programme.duration_ms or _DAY_MS)
        return Playlist(text, anonymously_viewable=programme.anonymously_viewable)

    async def captions(self, caller: Caller, video: str, generation: int, name: str) -> WebVttFile:
        """A caption track. Raises `NotFound`."""
        _, track = await self._track(caller, video, generation, name)
        return WebVttFile(await self._captions.text(track.id), f'"captions-{track.id}-{track.version}"')

    async def chapters(self, caller: Caller, video: str, generation: int) -> WebVttFile:
        """The chapters, of which there must be some. Raises `NotFound`."""
        programme = await self._playback_cache.find(caller, video, generation=generation)
        if not programme.chapters:
            raise NotFound
        chapters = [(chapter.start_ms, chapter.end_ms, chapter.title) for chapter in programme.chapters]
        text = write_chapters(chapters)
        return WebVttFile(text, f'"chapters-{zlib.crc32(text.encode()):08x}"')

    async def _track(
        self, caller: Caller, video: str, generation: int, name: str
    ) -> tuple[PlayableVideo, CaptionTrack]:
        programme = await self._playback_cache.find(caller, video, generation=generation)
        track = programme.captions.get(name)
        if track is None:
            raise NotFound
        return programme, track
