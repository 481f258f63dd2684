"""From the ids in a URL to the bytes of a segment, an init segment, a still or the original."""

from dataclasses import replace

from streamtime.access.caller import Caller
from streamtime.access.rules import Visibility
from streamtime.errors import NotFound
from streamtime.hls.segment_index import SegmentIndex
from streamtime.library.growing import GrowingRenditions
from streamtime.library.renditions import Rendition, RenditionKind
from streamtime.library.stills import StillKind, StillRepository
from streamtime.objects.ledger import Ledger, ObjectRow
from streamtime.playback.catalogue import PlayableVideo, PlaybackCache
from streamtime.playback.direct import PresignedUrls
from streamtime.playback.media_bytes import MediaRange
from streamtime.playback.watching import ViewerActivity

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
