"""Moves objects from all other stores into one, beside a running server or without it.

Each object is copied, read back and compared (`storage/objects/copy.py`), then its row is switched in one transaction,
and then the old copy is deleted. Keys stay the same. A move can be interrupted and repeated: an object is always in one
of the stores, and leftover copies are found by listing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from streamtime.errors import Invalid, NoSpace, NotFound
from streamtime.storage.object_store import ObjectStore, SupportsOpenFile
from streamtime.storage.objects.copy import ObjectCopier
from streamtime.storage.objects.ledger import Ledger, ObjectLocations, ObjectRow
from streamtime.storage.objects.stores import Stores, key_batches

BATCH = 100


@dataclass(frozen=True, slots=True)
class MoveProgress:
    """The progress of a move. The totals grow if new objects arrive in the other stores meanwhile."""

    objects: int
    objects_total: int
    length_bytes: int
    bytes_total: int


@dataclass(slots=True)
class MoveReport:
    """The result of a move."""

    objects: int = 0
    length_bytes: int = 0
    leftovers: int = 0
    """Deleted copies of objects that an earlier, interrupted move had moved already."""
    missing: list[str] = field(default_factory=list)
    """Keys of objects that are not in the store of their row."""
    damaged: list[str] = field(default_factory=list)
    """Keys of objects whose bytes do not match their row. They are not moved."""

    @property
    def complete(self) -> bool:
        """Whether all objects were moved."""
        return not self.missing and not self.damaged


class Mover:
    """Moves objects into one store."""

    def __init__(
        self,
        ledger: Ledger,
        locations: ObjectLocations,
        stores: Stores,
        copier: ObjectCopier,
        *,
        minimum_free_bytes: int,
    ) -> None:
        self._copier = copier
        self._ledger = ledger
        self._locations = locations
        self._stores = stores
        self._minimum_free_bytes = minimum_free_bytes

    async def move(self, to: str, on_progress: Callable[[MoveProgress], None]) -> MoveReport:
        """Move all objects of other stores into the store `to`, the oldest first.

        Objects that arrive in the other stores meanwhile are moved too. Objects in the spool are not moved.

        Raises:
            Invalid: there is no such store.
            NoSpace, Unavailable: a store cannot do it now; moved objects stay moved.
        """
        if to not in self._stores.object_stores:
            raise Invalid(f"There is no store named {to}.", field="to")
        report = MoveReport()
        last_id = 0
        while rows := await self._locations.in_other_stores(to, after_id=last_id, limit=BATCH):
            for row in rows:
                on_progress(await self._progress(to, report))
                await self._move(row, to, report)
            last_id = rows[-1].id
        for name in self._stores.object_stores:
            if name != to:
                report.leftovers += await self._clear_leftovers(name, to)
        on_progress(await self._progress(to, report))
        return report

    async def _progress(self, to: str, report: MoveReport) -> MoveProgress:
        remaining = [each for each in await self._locations.totals_by_store() if self._is_source(each.store, to)]
        objects, length_bytes = sum(each.objects for each in remaining), sum(each.length_bytes for each in remaining)
        return MoveProgress(
            report.objects, report.objects + objects, report.length_bytes, report.length_bytes + length_bytes
        )

    def _is_source(self, store: str, to: str) -> bool:
        return store in self._stores.object_stores and store != to

    async def _move(self, row: ObjectRow, to: str, report: MoveReport) -> None:
        source, target = self._object_store(row.store), self._object_store(to)
        await self._require_space(target, row.length_bytes)
        try:
            if not await _has_full_length(source, row):
                report.damaged.append(row.key)
                return
            stored = await self._copier.copy(row, source, to)
        except NotFound:
            if await self._is_current(row):
                report.missing.append(row.key)
            return
        if row.sha256 not in {None, stored.sha256}:
            await target.delete(row.key)
            report.damaged.append(row.key)
            return
        try:
            await self._ledger.relocate(row.id, store=to, sha256=stored.sha256, length_bytes=stored.length_bytes)
        except NotFound:
            await target.delete(row.key)  # deleted meanwhile: garbage collection deletes the old copy
            return
        await source.delete(row.key)
        report.objects += 1
        report.length_bytes += row.length_bytes

    def _object_store(self, name: str) -> ObjectStore:
        self._stores.readable(name)  # raises `Unavailable` if it is not configured
        return self._stores.object_stores[name]

    async def _is_current(self, row: ObjectRow) -> bool:
        found = await self._ledger.find([row.id])
        return bool(found) and found[0].state == "live" and found[0].store == row.store

    async def _require_space(self, target: ObjectStore, length_bytes: int) -> None:
        """Raise `NoSpace` before a move fills the disk of the server."""
        if not isinstance(target, SupportsOpenFile):
            return
        if await self._stores.spool.free_bytes() - length_bytes < self._minimum_free_bytes:
            raise NoSpace("The disk is too full to move more objects. Moved objects stay moved.")

    async def _clear_leftovers(self, name: str, to: str) -> int:
        """Delete objects of a store that are, by their rows and with their full length, in the store `to`."""
        store, target, count = self._object_store(name), self._object_store(to), 0
        async for keys in key_batches(store):
            for row in await self._locations.in_store(to, keys):
                copy = await target.head(row.key)
                if copy is not None and copy.length_bytes == row.length_bytes:
                    await store.delete(row.key)
                    count += 1
        return count


async def _has_full_length(store: ObjectStore, row: ObjectRow) -> bool:
    """Whether the object in a store has the length of its row. Raises `NotFound` if there is none."""
    found = await store.head(row.key)
    if found is None:
        raise NotFound
    return found.length_bytes == row.length_bytes
