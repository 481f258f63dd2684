"""What is playable, by the ids in URLs: read once, kept in memory, dropped the moment the epoch moves.

Every answer passes `access` with the facts of the very row it was read with.
"""

from collections import OrderedDict
from dataclasses import dataclass

from streamtime.access.caller import ANONYMOUS, Caller
from streamtime.access.rules import Access, VideoFacts, decide, require
from streamtime.database.epoch import EpochWatch
from streamtime.errors import NotFound
from streamtime.library.captions import Captions, CaptionTrack
from streamtime.library.chapters import Chapter, Chapters
from streamtime.library.renditions import Kind, Rendition, Renditions
from streamtime.library.stills import StillsFacts
from streamtime.library.videos import Videos

MAX_REMEMBERED = 200
"""Programmes kept in memory; a two-hour film in six renditions has some 10,000 segments, a megabyte or two."""


@dataclass(frozen=True, slots=True)
class Programme:
    """One video with all that a player may ask for."""

    video_id: int
    facts: VideoFacts
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
    def shared(self) -> bool:
        """Whether it may be watched by anybody who has its address."""
        return decide(ANONYMOUS, self.facts) >= Access.VIEW

    def of_kind(self, kind: Kind) -> list[Rendition]:
        """The renditions of picture or of sound."""
        return [rendition for rendition in self.renditions.values() if rendition.kind is kind]


class Catalogue:
    """Finds programmes for callers."""

    def __init__(
        self, videos: Videos, renditions: Renditions, captions: Captions, chapters: Chapters, epoch: EpochWatch
    ) -> None:
        self._videos = videos
        self._renditions = renditions
        self._captions = captions
        self._chapters = chapters
        self._epoch = epoch
        self._known_at = 0
        self._known: OrderedDict[str, Programme] = OrderedDict()

    async def find(self, caller: Caller, public_id: str, *, generation: int | None = None) -> Programme:
        """The programme, if the caller may watch it; with `generation`, only that one.

        Raises:
            NotFound: there is none, the caller may not know of it, or the generation is over.
        """
        programme = self._remembered(public_id) or await self._read(public_id)
        require(caller, programme.facts, Access.VIEW)
        if generation is not None and generation != programme.generation:
            raise NotFound
        return programme

    def _remembered(self, public_id: str) -> Programme | None:
        epoch = self._epoch.current()
        if epoch != self._known_at:
            self._known.clear()
            self._known_at = epoch
            return None
        return self._known.get(public_id)

    async def _read(self, public_id: str) -> Programme:
        known_at = self._known_at
        video = await self._videos.by_public_id(public_id)
        programme = Programme(
            video_id=video.id,
            facts=video.facts,
            playable=video.playable,
            generation=video.access_generation,
            title=video.title,
            source_name=video.source_name,
            source_object_id=video.source_object_id,
            poster_object_id=video.poster_object_id,
            poster_version=video.poster_version,
            duration_ms=video.duration_ms,
            chapters=(await self._chapters.of([video.id])).get(video.id, []),
            captions={track.name: track for track in (await self._captions.of([video.id])).get(video.id, [])},
            stills=video.stills,
            stills_version=video.stills_version,
            renditions={rendition.attempt_id: rendition for rendition in await self._renditions.of(video.id)},
        )
        # What was read while the epoch moved may be stale already: it serves this one request and is not kept.
        if self._epoch.current() == known_at == self._known_at:
            self._known[public_id] = programme
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return programme
