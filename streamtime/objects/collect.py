"""Deletes the bytes of doomed objects, then their rows. It can be broken off and done again at any point."""

from streamtime.errors import StreamtimeError
from streamtime.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.objects.multiparts import Multiparts
from streamtime.objects.stores import Stores

BATCH = 100


class Collector:
    """Removes what nobody can read any more."""

    def __init__(self, ledger: Ledger, multiparts: Multiparts, stores: Stores) -> None:
        self._ledger = ledger
        self._multiparts = multiparts
        self._stores = stores

    async def collect(self) -> int:
        """Delete everything that is doomed now, and give the number of objects.

        Raises:
            Unavailable: a store does not answer; all that it does not hold is gone, the rest goes at the next call.
        """
        count = last_id = 0
        trouble: StreamtimeError | None = None
        while doomed := await self._ledger.doomed(after_id=last_id, limit=BATCH):
            gone: list[int] = []
            for row in doomed:
                try:
                    await self._delete(row)
                except StreamtimeError as error:
                    trouble = error
                else:
                    gone.append(row.id)
            await self._ledger.forget(gone)
            count, last_id = count + len(gone), doomed[-1].id
        if trouble is not None:
            raise trouble
        return count

    async def _delete(self, row: ObjectRow) -> None:
        async with self._stores.turn(row.id):
            # A settling that was broken off may have left a copy on either side. What is on this machine goes first:
            # a store that is away must not keep the disk full.
            for store in dict.fromkeys((SPOOL, row.store, self._stores.settle_in)):
                await self._stores.readable(store).delete(row.key)
            await self._multiparts.abort_left(row, self._stores)
