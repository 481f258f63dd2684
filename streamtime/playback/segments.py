"""From the ids in a URL to the bytes of a segment, an init segment, a still or the original.

Whether anybody watches: the time of the last segment that was handed out, and nothing about whom.

Addresses at which a store itself serves renditions of public videos: signed, and good for minutes.

Only what everybody may watch is handed out so: such an address can be passed on, and asks nobody for permission.
"""

from collections.abc import Collection
from dataclasses import replace
from urllib.parse import urlsplit

from streamtime.auth.access import Caller, Visibility
from streamtime.clock import Clock
from streamtime.errors import NotFound
from streamtime.hls.segment_index import SegmentIndex
from streamtime.playback.cache import PlayableVideo, PlaybackCache
from streamtime.playback.media_reader import MediaRange
from streamtime.storage.objects.ledger import Ledger, ObjectRow
from streamtime.storage.objects.stores import Stores
from streamtime.videos.progress import GrowingRenditions
from streamtime.videos.renditions import Rendition, RenditionKind
from streamtime.videos.stills import StillKind, StillRepository

ACTIVE_FOR_S = 15.0
"""A player that has filled its buffer asks for a segment of four seconds about every four seconds."""


class ViewerActivity:
    """Remembers when a segment was last asked for."""

    def __init__(self, clock: Clock, *, active_for_s: float = ACTIVE_FOR_S) -> None:
        self._clock = clock
        self._active_for_s = active_for_s
        self._last: float | None = None

    def record(self) -> None:
        """Somebody has asked for a segment."""
        self._last = self._clock.monotonic()

    @property
    def is_active(self) -> bool:
        """Whether somebody watches, as far as one can tell."""
        return self._last is not None and self._clock.monotonic() - self._last < self._active_for_s


URL_LIFETIME_S = 300
"""A player asks for an address with each range and uses it at once; the rest is for clocks that differ."""


class PresignedUrls:
    """Knows which stores serve browsers themselves."""

    def __init__(self, stores: Stores, names: Collection[str]) -> None:
        self._stores = stores
        self._names = frozenset(names)

    @property
    def origins(self) -> list[str]:
        """Where addresses of this kind lead, as pages have to allow it."""
        found = []
        for name in sorted(self._names):
            address = urlsplit(self.url(name, "any") or "")
            found += [f"{address.scheme}://{address.netloc}"] if address.netloc else []
        return found

    def serves(self, programme: PlayableVideo, rendition: Rendition) -> bool:
        """Whether a rendition is to be had at its store: a whole one of a public video."""
        public = programme.access_facts.visibility is Visibility.PUBLIC and not programme.access_facts.deleted
        return public and rendition.is_complete and rendition.store in self._names

    def url(self, store: str, key: str) -> str | None:
        """The address of an object; None where its store serves nobody itself."""
        return self._stores.object_stores[store].signed_url(key, URL_LIFETIME_S)


_CONTENT_TYPES = {RenditionKind.VIDEO: "video/mp4", RenditionKind.AUDIO: "audio/mp4"}


