"""Resolve the ids in media URLs to byte ranges of objects: segments, init segments, stills and originals.

What a player may request of a video is cached until the epoch changes; each lookup checks access with the facts of the
row that the entry was read from. Renditions of public videos may also be served by their store at presigned URLs.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from streamtime.auth.access import ANONYMOUS, Access, Caller, VideoAccessFacts, Visibility, access_level, require
from streamtime.clock import Clock
from streamtime.database.transaction import EpochWatch
from streamtime.errors import NotFound
from streamtime.hls.segment_index import SegmentIndex
from streamtime.playback.media_reader import MediaRange
from streamtime.storage.objects.ledger import Ledger, ObjectRow
from streamtime.storage.objects.stores import Stores
from streamtime.videos.captions import Captions, CaptionTrack
from streamtime.videos.chapters import Chapter, Chapters
from streamtime.videos.progress import GrowingRenditions
from streamtime.videos.renditions import Rendition, RenditionKind, Renditions, StillKind, StillRepository, StillsFacts
from streamtime.videos.video import Videos

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
        """Return the renditions of that kind, without those that will replace outdated ones."""
        found = [rendition for rendition in self.renditions.values() if rendition.kind is kind]
        outdated = {rendition.name for rendition in found if rendition.outdated}
        return [rendition for rendition in found if rendition.outdated or rendition.name not in outdated]


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
            raise NotFound(reason="outdated_url")
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
            chapters=(await self._chapters.of_videos([video])).get(video.id, []),
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


ACTIVE_FOR_S = 15.0
"""A player with a full buffer requests one four-second segment about every four seconds."""


class ViewerActivity:
    """Remembers when any segment was last requested; nothing about the viewer."""

    def __init__(self, clock: Clock, *, active_for_s: float = ACTIVE_FOR_S) -> None:
        self._clock = clock
        self._active_for_s = active_for_s
        self._last: float | None = None

    def record(self) -> None:
        """Note that a segment was requested now."""
        self._last = self._clock.monotonic()

    @property
    def is_active(self) -> bool:
        """Whether a segment was requested recently."""
        return self._last is not None and self._clock.monotonic() - self._last < self._active_for_s


URL_LIFETIME_S = 300
"""A player gets a new URL for each range and uses it immediately; the rest allows for clock skew."""


class PresignedUrls:
    """Presigned URLs of the stores in `names`, only for renditions that everybody may watch: a URL can be shared."""

    def __init__(self, stores: Stores, names: Collection[str]) -> None:
        self._stores = stores
        self._names = frozenset(names)

    @property
    def origins(self) -> list[str]:
        """The origins of presigned URLs, for the Content-Security-Policy of pages."""
        found = []
        for name in sorted(self._names):
            address = urlsplit(self.url(name, "any") or "")
            found += [f"{address.scheme}://{address.netloc}"] if address.netloc else []
        return found

    def serves(self, playable_video: PlayableVideo, rendition: Rendition) -> bool:
        """Return whether the store serves the rendition: it is complete and its video is public."""
        public = playable_video.access_facts.visibility is Visibility.PUBLIC and not playable_video.access_facts.deleted
        return public and rendition.is_complete and rendition.store in self._names

    def url(self, store: str, key: str) -> str | None:
        """Return the URL of an object; None if its store has no presigned URLs."""
        return self._stores.object_stores[store].signed_url(key, URL_LIFETIME_S)


_CONTENT_TYPES = {RenditionKind.VIDEO: "video/mp4", RenditionKind.AUDIO: "audio/mp4"}


class Segments:
    """Resolves media URLs; every method checks access."""

    def __init__(
        self,
        playback_cache: PlaybackCache,
        growing_renditions: GrowingRenditions,
        stills: StillRepository,
        ledger: Ledger,
        viewer_activity: ViewerActivity,
        presigned_urls: PresignedUrls,
    ) -> None:
        self._playback_cache = playback_cache
        self._growing_renditions = growing_renditions
        self._stills = stills
        self._ledger = ledger
        self._viewer_activity = viewer_activity
        self.presigned_urls = presigned_urls

    async def rendition(
        self, caller: Caller, video: str, generation: int, attempt_id: str
    ) -> tuple[PlayableVideo, Rendition, SegmentIndex]:
        """Return a rendition and the index of its segments available now.

        Raises:
            NotFound: the caller may not watch the video, or it has no such rendition.
        """
        playable_video = await self._playback_cache.find(caller, video, generation=generation)
        rendition = playable_video.renditions.get(attempt_id)
        if rendition is None:
            raise NotFound(reason="no_such_rendition")
        index = self.available_index(rendition)
        if index is None:
            raise NotFound(reason="nothing_encoded_yet")
        return playable_video, rendition, index

    async def is_public(self, anonymous: Caller, video: str) -> bool:
        """Return whether a video is public. `anonymous` is a caller without an account."""
        try:
            playable_video = await self._playback_cache.find(anonymous, video)
        except NotFound:
            return False
        return playable_video.access_facts.visibility is Visibility.PUBLIC

    def available_index(self, rendition: Rendition) -> SegmentIndex | None:
        """Return the segments available now: all, those published while it grows, or those of its last checkpoint."""
        return rendition.index or self._growing_renditions.get(rendition.id) or rendition.checkpoint

    async def init(self, caller: Caller, video: str, generation: int, attempt_id: str) -> MediaRange:
        """Return the init segment. Raises `NotFound`."""
        _, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        return rendition_part(rendition, 0, index.init_length, "init", following_length=_length_at(index, 0))

    async def segment(self, caller: Caller, video: str, generation: int, attempt_id: str, number: int) -> MediaRange:
        """Return segment `number`, counted from 0. Raises `NotFound`."""
        _, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        if not 0 <= number < len(index.segments):
            raise NotFound(reason="no_such_segment")
        segment = index.segments[number]
        self._viewer_activity.record()
        following_length = _length_at(index, number + 1)
        return rendition_part(rendition, segment.offset, segment.length, str(number), following_length=following_length)

    async def whole_file(self, caller: Caller, video: str, generation: int, attempt_id: str) -> MediaRange:
        """Return a complete rendition as one file, for playlists with byte ranges. Raises `NotFound`."""
        playable_video, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        if not rendition.is_complete:
            raise NotFound(reason="rendition_incomplete")
        self._viewer_activity.record()
        media = rendition_part(rendition, 0, index.bytes_total, "whole")
        if not self.presigned_urls.serves(playable_video, rendition):
            return media
        return replace(media, presigned_url=self.presigned_urls.url(rendition.store, rendition.key))

    async def poster(self, caller: Caller, video: str, generation: int) -> MediaRange:
        """Return the poster. Raises `NotFound`."""
        playable_video = await self._playback_cache.find(caller, video, generation=generation)
        row = await self._object(playable_video.poster_object_id)
        return _whole(row, content_type="image/jpeg", immutable=True)

    async def sheet(self, caller: Caller, video: str, generation: int, number: int) -> MediaRange:
        """Return sheet `number` of the storyboard, counted from 0. Raises `NotFound`."""
        playable_video = await self._playback_cache.find(caller, video, generation=generation)
        row = await self._object(await self._stills.find(playable_video.video_id, StillKind.SHEET, number))
        return _whole(row, content_type="image/jpeg", immutable=True)

    async def preview(self, caller: Caller, video: str, generation: int) -> MediaRange:
        """Return the short silent preview clip. Raises `NotFound`."""
        playable_video = await self._playback_cache.find(caller, video, generation=generation)
        row = await self._object(await self._stills.find(playable_video.video_id, StillKind.PREVIEW))
        return _whole(row, content_type="video/mp4", immutable=True)

    async def original(self, caller: Caller, video: str) -> MediaRange:
        """Return the uploaded file. Raises `NotFound`."""
        playable_video = await self._playback_cache.find(caller, video)
        row = await self._object(playable_video.source_object_id)
        name = playable_video.source_name
        return _whole(row, content_type="application/octet-stream", immutable=False, name=name)

    async def _object(self, object_id: int | None) -> ObjectRow:
        found = await self._ledger.find([object_id]) if object_id is not None else []
        if not found or found[0].state != "live":
            raise NotFound(reason="no_such_file")
        return found[0]


def _length_at(index: SegmentIndex, number: int) -> int:
    """Return the length of a segment; 0 if there is none. Segments are adjacent."""
    return index.segments[number].length if number < len(index.segments) else 0


def rendition_part(
    rendition: Rendition, offset: int, length: int, name: str, *, following_length: int = 0
) -> MediaRange:
    """Return a byte range of a rendition; `name` tells it from the others in its ETag."""
    return MediaRange(
        object_id=rendition.object_id,
        store=rendition.store,
        key=rendition.key,
        offset=offset,
        length=length,
        etag=f'"{rendition.attempt_id}-{name}"',
        content_type=_CONTENT_TYPES[rendition.kind],
        immutable=True,
        following_length=following_length,
    )


def _whole(row: ObjectRow, *, content_type: str, immutable: bool, name: str | None = None) -> MediaRange:
    return MediaRange(
        object_id=row.id,
        store=row.store,
        key=row.key,
        offset=0,
        length=row.length_bytes,
        etag=f'"object-{row.id}"',
        content_type=content_type,
        immutable=immutable,
        download_name=name,
    )
