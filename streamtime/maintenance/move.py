"""Moves objects from all other stores into one, beside a running server or without it.

Of each object the copy is written, read back and compared (`storage/objects/copy.py`); then its row is switched in
one transaction, and only then the old copy is deleted.
Keys stay the same, so nothing else has to change. It can be interrupted
and run again: an object is in one store or in the other, and a leftover copy is found by listing.
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
    """How far a move is. Totals grow where new objects settle in the old place meanwhile."""

    objects: int
    objects_total: int
    length_bytes: int
    bytes_total: int


@dataclass(slots=True)
class MoveReport:
    """What a move came to."""

    objects: int = 0
    length_bytes: int = 0
    leftovers: int = 0
    """Old copies of what an earlier move, broken off, had moved already."""
    missing: list[str] = field(default_factory=list)
    """Keys of objects that are not where their rows say."""
    damaged: list[str] = field(default_factory=list)
    """Keys of objects whose bytes are not those that were stored. They stay where they are."""

    @property
    def complete(self) -> bool:
        """Whether everything is where it should be."""
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
        """Bring everything that has settled elsewhere into the store `to`, the oldest first.

        What settles elsewhere while this goes on is taken along. What is still in the spool is left to settle.

        Raises:
            Invalid: there is no such store.
            NoSpace, Unavailable: a store cannot do it now; what was moved stays moved.
        """
        if to not in self._stores.object_stores:
            raise Invalid(f"There is no store named {to}.", field="to")
        moved = MoveReport()
        last_id = 0
        while rows := await self._locations.in_other_stores(to, after_id=last_id, limit=BATCH):
            for row in rows:
                on_progress(await self._progress(to, moved))
                await self._move(row, to, moved)
            last_id = rows[-1].id
        for name in self._stores.object_stores:
            if name != to:
                moved.leftovers += await self._clear_leftovers(name, to)
        on_progress(await self._progress(to, moved))
        return moved

    async def _progress(self, to: str, moved: MoveReport) -> MoveProgress:
        left = [holding for holding in await self._locations.totals_by_store() if self._is_left(holding.store, to)]
        objects, length_bytes = sum(each.objects for each in left), sum(each.length_bytes for each in left)
        return MoveProgress(
            moved.objects, moved.objects + objects, moved.length_bytes, moved.length_bytes + length_bytes
        )

    def _is_left(self, store: str, to: str) -> bool:
        return store in self._stores.object_stores and store != to

    async def _move(self, row: ObjectRow, to: str, moved: MoveReport) -> None:
        source, target = self._settled(row.store), self._settled(to)
        await self._require_space(target, row.length_bytes)
        try:
            if not await _has(source, row):
                moved.damaged.append(row.key)
                return
            stored = await self._copier.copy(row, source, to)
        except NotFound:
            if await self._is_current(row):
                moved.missing.append(row.key)
            return
        if row.sha256 not in {None, stored.sha256}:
            await target.delete(row.key)
            moved.damaged.append(row.key)
            return
        try:
            await self._ledger.relocate(row.id, store=to, sha256=stored.sha256, length_bytes=stored.length_bytes)
        except NotFound:
            await target.delete(row.key)  # deleted meanwhile: the old copy is the collector's
            return
        await source.delete(row.key)
        moved.objects += 1
        moved.length_bytes += row.length_bytes

    def _settled(self, name: str) -> ObjectStore:
        self._stores.readable(name)  # says so where it is not configured
        return self._stores.object_stores[name]

    async def _is_current(self, row: ObjectRow) -> bool:
        found = await self._ledger.find([row.id])
        return bool(found) and found[0].state == "live" and found[0].store == row.store

    async def _require_space(self, target: ObjectStore, length_bytes: int) -> None:
        """A move must not fill the disk that the server works on."""
        if not isinstance(target, SupportsOpenFile):
            return
        if await self._stores.spool.free_bytes() - length_bytes < self._minimum_free_bytes:
            raise NoSpace("The disk has no room for more. What was moved stays moved.")

    async def _clear_leftovers(self, name: str, to: str) -> int:
        """Delete from a store what is, by its row and in full length, in the store `to`."""
        store, target, count = self._settled(name), self._settled(to), 0
        async for keys in key_batches(store):
            for row in await self._locations.in_store(to, keys):
                there = await target.head(row.key)
                if there is not None and there.length_bytes == row.length_bytes:
                    await store.delete(row.key)
                    count += 1
        return count


async def _has(store: ObjectStore, row: ObjectRow) -> bool:
    """Whether a store has an object in its full length. Raises `NotFound` where it has none."""
    found = await store.head(row.key)
    if found is None:
        raise NotFound
    return found.length_bytes == row.length_bytes
