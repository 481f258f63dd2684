"""The playback cache: videos with everything a player may request, kept in memory until the epoch changes.

Each lookup checks access with the facts of the row that the entry was read from.
"""

from collections import OrderedDict
from dataclasses import dataclass

from streamtime.auth.access import ANONYMOUS, Access, Caller, VideoAccessFacts, access_level, require
from streamtime.database.engines import EpochWatch
from streamtime.errors import NotFound
from streamtime.videos.captions import Captions, CaptionTrack, Chapter, Chapters
from streamtime.videos.renditions import Rendition, RenditionKind, Renditions, StillsFacts
from streamtime.videos.videos import Videos

MAX_CACHED = 200
"""Cached videos. A two-hour film in six renditions has about 10,000 segments, which take one to two megabytes."""


@dataclass(frozen=True, slots=True)
class PlayableVideo:
    """A video with everything that a player may request."""

    video_id: int
    access_facts: VideoAccessFacts
    playable: bool
    generation: int
    title: str
    source_name: str
    source_object_id: int | None
    poster_object_id: int | None
    poster_version: int
    duration_ms: int | None
    chapters: list[Chapter]
    captions: dict[str, CaptionTrack]
    """By the name in their URLs, those from the video file first."""
    stills: StillsFacts | None
    stills_version: int
    renditions: dict[str, Rendition]
    """By attempt id, the largest video rendition first, audio last."""

    @property
    def anonymously_viewable(self) -> bool:
        """Whether anyone with the URL may watch it."""
        return access_level(ANONYMOUS, self.access_facts) >= Access.VIEW

    def of_kind(self, kind: RenditionKind) -> list[Rendition]:
        """Return the renditions of that kind."""
        return [rendition for rendition in self.renditions.values() if rendition.kind is kind]


class PlaybackCache:
    """Looks up playable videos for callers."""

    def __init__(
        self, videos: Videos, renditions: Renditions, captions: Captions, chapters: Chapters, epoch: EpochWatch
    ) -> None:
        self._videos = videos
        self._renditions = renditions
        self._captions = captions
        self._chapters = chapters
        self._epoch = epoch
        self._cache_epoch = 0
        self._cache: OrderedDict[str, PlayableVideo] = OrderedDict()

    async def find(self, caller: Caller, public_id: str, *, generation: int | None = None) -> PlayableVideo:
        """Return the video if the caller may watch it.

        Raises:
            NotFound: there is none, the caller may not know of it, or `generation` is not its access generation.
        """
        playable_video = self._cached(public_id) or await self._read(public_id)
        require(caller, playable_video.access_facts, Access.VIEW)
        if generation is not None and generation != playable_video.generation:
            raise NotFound
        return playable_video

    def _cached(self, public_id: str) -> PlayableVideo | None:
        epoch = self._epoch.current()
        if epoch != self._cache_epoch:
            self._cache.clear()
            self._cache_epoch = epoch
            return None
        return self._cache.get(public_id)

    async def _read(self, public_id: str) -> PlayableVideo:
        epoch = self._cache_epoch
        video = await self._videos.by_public_id(public_id)
        playable_video = PlayableVideo(
            video_id=video.id,
            access_facts=video.facts,
            playable=video.playable,
            generation=video.access_generation,
            title=video.title,
            source_name=video.source_name,
            source_object_id=video.source_object_id,
            poster_object_id=video.poster_object_id,
            poster_version=video.poster_version,
            duration_ms=video.duration_ms,
            chapters=(await self._chapters.list_for_videos([video.id])).get(video.id, []),
            captions={
                track.name: track for track in (await self._captions.list_for_videos([video.id])).get(video.id, [])
            },
            stills=video.stills,
            stills_version=video.stills_version,
            renditions={
                rendition.attempt_id: rendition for rendition in await self._renditions.list_for_video(video.id)
            },
        )
        # If the epoch changed during the reads, the entry may be stale: it serves this request but is not cached.
        if self._epoch.current() == epoch == self._cache_epoch:
            self._cache[public_id] = playable_video
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return playable_video
