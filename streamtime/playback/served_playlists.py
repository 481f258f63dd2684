"""The text files of playback for a caller: HLS playlists, the storyboard's and the chapters' WebVTT, and captions."""

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
from streamtime.playback.segments import PlayableVideo, PlaybackCache, Segments
from streamtime.videos.captions import Captions, CaptionTrack
from streamtime.videos.renditions import Rendition, RenditionKind

Recheck = Callable[[int], Awaitable[None]]
"""Compares a video's row, by id, with its stored renditions, and corrects the row."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """The text of a playlist. `anonymously_viewable` says that anyone with the URL may read it."""

    text: str
    anonymously_viewable: bool
    content_type: str = "application/vnd.apple.mpegurl"


@dataclass(frozen=True, slots=True)
class _Candidate:
    rendition: Rendition
    index: SegmentIndex


class Playlists:
    """Writes playlists of the renditions that are available now."""

    def __init__(self, playback_cache: PlaybackCache, segments: Segments, recheck: Recheck) -> None:
        self._playback_cache = playback_cache
        self._segments = segments
        self._recheck = recheck

    async def check_playable(self, caller: Caller, video: str) -> bool:
        """Return whether there is something to play; if the row wrongly says so, it is corrected.

        Raises:
            NotFound: there is no such video for this caller.
        """
        playable_video = await self._playback_cache.find(caller, video)
        if not playable_video.playable:
            return False
        if self._candidates(playable_video, RenditionKind.VIDEO):
            return True
        await self._recheck(playable_video.video_id)
        return False

    async def multivariant(self, caller: Caller, video: str) -> Playlist:
        """Return the multivariant playlist: the complete renditions, or the growing ones if none is complete.

        Raises:
            NotFound: there is nothing to play for this caller.
        """
        if not await self.check_playable(caller, video):
            raise NotFound(reason="not_playable")
        playable_video = await self._playback_cache.find(caller, video)
        video_candidates = self._candidates(playable_video, RenditionKind.VIDEO)
        if not video_candidates:
            raise NotFound(reason="not_playable")
        variants = [_variant(playable_video.generation, candidate) for candidate in video_candidates]
        audio_candidates = self._candidates(playable_video, RenditionKind.AUDIO)
        names = unique_names(candidate.rendition.audio.label for candidate in audio_candidates)
        tracks = [_audio(playable_video.generation, *named) for named in zip(audio_candidates, names, strict=True)]
        text = multivariant_playlist(variants, tracks, _subtitles(playable_video))
        return Playlist(text, anonymously_viewable=playable_video.anonymously_viewable)

    async def media(self, caller: Caller, video: str, generation: int, attempt_id: str) -> Playlist:
        """Return the media playlist of one rendition. Raises `NotFound`."""
        playable_video, rendition, index = await self._segments.rendition(caller, video, generation, attempt_id)
        target_s = rendition.target_duration_s
        whole_uri = RENDITION_FILE_URI if self._segments.presigned_urls.serves(playable_video, rendition) else None
        text = media_playlist(index, target_duration_s=target_s, complete=rendition.is_complete, whole_uri=whole_uri)
        return Playlist(text, anonymously_viewable=playable_video.anonymously_viewable)

    async def iframes(self, caller: Caller, video: str, generation: int, attempt_id: str) -> Playlist:
        """Return the I-frame playlist of a complete rendition. Raises `NotFound`."""
        playable_video, rendition, index = await self._segments.rendition(caller, video, generation, attempt_id)
        if not rendition.is_complete or rendition.kind is not RenditionKind.VIDEO or not has_iframes(index):
            raise NotFound(reason="rendition_incomplete" if not rendition.is_complete else "no_such_file")
        return Playlist(
            iframes_playlist(index, target_duration_s=rendition.target_duration_s), playable_video.anonymously_viewable
        )

    async def storyboard(self, caller: Caller, video: str, generation: int) -> Playlist:
        """Return the storyboard's WebVTT file of times and thumbnails. Raises `NotFound`."""
        playable_video = await self._playback_cache.find(caller, video, generation=generation)
        stills = playable_video.stills
        if stills is None:
            raise NotFound(reason="no_such_file")
        text = storyboard_vtt(stills.storyboard, stills.duration_ms, playable_video.stills_version)
        return Playlist(text, playable_video.anonymously_viewable, "text/vtt; charset=utf-8")

    def _candidates(self, playable_video: PlayableVideo, kind: RenditionKind) -> list[_Candidate]:
        found = [
            _Candidate(rendition, index)
            for rendition in playable_video.of_kind(kind)
            if (index := self._segments.available_index(rendition)) and index.plays
        ]
        return [candidate for candidate in found if candidate.rendition.is_complete] or found


