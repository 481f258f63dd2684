"""Deletes the bytes of doomed objects, then their rows. It can be broken off and done again at any point.

Objects go by the folder of their video. What lies in it is listed once a store rather than deleted by guess: so only
what is there costs a delete, and what a settling or a move that was broken off left in another store is found. Where
no row but doomed ones is left of a folder, all that lies in it goes. A store that is away, or that does not show our
marker, delays its own objects alone; leftovers in it are `reconcile.py`'s.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from streamtime.errors import StreamtimeError
from streamtime.objects.deployment import Deployment
from streamtime.objects.holds import BACKUP, COLLECTION, Holds
from streamtime.objects.inventory import Inventory, by_folder
from streamtime.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.objects.stores import Stores

BATCH = 100


class Collector:
    """Removes what nobody can read any more."""

    def __init__(
        self, ledger: Ledger, inventory: Inventory, stores: Stores, deployment: Deployment, holds: Holds
    ) -> None:
        self._ledger = ledger
        self._inventory = inventory
        self._stores = stores
        self._deployment = deployment
        self._holds = holds

    async def collect(self) -> int:
        """Delete everything that is doomed now, and give the number of objects.

        Raises:
            Unavailable: a backup is being made; or a store does not answer, or is not known to be ours: all that it
                does not hold is gone, the rest goes at the next call.
        """
        count = last_id = 0
        trouble: StreamtimeError | None = None
        while doomed := await self._ledger.doomed(after_id=last_id, limit=BATCH):
            async with self._holds.held(COLLECTION, against=[BACKUP]):
                sweep = _Sweep(self._inventory, self._stores, self._deployment)
                gone = await sweep.clear(doomed)
                await self._ledger.forget(gone)
            trouble = sweep.trouble or trouble
            count, last_id = count + len(gone), doomed[-1].id
        if trouble is not None:
            raise trouble
        return count


class _Sweep:
    """One batch, and what the stores were found to be at its beginning."""

    def __init__(self, inventory: Inventory, stores: Stores, deployment: Deployment) -> None:
        self._inventory = inventory
        self._stores = stores
        self._deployment = deployment
        self._closed: dict[str, StreamtimeError | None] = {}
        self.trouble: StreamtimeError | None = None

    async def clear(self, doomed: Sequence[ObjectRow]) -> list[int]:
        """Delete their bytes; the ids of those that are gone wherever they may have been."""
        needed = {row.id: {row.store} for row in doomed}
        for object_id, store in await self._inventory.sending(list(needed)):
            needed[object_id].add(store)
        gone: list[int] = []
        for folder, rows in by_folder(doomed).items():
            wanted = {name for row in rows for name in needed[row.id]}
            async with AsyncExitStack() as turns:
                for row in rows:  # who copies one of them is waited for: its copy would appear after the deletion
                    await turns.enter_async_context(self._stores.turn(row.id))
                # The disk of this machine comes first: a store that is away must not keep it full.
                places = dict.fromkeys([*self._stores.names, *wanted])
                cleared = {name for name in places if await self._try(name, folder, rows, wanted)}
            gone += [row.id for row in rows if needed[row.id] <= cleared]
        return gone

    async def _try(self, name: str, folder: str, rows: Sequence[ObjectRow], wanted: set[str]) -> bool:
        try:
            await self._require_ours(name)
            await self._clear(name, folder, {row.key for row in rows})
        except StreamtimeError as error:
            if name in wanted:
                self.trouble = error
            return False
        return True

    async def _clear(self, name: str, folder: str, doomed: set[str]) -> None:
        store = self._stores.readable(name)
        listed = {info.key async for info in store.list(folder)}
        uploads = [] if name == SPOOL else [info async for info in self._stores.settled[name].list_multiparts(folder)]
        kept = {row.key for row in await self._inventory.under(folder) if row.state != "doomed"}  # asked afterwards
        wholly = bool(folder) and not kept
        for key in listed if wholly else listed & (doomed - kept):
            await store.delete(key)
        for upload in uploads:
            if upload.key not in kept:
                await self._stores.settled[name].abort_multipart(upload.key, upload.upload_id)

    async def _require_ours(self, name: str) -> None:
        if name not in self._closed:
            try:
                self._stores.readable(name)
                await self._deployment.require_ours(name)
            except StreamtimeError as error:
                self._closed[name] = error
            else:
                self._closed[name] = None
        refused = self._closed[name]
        if refused is not None:
            raise refused
