"""A source, open for a worker to read, wherever its bytes are at the moment."""

from streamtime.errors import NotFound, Unavailable
from streamtime.jobs.job import AttemptFailed
from streamtime.library.video import Video
from streamtime.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.objects.stores import Stores
from streamtime.storage.object_store import OpenedFile, OpensFiles


class Sources:
    """Opens the originals of videos, and what was made of them."""

    def __init__(self, ledger: Ledger, stores: Stores) -> None:
        self._ledger = ledger
        self._stores = stores

    async def open(self, video: Video) -> OpenedFile:
        """The original, open for reading.

        Raises:
            AttemptFailed: it was not kept, or is lost, so there is nothing to work on.
            Unavailable: it is in a store that cannot hand out files.
        """
        if video.source_object_id is None:
            raise AttemptFailed("The original was not kept.", code="no_original", retryable=False)
        try:
            return await self.open_object(video.source_object_id)
        except NotFound as error:
            words = "The original is missing from the store."
            raise AttemptFailed(words, code="original_lost", retryable=False) from error

    async def open_object(self, object_id: int) -> OpenedFile:
        """Any object of a video, open for reading.

        Raises:
            NotFound: it is gone.
            Unavailable: it is in a store that cannot hand out files.
        """
        try:
            return await self._open(await self._row(object_id))
        except NotFound:
            # It settled between the look-up and the opening: the row knows better now.
            return await self._open(await self._row(object_id))

    async def _row(self, object_id: int) -> ObjectRow:
        found = await self._ledger.find([object_id])
        if not found:
            raise NotFound
        return found[0]

    async def _open(self, row: ObjectRow) -> OpenedFile:
        store = self._stores.spool if row.store == SPOOL else self._stores.readable(row.store)
        if not isinstance(store, OpensFiles):
            raise Unavailable(f"The store named {row.store} has no files to open.", code="storage")
        return await store.open_file(row.key)