def _rates(candidate: _Candidate) -> tuple[int, int]:
    """Return peak and average bit rate: measured if complete, else at least the encoder's configured maximum."""
    peak, average = candidate.index.peak_bps, candidate.index.average_bps
    if not candidate.rendition.is_complete and candidate.rendition.ceiling_bps:
        peak = max(peak, candidate.rendition.ceiling_bps)
    return peak, average


def _variant(generation: int, candidate: _Candidate) -> Variant:
    peak, average = _rates(candidate)
    format_ = candidate.rendition.description
    return Variant(
        uri=rendition_uri(generation, candidate.rendition.attempt_id),
        peak_bps=peak,
        average_bps=average,
        codecs=format_.codecs,
        width=format_.width or 0,
        height=format_.height or 0,
        fps=Fraction(format_.frame_rate or 0).limit_denominator(1001),
        iframes=_iframes(generation, candidate),
    )


def _iframes(generation: int, candidate: _Candidate) -> IFrames | None:
    if not candidate.rendition.is_complete or not has_iframes(candidate.index):
        return None
    return iframes_of(candidate.index, iframes_uri(generation, candidate.rendition.attempt_id))


def _audio(generation: int, candidate: _Candidate, name: str) -> Audio:
    peak, average = _rates(candidate)
    format_ = candidate.rendition.description
    return Audio(
        uri=rendition_uri(generation, candidate.rendition.attempt_id),
        name=name,
        peak_bps=peak,
        average_bps=average,
        codecs=format_.codecs,
        channels=format_.channels or 2,
        language=candidate.rendition.audio.language,
        default=candidate.rendition.audio.default,
    )


def _subtitles(playable_video: PlayableVideo) -> list[Subtitles]:
    names = unique_names(track.label for track in playable_video.captions.values())
    return [
        Subtitles(captions_uri(playable_video.generation, track.name), name, bcp47(track.language))
        for name, track in zip(names, playable_video.captions.values(), strict=True)
    ]


_DAY_MS = 24 * 3600 * 1000
"""Duration given for a caption track while the video's duration is unknown."""


@dataclass(frozen=True, slots=True)
class WebVttFile:
    """A WebVTT file. Its text may change under the same URL, and `etag` with it."""

    text: str
    etag: str


class TextTracks:
    """Serves captions and chapters."""

    def __init__(self, playback_cache: PlaybackCache, captions: Captions) -> None:
        self._playback_cache = playback_cache
        self._captions = captions

    async def captions_playlist(self, caller: Caller, video: str, generation: int, name: str) -> Playlist:
        """Return the media playlist of a caption track. Raises `NotFound`."""
        playable_video, track = await self._track(caller, video, generation, name)
        text = captions_playlist(f"{track.name}.vtt?v={track.version}", playable_video.duration_ms or _DAY_MS)
        return Playlist(text, anonymously_viewable=playable_video.anonymously_viewable)

    async def captions(self, caller: Caller, video: str, generation: int, name: str) -> WebVttFile:
        """Return a caption track. Raises `NotFound`."""
        _, track = await self._track(caller, video, generation, name)
        return WebVttFile(await self._captions.text(track.id), f'"captions-{track.id}-{track.version}"')

    async def chapters(self, caller: Caller, video: str, generation: int) -> WebVttFile:
        """Return the chapters. Raises `NotFound` if there are none."""
        playable_video = await self._playback_cache.find(caller, video, generation=generation)
        if not playable_video.chapters:
            raise NotFound(reason="no_such_file")
        chapters = [(chapter.start_ms, chapter.end_ms, chapter.title) for chapter in playable_video.chapters]
        text = write_chapters(chapters)
        return WebVttFile(text, f'"chapters-{zlib.crc32(text.encode()):08x}"')

    async def _track(
        self, caller: Caller, video: str, generation: int, name: str
    ) -> tuple[PlayableVideo, CaptionTrack]:
        playable_video = await self._playback_cache.find(caller, video, generation=generation)
        track = playable_video.captions.get(name)
        if track is None:
            raise NotFound(reason="no_such_file")
        return playable_video, track
