"""What a request for media comes down to: a run of bytes of one object, or a text made on the spot."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from streamtime.errors import NotFound
from streamtime.objects.ledger import SPOOL
from streamtime.objects.stores import Readable, Stores
from streamtime.playback.hot_segments import HotSegments
from streamtime.storage.object_store import ReadsNow

LARGEST_AT_ONCE = 16 << 20
"""Runs up to this long are read in one piece; longer ones are streamed."""


@dataclass(frozen=True, slots=True)
class MediaBytes:
    """A run of bytes of an object. `etag` is strong: the same tag, the same bytes, for ever."""

    store: str
    key: str
    offset: int
    length: int
    etag: str
    content_type: str
    immutable: bool
    download_name: str | None = None


class MediaReader:
    """Reads runs of bytes, from memory where they are hot."""

    def __init__(self, stores: Stores, hot: HotSegments) -> None:
        self._stores = stores
        self._hot = hot

    def read_now(self, media: MediaBytes) -> bytes | None:
        """The whole run, if it is in memory."""
        if media.length > LARGEST_AT_ONCE:
            return None
        at = (media.key, media.offset)
        if (hot := self._hot.get(at)) is not None:
            return hot
        store = self._stores.readable(media.store)
        if not isinstance(store, ReadsNow):
            return None
        found = store.read_now(media.key, media.offset, media.length)
        if found is not None:
            self._hot.put(at, found)
        return found

    async def read(self, media: MediaBytes, start: int, length: int) -> bytes:
        """`length` bytes from `start` of the run on."""
        try:
            return await self._stores.readable(media.store).get_range(media.key, media.offset + start, length)
        except NotFound:
            return await self._settled(media).get_range(media.key, media.offset + start, length)

    async def stream(self, media: MediaBytes, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """The same in pieces."""
        begun = False
        try:
            async with aclosing(
                self._stores.readable(media.store).stream(media.key, media.offset + start, length)
            ) as pieces:
                async for piece in pieces:
                    begun = True
                    yield piece
        except NotFound:
            if begun:
                raise
        if begun:
            return
        async with aclosing(self._settled(media).stream(media.key, media.offset + start, length)) as pieces:
            async for piece in pieces:
                yield piece

    def _settled(self, media: MediaBytes) -> Readable:
        """Where the bytes are if they have left the spool between the look-up and the read: under the same key."""
        if media.store != SPOOL:
            raise NotFound
        return self._stores.destination
