"""A source, open for a worker to read, wherever its bytes are at the moment."""

from collections.abc import Sequence

from streamtime.errors import NotFound
from streamtime.jobs.job import AttemptFailed
from streamtime.library.video import Video
from streamtime.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.objects.stores import Stores
from streamtime.pipeline.fetching import Fetcher, ObjectRange
from streamtime.storage.object_store import OpenedFile, SupportsOpenFile


class Sources:
    """Opens the originals of videos, and what was made of them."""

    def __init__(self, ledger: Ledger, stores: Stores, fetcher: Fetcher) -> None:
        self._ledger = ledger
        self._stores = stores
        self._fetcher = fetcher

    async def open(self, video: Video) -> OpenedFile:
        """The original, open for reading.

        Raises:
            AttemptFailed: it was not kept, or is lost, so there is nothing to work on.
            NoSpace: it has to be fetched, and there is no room for it.
            Unavailable: its store does not answer.
        """
        if video.source_object_id is None:
            raise AttemptFailed("The original was not kept.", code="no_original", retryable=False)
        try:
            return await self.open_object(video.source_object_id)
        except NotFound as error:
            words = "The original is missing from the store."
            raise AttemptFailed(words, code="original_lost", retryable=False) from error

    async def open_object(self, object_id: int, *, ranges: Sequence[ObjectRange] | None = None) -> OpenedFile:
        """Any object of a video, open for reading; with `runs`, no other bytes of it need be right.

        Raises:
            NotFound: it is gone.
            NoSpace, Unavailable: as with `open`.
        """
        try:
            return await self._open(await self._row(object_id), ranges)
        except NotFound:
            # It settled or moved between the look-up and the opening: the row knows better now.
            return await self._open(await self._row(object_id), ranges)

    async def _row(self, object_id: int) -> ObjectRow:
        found = await self._ledger.find([object_id])
        if not found:
            raise NotFound
        return found[0]

    async def _open(self, row: ObjectRow, ranges: Sequence[ObjectRange] | None) -> OpenedFile:
        store = self._stores.spool if row.store == SPOOL else self._stores.readable(row.store)
        if isinstance(store, SupportsOpenFile):
            return await store.open_file(row.key)
        if ranges is not None:
            return await self._fetcher.fetch_ranges(row, ranges)
        return await self._fetcher.fetch(row)
