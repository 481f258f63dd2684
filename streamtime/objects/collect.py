"""Deletes the bytes of doomed objects, then their rows. It can be broken off and done again at any point."""

from streamtime.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.objects.stores import Stores

BATCH = 100


class Collector:
    """Removes what nobody can read any more."""

    def __init__(self, ledger: Ledger, stores: Stores) -> None:
        self._ledger = ledger
        self._stores = stores

    async def collect(self) -> int:
        """Delete everything that is doomed now, and give the number of objects.

        Raises:
            Unavailable: a store does not answer; what is left goes at the next call.
        """
        count = 0
        while doomed := await self._ledger.doomed(limit=BATCH):
            for row in doomed:
                await self._delete(row)
            await self._ledger.forget([row.id for row in doomed])
            count += len(doomed)
        return count

    async def _delete(self, row: ObjectRow) -> None:
        # A settling that was broken off may have left a copy on either side.
        for store in {row.store, SPOOL, self._stores.settle_in}:
            await self._stores.readable(store).delete(row.key)
