"""From the ids in a URL to the bytes of a segment, an init segment, a still or the original."""

from dataclasses import replace

from streamtime.access.caller import Caller
from streamtime.access.rules import Visibility
from streamtime.errors import NotFound
from streamtime.hls.segment_index import SegmentIndex
from streamtime.library.growing import GrowingRenditions
from streamtime.library.renditions import Kind, Rendition
from streamtime.library.stills import StillKind, StillRows
from streamtime.objects.ledger import Ledger, ObjectRow
from streamtime.playback.catalogue import Catalogue, Programme
from streamtime.playback.direct import Direct
from streamtime.playback.media_bytes import MediaBytes
from streamtime.playback.watching import Watching

_CONTENT_TYPES = {Kind.VIDEO: "video/mp4", Kind.AUDIO: "audio/mp4"}


class Segments:
    """Resolves media URLs. Each answer has passed the one check of permission."""

    def __init__(
        self,
        catalogue: Catalogue,
        growing: GrowingRenditions,
        stills: StillRows,
        ledger: Ledger,
        watching: Watching,
        direct: Direct,
    ) -> None:
        self._catalogue = catalogue
        self._growing = growing
        self._stills = stills
        self._ledger = ledger
        self._watching = watching
        self.direct = direct

    async def rendition(
        self, caller: Caller, video: str, generation: int, attempt_id: str
    ) -> tuple[Programme, Rendition, SegmentIndex]:
        """A rendition and what exists of it at this moment.

        Raises:
            NotFound: there is no such thing for this caller.
        """
        programme = await self._catalogue.find(caller, video, generation=generation)
        rendition = programme.renditions.get(attempt_id)
        if rendition is None:
            raise NotFound
        index = self.known(rendition)
        if index is None:
            raise NotFound
        return programme, rendition, index

    async def is_public(self, nobody: Caller, video: str) -> bool:
        """Whether a video is for everybody, without an account and without knowing of it."""
        try:
            programme = await self._catalogue.find(nobody, video)
        except NotFound:
            return False
        return programme.facts.visibility is Visibility.PUBLIC

    def known(self, rendition: Rendition) -> SegmentIndex | None:
        """What may be played of a rendition at this moment: all, what is shown of it, or its last checkpoint."""
        return rendition.index or self._growing.snapshot(rendition.id) or rendition.checkpoint

    async def init(self, caller: Caller, video: str, generation: int, attempt_id: str) -> MediaBytes:
        """The init segment. Raises `NotFound`."""
        _, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        return _part(rendition, 0, index.init_length, "init", following_length=_length_at(index, 0))

    async def segment(self, caller: Caller, video: str, generation: int, attempt_id: str, number: int) -> MediaBytes:
        """Segment `number`, counted from 0. Raises `NotFound`."""
        _, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        if not 0 <= number < len(index.segments):
            raise NotFound
        segment = index.segments[number]
        self._watching.note()
        following_length = _length_at(index, number + 1)
        return _part(rendition, segment.offset, segment.length, str(number), following_length=following_length)

    async def whole(self, caller: Caller, video: str, generation: int, attempt_id: str) -> MediaBytes:
        """A whole rendition as one file, for players that are to ask its store. Raises `NotFound`."""
        programme, rendition, index = await self.rendition(caller, video, generation, attempt_id)
        if not rendition.whole:
            raise NotFound
        self._watching.note()
        media = _part(rendition, 0, index.bytes_total, "whole")
        if not self.direct.serves(programme, rendition):
            return media
        return replace(media, elsewhere=self.direct.url(rendition.store, rendition.key))

    async def poster(self, caller: Caller, video: str, generation: int) -> MediaBytes:
        """The poster. Raises `NotFound`."""
        programme = await self._catalogue.find(caller, video, generation=generation)
        row = await self._object(programme.poster_object_id)
        return _whole(row, content_type="image/jpeg", immutable=True)

    async def sheet(self, caller: Caller, video: str, generation: int, number: int) -> MediaBytes:
        """Sheet `number` of the storyboard, counted from 0. Raises `NotFound`."""
        programme = await self._catalogue.find(caller, video, generation=generation)
        row = await self._object(await self._stills.find(programme.video_id, StillKind.SHEET, number))
        return _whole(row, content_type="image/jpeg", immutable=True)

    async def preview(self, caller: Caller, video: str, generation: int) -> MediaBytes:
        """The short silent film of a card. Raises `NotFound`."""
        programme = await self._catalogue.find(caller, video, generation=generation)
        row = await self._object(await self._stills.find(programme.video_id, StillKind.PREVIEW))
        return _whole(row, content_type="video/mp4", immutable=True)

    async def original(self, caller: Caller, video: str) -> MediaBytes:
        """The file as it was uploaded. Raises `NotFound`."""
        programme = await self._catalogue.find(caller, video)
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


def _part(rendition: Rendition, offset: int, length: int, name: str, *, following_length: int = 0) -> MediaBytes:
    return MediaBytes(
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


def _whole(row: ObjectRow, *, content_type: str, immutable: bool, name: str | None = None) -> MediaBytes:
    return MediaBytes(
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
