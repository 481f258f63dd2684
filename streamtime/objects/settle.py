"""Carries whole objects from the spool into the store where they stay. It can be broken off and done again."""

from contextlib import aclosing

from streamtime.errors import NotFound
from streamtime.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.objects.stores import Stores
from streamtime.storage.object_store import AdoptsFiles, StoredObject


class Settler:
    """Copies (or links), verifies, switches the row, then lets go of the spool's copy."""

    def __init__(self, ledger: Ledger, stores: Stores) -> None:
        self._ledger = ledger
        self._stores = stores

    async def settle(self, row: ObjectRow) -> None:
        """Bring one object to where it stays. One that is there already, or deleted, is a success.

        Raises:
            Unavailable, NoSpace: the store cannot take it now; nothing has changed.
        """
        if row.state != "live":
            return
        if row.store == SPOOL:
            try:
                stored = await self._carry(row.key)
                await self._ledger.relocate(
                    row.id, store=self._stores.settle_in, sha256=stored.sha256, length_bytes=stored.length_bytes
                )
            except NotFound:
                return  # deleted meanwhile: the collector takes both copies, since they share the key
        await self._stores.spool.delete(row.key)  # also where an earlier try was broken off just before this

    async def _carry(self, key: str) -> StoredObject:
        spool, destination = self._stores.spool, self._stores.destination
        if isinstance(destination, AdoptsFiles):
            return await destination.adopt(key, spool.path(key))
        async with aclosing(spool.stream(key)) as body:
            return await destination.put(key, body)
