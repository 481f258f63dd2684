"""Brings whole objects from the spool into the store where they stay. It can be broken off and done again."""

from streamtime.errors import NotFound
from streamtime.objects.carrying import ObjectCopier
from streamtime.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.objects.stores import Stores
from streamtime.storage.object_store import StoredObject, SupportsAdopt


class ObjectFinalizer:
    """Copies (or links), verifies, switches the row, then lets go of the spool's copy."""

    def __init__(self, ledger: Ledger, stores: Stores, copier: ObjectCopier) -> None:
        self._ledger = ledger
        self._stores = stores
        self._copier = copier

    async def finalize(self, row: ObjectRow) -> None:
        """Bring one object to where it stays. One that is there already, or deleted, is a success.

        Raises:
            Unavailable, NoSpace: the store cannot take it now; nothing has changed.
        """
        async with self._stores.lock(row.id):
            for now in await self._ledger.find([row.id]):  # it may have had to wait, and may be settled or gone
                if now.state == "live":
                    await self._finalize(now)

    async def _finalize(self, row: ObjectRow) -> None:
        if row.store == SPOOL:
            try:
                stored = await self._copy(row)
                await self._ledger.relocate(
                    row.id, store=self._stores.default_name, sha256=stored.sha256, length_bytes=stored.length_bytes
                )
            except NotFound:
                return  # deleted meanwhile: the collector takes both copies, since they share the key
        await self._stores.spool.delete(row.key)  # also where an earlier try was broken off just before this

    async def _copy(self, row: ObjectRow) -> StoredObject:
        spool, destination = self._stores.spool, self._stores.default
        if isinstance(destination, SupportsAdopt):
            return await destination.adopt(row.key, spool.path(row.key))
        return await self._copier.copy(row, spool, self._stores.default_name)
