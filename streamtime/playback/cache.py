"""What is playable, by the ids in URLs: read once, kept in memory, dropped the moment the epoch moves.

Every answer passes `access` with the facts of the very row it was read with.
"""

from collections import OrderedDict
from dataclasses import dataclass

from streamtime.auth.access import ANONYMOUS, Access, Caller, VideoAccessFacts, access_level, require
from streamtime.database.engines import EpochWatch
from streamtime.errors import NotFound
from streamtime.videos.captions import Captions, CaptionTrack
from streamtime.videos.chapters import Chapter, Chapters
from streamtime.videos.renditions import Rendition, RenditionKind, Renditions
from streamtime.videos.stills import StillsFacts
from streamtime.videos.videos import Videos

MAX_CACHED = 200
"""Programmes kept in memory; a two-hour film in six renditions has some 10,000 segments, a megabyte or two."""


@dataclass(frozen=True, slots=True)
class PlayableVideo:
    """One video with all that a player may ask for."""

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
    """By the name in their addresses, those of the file first."""
    stills: StillsFacts | None
    stills_version: int
    renditions: dict[str, Rendition]
    """By attempt id, the largest picture first, sound last."""

    @property
    def anonymously_viewable(self) -> bool:
        """Whether it may be watched by anybody who has its address."""
        return access_level(ANONYMOUS, self.access_facts) >= Access.VIEW

    def of_kind(self, kind: RenditionKind) -> list[Rendition]:
        """The renditions of picture or of sound."""
        return [rendition for rendition in self.renditions.values() if rendition.kind is kind]


class PlaybackCache:
    """Finds programmes for callers."""

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
        """The programme, if the caller may watch it; with `generation`, only that one.

        Raises:
            NotFound: there is none, the caller may not know of it, or the generation is over.
        """
        programme = self._cached(public_id) or await self._read(public_id)
        require(caller, programme.access_facts, Access.VIEW)
        if generation is not None and generation != programme.generation:
            raise NotFound
        return programme

    def _cached(self, public_id: str) -> PlayableVideo | None:
        epoch = self._epoch.current()
        if epoch != self._cache_epoch:
            self._cache.clear()
            self._cache_epoch = epoch
            return None
        return self._cache.get(public_id)

    async def _read(self, public_id: str) -> PlayableVideo:
        known_at = self._cache_epoch
        video = await self._videos.by_public_id(public_id)
        programme = PlayableVideo(
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
        # What was read while the epoch moved may be stale already: it serves this one request and is not kept.
        if self._epoch.current() == known_at == self._cache_epoch:
            self._cache[public_id] = programme
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return programme