class Segments:
    """Resolves media URLs. Each answer has passed the one check of permission."""

    def __init__(
        self,
        playback_cache: PlaybackCache,
        growing_renditions: GrowingRenditions,
        stills: StillRepository,
        ledger: Ledger,
        viewer_activity: ViewerActivity,
        direct: PresignedUrls,
    ) -> None:
        self._playback_cache = playback_cache
        self._growing_renditions = growing_renditions
        self._stills = stills
        self._ledger = ledger
        self._viewer_activity = viewer_activity
        self.presigned_urls = direct

    async def rendition(
        self, caller: Caller, video: str, generation: int, attempt_id: str
    ) -> tuple[PlayableVideo, Rendition, SegmentIndex]:
        """A rendition and what exists of it at this moment.

        Raises:
            NotFound: there is no such thing for this caller.
        """
        programme = await self._playback_cache.find(caller, video, generation=generation)
        rendition = programme.renditions.get(attempt_id)
        if rendition is None:
            raise NotFound
        index = self.available_index(rendition)
        if index is None:
            raise NotFound
        return programme, rendition, index

    async def is_public(self, anonymous: Caller, video: str) -> bool:
        """Whether a video is for everybody, without an account and without knowing of it."""
        try:
            programme = await self._playback_cache.find(anonymous, video)
        except NotFound:
            return False
        return programme.access_facts.visibility is Visibility.PUBLIC

    def available_index(self, rendition: Rendition) -> SegmentIndex | None:
        """What may be played of a rendition at this moment: all, what is shown of it, or its last checkpoint."""
        return rendition.index or self._growing_renditions.get(rendition.id) or rendition.checkpoint

    async def init(self, caller: Caller, video: str, generation: int, attempt_id: str) -> MediaRange:
        """The init segment. Raises `NotFound`."""
        _, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        return _part(rendition, 0, index.init_length, "init", following_length=_length_at(index, 0))

    async def segment(self, caller: Caller, video: str, generation: int, attempt_id: str, number: int) -> MediaRange:
        """Segment `number`, counted from 0. Raises `NotFound`."""
        _, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        if not 0 <= number < len(index.segments):
            raise NotFound
        segment = index.segments[number]
        self._viewer_activity.record()
        following_length = _length_at(index, number + 1)
        return _part(rendition, segment.offset, segment.length, str(number), following_length=following_length)

    async def whole_file(self, caller: Caller, video: str, generation: int, attempt_id: str) -> MediaRange:
        """A whole rendition as one file, for players that are to ask its store. Raises `NotFound`."""
        programme, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        if not rendition.is_complete:
            raise NotFound
        self._viewer_activity.record()
        media = _part(rendition, 0, index.bytes_total, "whole")
        if not self.presigned_urls.serves(programme, rendition):
            return media
        return replace(media, presigned_url=self.presigned_urls.url(rendition.store, rendition.key))

    async def poster(self, caller: Caller, video: str, generation: int) -> MediaRange:
        """The poster. Raises `NotFound`."""
        programme = await self._playback_cache.find(caller, video, generation=generation)
        row = await self._object(programme.poster_object_id)
        return _whole(row, content_type="image/jpeg", immutable=True)

    async def sheet(self, caller: Caller, video: str, generation: int, number: int) -> MediaRange:
        """Sheet `number` of the storyboard, counted from 0. Raises `NotFound`."""
        programme = await self._playback_cache.find(caller, video, generation=generation)
        row = await self._object(await self._stills.find(programme.video_id, StillKind.SHEET, number))
        return _whole(row, content_type="image/jpeg", immutable=True)

    async def preview(self, caller: Caller, video: str, generation: int) -> MediaRange:
        """The short silent film of a card. Raises `NotFound`."""
        programme = await self._playback_cache.find(caller, video, generation=generation)
        row = await self._object(await self._stills.find(programme.video_id, StillKind.PREVIEW))
        return _whole(row, content_type="video/mp4", immutable=True)

    async def original(self, caller: Caller, video: str) -> MediaRange:
        """The file as it was uploaded. Raises `NotFound`."""
        programme = await self._playback_cache.find(caller, video)
        row = await self._object(programme.source_object_id)
        name = programme.source_name
        return _whole(row, content_type="application/octet-stream", immutable=False, name=name)

    async def _object(self, object_id: int | None) -> ObjectRow:
        found = await self._ledger.find([object_id]) if object_id is not None else []
        if not found or found[0].state != "live":
            raise NotFound
        return found[0]


def _length_at(index: SegmentIndex, number: int) -> int:
    """Length of a segment, which lies right behind the one before it; 0 where there is none."""
    return index.segments[number].length if number < len(index.segments) else 0


def _part(rendition: Rendition, offset: int, length: int, name: str, *, following_length: int = 0) -> MediaRange:
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
