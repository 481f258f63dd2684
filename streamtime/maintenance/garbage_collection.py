"""Deletes the bytes of objects pending deletion, then their rows. It can be interrupted and repeated at any point.

Objects are deleted by the folder of their video. Each store is listed once per folder: a delete request is sent only
for objects that exist, and copies that an interrupted finalize or move left in another store are found. If all rows of
a folder are pending deletion, everything in it is deleted. A store that is unavailable, or does not have our store id,
delays only its own objects; its orphans are handled by `reconcile.py`.
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
    """Deletes objects pending deletion."""

    def __init__(
        self, ledger: Ledger, inventory: Inventory, stores: Stores, ownership: StoreOwnership, leases: Leases
    ) -> None:
        self._ledger = ledger
        self._inventory = inventory
        self._stores = stores
        self._ownership = ownership
        self._leases = leases

    async def collect(self) -> int:
        """Delete all objects pending deletion; returns their number.

        Raises:
            Unavailable: a backup is running; or a store is unavailable or does not have our store id. Objects that
                are not in such a store are deleted, the others remain for the next call.
        """
        count = last_id = 0
        last_error: StreamtimeError | None = None
        while pending := await self._ledger.pending_deletion(after_id=last_id, limit=BATCH):
            async with self._leases.acquire(COLLECTION, conflicts=[BACKUP]):
                sweep = _Sweep(self._inventory, self._stores, self._ownership)
                deleted = await sweep.delete(pending)
                await self._ledger.delete_rows(deleted)
            last_error = sweep.error or last_error
            count, last_id = count + len(deleted), pending[-1].id
        if last_error is not None:
            raise last_error
        return count


class _Sweep:
    """Deletes one batch of objects. Each store is checked once per batch."""

    def __init__(self, inventory: Inventory, stores: Stores, ownership: StoreOwnership) -> None:
        self._inventory = inventory
        self._stores = stores
        self._ownership = ownership
        self._store_errors: dict[str, StreamtimeError | None] = {}
        self._multipart_keys: set[tuple[str, str]] = set()
        self.error: StreamtimeError | None = None

    async def delete(self, pending: Sequence[ObjectRow]) -> list[int]:
        """Delete the bytes of objects; returns the ids of those that are deleted from every store they may be in."""
        needed = {row.id: {row.store} for row in pending}
        keys = {row.id: row.key for row in pending}
        for object_id, store in await self._inventory.active_multiparts(list(needed)):
            needed[object_id].add(store)
            self._multipart_keys.add((store, keys[object_id]))
        deleted: list[int] = []
        for folder, rows in group_by_prefix(pending).items():
            required = {name for row in rows for name in needed[row.id]}
            async with AsyncExitStack() as locks:
                for row in rows:  # a running copy is waited for: it would appear after the deletion
                    await locks.enter_async_context(self._stores.lock(row.id))
                # The spool comes first: an unavailable store must not prevent freeing the local disk.
                names = dict.fromkeys([*self._stores.names, *required])
                cleared = {name for name in names if await self._try_clear(name, folder, rows, required)}
            deleted += [row.id for row in rows if needed[row.id] <= cleared]
        return deleted

    async def _try_clear(self, name: str, folder: str, rows: Sequence[ObjectRow], required: set[str]) -> bool:
        try:
            await self._require_owned(name)
            await self._clear(name, folder, {row.key for row in rows})
        except StreamtimeError as error:
            if name in required:
                self.error = error
            return False
        return True

    async def _clear(self, name: str, folder: str, pending: set[str]) -> None:
        store = self._stores.readable(name)
        listed = {info.key async for info in store.list(folder)}
        uploads = [] if name == SPOOL else await self._uploads(name, folder, pending)
        kept = {
            row.key for row in await self._inventory.under_prefix(folder) if row.state != "doomed"
        }  # read after the listing, so that no new object is missed
        whole_folder = bool(folder) and not kept
        for key in listed if whole_folder else listed & (pending - kept):
            await store.delete(key)
        for upload in uploads:
            if upload.key not in kept:
                await self._stores.object_stores[name].abort_multipart(upload.key, upload.upload_id)

    async def _uploads(self, name: str, folder: str, pending: set[str]) -> list[MultipartInfo]:
        """The unfinished uploads of the folder; also listed by key, since MinIO lists only those of exact keys."""
        prefixes = {folder, *(key for store, key in self._multipart_keys if store == name and key in pending)}
        store = self._stores.object_stores[name]
        return [info for prefix in sorted(prefixes) async for info in store.list_multiparts(prefix)]

    async def _require_owned(self, name: str) -> None:
        if name not in self._store_errors:
            try:
                self._stores.readable(name)
                await self._ownership.require_owned(name)
            except StreamtimeError as error:
                self._store_errors[name] = error
            else:
                self._store_errors[name] = None
        store_error = self._store_errors[name]
        if store_error is not None:
            raise store_error
