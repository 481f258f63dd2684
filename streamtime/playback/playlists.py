"""Playlists for a caller: which renditions stand in them at this moment.

Captions and chapters for a caller: small texts, each behind the one check of permission.
"""

import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction

from streamtime.auth.access import Caller
from streamtime.captions.formats import write_chapters
from streamtime.errors import NotFound
from streamtime.hls.playlists import (
    RENDITION_FILE_URI,
    Audio,
    IFrames,
    Subtitles,
    Variant,
    captions_playlist,
    captions_uri,
    has_iframes,
    iframes_of,
    iframes_playlist,
    iframes_uri,
    media_playlist,
    multivariant_playlist,
    rendition_uri,
    unique_names,
)
from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.storyboard import storyboard_vtt
from streamtime.languages import bcp47
from streamtime.playback.cache import PlayableVideo, PlaybackCache
from streamtime.playback.segments import Segments
from streamtime.videos.captions import Captions, CaptionTrack
from streamtime.videos.renditions import Rendition, RenditionKind

Recheck = Callable[[int], Awaitable[None]]
"""Compares what is said of a video, by its row id, with what is stored of it."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist's text. `shared` says that anybody who has its address may read it."""

    text: str
    anonymously_viewable: bool
    content_type: str = "application/vnd.apple.mpegurl"


@dataclass(frozen=True, slots=True)
class _Candidate:
    rendition: Rendition
    index: SegmentIndex


class Playlists:
    """Writes playlists."""

    def __init__(self, playback_cache: PlaybackCache, segments: Segments, recheck: Recheck) -> None:
        self._playback_cache = playback_cache
        self._segments = segments
        self._recheck = recheck

    async def check_playable(self, caller: Caller, video: str) -> bool:
        """Whether there is something to play. A video that is wrongly called playable is so no more afterwards.

        Raises:
            NotFound: there is no such video for this caller.
        """
        programme = await self._playback_cache.find(caller, video)
        if not programme.playable:
            return False
        if self._candidates(programme, RenditionKind.VIDEO):
            return True
        await self._recheck(programme.video_id)
        return False

    async def multivariant(self, caller: Caller, video: str) -> Playlist:
        """The playlist of playlists: whole renditions, or growing ones where there is no whole one yet.

        Raises:
            NotFound: there is nothing to play for this caller.
        """
        if not await self.check_playable(caller, video):
            raise NotFound
        programme = await self._playback_cache.find(caller, video)
        pictures = self._candidates(programme, RenditionKind.VIDEO)
        if not pictures:
            raise NotFound
        variants = [_variant(programme.generation, offered) for offered in pictures]
        heard = self._candidates(programme, RenditionKind.AUDIO)
        names = unique_names(offered.rendition.audio.label for offered in heard)
        sounds = [_audio(programme.generation, *named) for named in zip(heard, names, strict=True)]
        text = multivariant_playlist(variants, sounds, _subtitles(programme))
        return Playlist(text, anonymously_viewable=programme.anonymously_viewable)

    async def media(self, caller: Caller, video: str, generation: int, attempt_id: str) -> Playlist:
        """The playlist of one rendition. Raises `NotFound`."""
        programme, rendition, index = await self._segments.rendition(caller, video, generation, attempt_id)
        target_s = rendition.target_duration_s
        whole_uri = RENDITION_FILE_URI if self._segments.presigned_urls.serves(programme, rendition) else None
        text = media_playlist(index, target_duration_s=target_s, complete=rendition.is_complete, whole_uri=whole_uri)
        return Playlist(text, anonymously_viewable=programme.anonymously_viewable)

    async def iframes(self, caller: Caller, video: str, generation: int, attempt_id: str) -> Playlist:
        """The playlist of a whole rendition's keyframes. Raises `NotFound`."""
        programme, rendition, index = await self._segments.rendition(caller, video, generation, attempt_id)
        if not rendition.is_complete or rendition.kind is not RenditionKind.VIDEO or not has_iframes(index):
            raise NotFound
        return Playlist(
            iframes_playlist(index, target_duration_s=rendition.target_duration_s), programme.anonymously_viewable
        )

    async def storyboard(self, caller: Caller, video: str, generation: int) -> Playlist:
        """The storyboard's table of times and pictures. Raises `NotFound`."""
        programme = await self._playback_cache.find(caller, video, generation=generation)
        stills = programme.stills
        if stills is None:
            raise NotFound
        text = storyboard_vtt(stills.storyboard, stills.duration_ms, programme.stills_version)
        return Playlist(text, programme.anonymously_viewable, "text/vtt; charset=utf-8")

    def _candidates(self, programme: PlayableVideo, kind: RenditionKind) -> list[_Candidate]:
        renditions = programme.of_kind(kind)
        outdated = {rendition.name for rendition in renditions if rendition.outdated}
        found = [
            _Candidate(rendition, index)
            for rendition in renditions
            if rendition.outdated or rendition.name not in outdated
            if (index := self._segments.available_index(rendition)) and index.plays
        ]
        return [offered for offered in found if offered.rendition.is_complete] or found


def _rates(offered: _Candidate) -> tuple[int, int]:
    """Peak and average: as measured when whole, else never below the ceiling the encoder was given."""
    peak, average = offered.index.peak_bps, offered.index.average_bps
    if not offered.rendition.is_complete and offered.rendition.ceiling_bps:
        peak = max(peak, offered.rendition.ceiling_bps)
    return peak, average


def _variant(generation: int, offered: _Candidate) -> Variant:
    peak, average = _rates(offered)
    about = offered.rendition.description
    return Variant(
        uri=rendition_uri(generation, offered.rendition.attempt_id),
        peak_bps=peak,
        average_bps=average,
        codecs=about.codecs,
        width=about.width or 0,
        height=about.height or 0,
        fps=Fraction(about.frame_rate or 0).limit_denominator(1001),
        iframes=_iframes(generation, offered),
    )


def _iframes(generation: int, offered: _Candidate) -> IFrames | None:
    if not offered.rendition.is_complete or not has_iframes(offered.index):
        return None
    return iframes_of(offered.index, iframes_uri(generation, offered.rendition.attempt_id))


def _audio(generation: int, offered: _Candidate, name: str) -> Audio:
    peak, average = _rates(offered)
    about = offered.rendition.description
    return Audio(
        uri=rendition_uri(generation, offered.rendition.attempt_id),
        name=name,
        peak_bps=peak,
        average_bps=average,
        codecs=about.codecs,
        channels=about.channels or 2,
        language=offered.rendition.audio.language,
        default=offered.rendition.audio.default,
    )


def _subtitles(programme: PlayableVideo) -> list[Subtitles]:
    names = unique_names(track.label for track in programme.captions.values())
    return [
        Subtitles(captions_uri(programme.generation, track.name), name, bcp47(track.language))
        for name, track in zip(names, programme.captions.values(), strict=True)
    ]


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
