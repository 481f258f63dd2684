"""Deletes the bytes of doomed objects, then their rows. It can be broken off and done again at any point.

Objects go by the folder of their video. What lies in it is listed once a store rather than deleted by guess: so only
what is there costs a delete, and what a settling or a move that was broken off left in another store is found. Where
no row but doomed ones is left of a folder, all that lies in it goes. A store that is away, or that does not show our
marker, delays its own objects alone; leftovers in it are `reconcile.py`'s.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from streamtime.errors import StreamtimeError
from streamtime.storage.object_store import MultipartInfo
from streamtime.storage.objects.leases import BACKUP, COLLECTION, Leases
from streamtime.storage.objects.ledger import SPOOL, Inventory, Ledger, ObjectRow, group_by_prefix
from streamtime.storage.objects.stores import StoreOwnership, Stores

BATCH = 100


class GarbageCollector:
    """Removes what nobody can read any more."""

    def __init__(
        self, ledger: Ledger, inventory: Inventory, stores: Stores, ownership: StoreOwnership, leases: Leases
    ) -> None:
        self._ledger = ledger
        self._inventory = inventory
        self._stores = stores
        self._ownership = ownership
        self._leases = leases

    async def collect(self) -> int:
        """Delete everything that is doomed now, and give the number of objects.

        Raises:
            Unavailable: a backup is being made; or a store does not answer, or is not known to be ours: all that it
                does not hold is gone, the rest goes at the next call.
        """
        count = last_id = 0
        trouble: StreamtimeError | None = None
        while doomed := await self._ledger.pending_deletion(after_id=last_id, limit=BATCH):
            async with self._leases.acquire(COLLECTION, conflicts=[BACKUP]):
                sweep = _Sweep(self._inventory, self._stores, self._ownership)
                gone = await sweep.clear(doomed)
                await self._ledger.delete_rows(gone)
            trouble = sweep.error or trouble
            count, last_id = count + len(gone), doomed[-1].id
        if trouble is not None:
            raise trouble
        return count


class _Sweep:
    """One batch, and what the stores were found to be at its beginning."""

    def __init__(self, inventory: Inventory, stores: Stores, ownership: StoreOwnership) -> None:
        self._inventory = inventory
        self._stores = stores
        self._ownership = ownership
        self._refused: dict[str, StreamtimeError | None] = {}
        self._multipart_keys: set[tuple[str, str]] = set()
        self.error: StreamtimeError | None = None

    async def clear(self, doomed: Sequence[ObjectRow]) -> list[int]:
        """Delete their bytes; the ids of those that are gone wherever they may have been."""
        needed = {row.id: {row.store} for row in doomed}
        keys = {row.id: row.key for row in doomed}
        for object_id, store in await self._inventory.active_multiparts(list(needed)):
            needed[object_id].add(store)
            self._multipart_keys.add((store, keys[object_id]))
        gone: list[int] = []
        for folder, rows in group_by_prefix(doomed).items():
            wanted = {name for row in rows for name in needed[row.id]}
            async with AsyncExitStack() as turns:
                for row in rows:  # who copies one of them is waited for: its copy would appear after the deletion
                    await turns.enter_async_context(self._stores.lock(row.id))
                # The disk of this machine comes first: a store that is away must not keep it full.
                places = dict.fromkeys([*self._stores.names, *wanted])
                cleared = {name for name in places if await self._try_clear(name, folder, rows, wanted)}
            gone += [row.id for row in rows if needed[row.id] <= cleared]
        return gone

    async def _try_clear(self, name: str, folder: str, rows: Sequence[ObjectRow], wanted: set[str]) -> bool:
        try:
            await self._require_ours(name)
            await self._clear(name, folder, {row.key for row in rows})
        except StreamtimeError as error:
            if name in wanted:
                self.error = error
            return False
        return True

    async def _clear(self, name: str, folder: str, doomed: set[str]) -> None:
        store = self._stores.readable(name)
        listed = {info.key async for info in store.list(folder)}
        uploads = [] if name == SPOOL else await self._uploads(name, folder, doomed)
        kept = {
            row.key for row in await self._inventory.under_prefix(folder) if row.state != "doomed"
        }  # asked afterwards
        wholly = bool(folder) and not kept
        for key in listed if wholly else listed & (doomed - kept):
            await store.delete(key)
        for upload in uploads:
            if upload.key not in kept:
                await self._stores.object_stores[name].abort_multipart(upload.key, upload.upload_id)

    async def _uploads(self, name: str, folder: str, doomed: set[str]) -> list[MultipartInfo]:
        """What is being sent there; asked for by key too, since MinIO lists uploads of whole keys alone."""
        asked = {folder, *(key for store, key in self._multipart_keys if store == name and key in doomed)}
        store = self._stores.object_stores[name]
        return [info for prefix in sorted(asked) async for info in store.list_multiparts(prefix)]

    async def _require_ours(self, name: str) -> None:
        if name not in self._refused:
            try:
                self._stores.readable(name)
                await self._ownership.require_owned(name)
            except StreamtimeError as error:
                self._refused[name] = error
            else:
                self._refused[name] = None
        refused = self._refused[name]
        if refused is not None:
            raise refused
