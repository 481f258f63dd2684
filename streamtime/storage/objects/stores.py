"""The configured stores, and the store id: proof that a store belongs to this deployment.

An unmounted disk looks like an empty store, and a database restored from last week does not know the objects of this
week. Before anything is deleted in a store, it must contain the store id of this deployment (`STORE_ID_KEY`). The id
is written once, when the contents of the store fit the database. If it is missing later, reads and writes continue, but
nothing is deleted until an administrator takes the store over.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from weakref import WeakValueDictionary

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database.tables import storage as storage_tables
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound, StreamtimeError, Unavailable
from streamtime.ids import public_id
from streamtime.storage.object_store import ObjectInfo, ObjectStore, SupportsOpenFile
from streamtime.storage.objects.ledger import QUERY_BATCH, SPOOL, Inventory
from streamtime.storage.spool import Spool


class Readable(Protocol):
    """The operations that the spool and every object store share."""

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        ...

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        ...

    async def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        ...

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        ...


class Stores:
    """The spool, the default store of new objects, and the other stores that rows may still name."""

    def __init__(self, spool: Spool, object_stores: Mapping[str, ObjectStore], *, default_name: str) -> None:
        self.spool = spool
        self.default_name = default_name
        self._object_stores = object_stores
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @property
    def default(self) -> ObjectStore:
        """The store that new objects are copied to."""
        return self._object_stores[self.default_name]

    @property
    def object_stores(self) -> Mapping[str, ObjectStore]:
        """All stores but the spool, by name."""
        return self._object_stores

    @property
    def names(self) -> list[str]:
        """The names of all stores, the spool first."""
        return [SPOOL, *self._object_stores]

    def readable(self, store: str) -> Readable:
        """The store of that name.

        Raises:
            Unavailable: a row names a store that the configuration no longer has.
        """
        if store == SPOOL:
            return self.spool
        try:
            return self._object_stores[store]
        except KeyError:
            raise Unavailable(f"The store named {store} is not configured.", code="storage") from None

    @asynccontextmanager
    async def lock(self, object_id: int) -> AsyncIterator[None]:
        """Lock an object, so that copies and deletions of it wait for each other.

        A cancellation does not stop a request that was sent, and its object would appear after the deletion.
        """
        lock = self._locks.setdefault(object_id, asyncio.Lock())
        async with lock:
            yield


INTERNAL_PREFIXES = ("deployment/", "aside/")
"""Prefixes of keys that have no row and are not orphans."""

STORE_ID_KEY = "deployment/marker"


class StoreStatus(StrEnum):
    """Whether a store belongs to this deployment."""

    OWNED = "ours"
    ID_MISSING = "lost"
    FOREIGN = "other"
    EMPTY = "empty"
    UNKNOWN_CONTENT = "strange"
    UNAVAILABLE = "away"


UNVERIFIED = frozenset({StoreStatus.ID_MISSING, StoreStatus.FOREIGN, StoreStatus.EMPTY, StoreStatus.UNKNOWN_CONTENT})
"""The states in which nothing is deleted until an administrator takes the store over."""

_TAKE_OVER_HINT = "If it is the right one, take it over: `streamtime gc --take-over`."
_STATUS_MESSAGES = {
    StoreStatus.ID_MISSING: "The store {name} has lost its store id. Is its disk mounted? " + _TAKE_OVER_HINT,
    StoreStatus.FOREIGN: "The store {name} belongs to another deployment, or to this one before a restore. "
    + _TAKE_OVER_HINT,
    StoreStatus.EMPTY: "The store {name} is empty, though videos should be there. Is its disk mounted? "
    + _TAKE_OVER_HINT,
    StoreStatus.UNKNOWN_CONTENT: "The store {name} has objects that are not in this database. " + _TAKE_OVER_HINT,
}


@dataclass(frozen=True, slots=True)
class DeploymentInfo:
    """The store id of this deployment, and when its database was restored from a backup (None: never)."""

    store_id: str
    created_at_ms: int
    restored_at_ms: int | None


class StoreOwnership:
    """Checks and writes store ids."""

    def __init__(self, database: Database, inventory: Inventory, stores: Stores, clock: Clock) -> None:
        self._database = database
        self._inventory = inventory
        self.stores = stores
        self._clock = clock
        self.last_status: dict[str, StoreStatus] = {}
        """The result of the last check of each store, by name."""

    async def get_or_create(self) -> DeploymentInfo:
        """The row of this deployment; it is created if there is none."""
        table = storage_tables.store_identity
        query = select(table.c.marker, table.c.created_at_ms, table.c.restored_at_ms)

        async def body(tx: Transaction) -> DeploymentInfo:
            found = (await tx.execute(query)).mappings().first()
            if found is None:
                await tx.execute(insert(table).values(id=1, marker=public_id(), created_at_ms=self._clock.now_ms()))
                found = (await tx.execute(query)).mappings().one()
            return _row(found)

        async with self._database.read() as connection:
            found = (await connection.execute(query)).mappings().first()
        return _row(found) if found is not None else await self._database.write(body)

    async def check(self, name: str, *, record: bool = True) -> StoreStatus:
        """Check a store. With `record`, a store without an id gets one if its contents fit the database."""
        try:
            status = await self._check(name, record=record)
        except StreamtimeError:
            status = StoreStatus.UNAVAILABLE
        self.last_status[name] = status
        return status

    async def require_owned(self, name: str, *, record: bool = True) -> None:
        """Return if objects may be deleted in a store; `record` as for `check`.

        Raises:
            Unavailable: the store does not answer, or its id is missing or that of another deployment.
        """
        status = await self.check(name, record=record)
        if status is not StoreStatus.OWNED:
            raise Unavailable(
                status_message(name, status), code="storage" if status is StoreStatus.UNAVAILABLE else "marker"
            )

    async def take_over(self, name: str) -> None:
        """Write our id into a store, whatever it contains: objects unknown to this database may then be deleted.

        Raises:
            Unavailable: the store cannot be written.
        """
        await self._write_id(name, (await self.get_or_create()).store_id)
        self.last_status[name] = StoreStatus.OWNED

    async def reset(self, tx: Transaction, *, restored_at_ms: int) -> None:
        """After a restore: create a new store id, so that every store is checked again."""
        await tx.execute(delete(storage_tables.marked_stores))
        await tx.execute(delete(storage_tables.store_identity))
        await tx.execute(
            insert(storage_tables.store_identity).values(
                id=1, marker=public_id(), created_at_ms=self._clock.now_ms(), restored_at_ms=restored_at_ms
            )
        )

    async def _check(self, name: str, *, record: bool) -> StoreStatus:
        row, recorded = await self.get_or_create(), await self._is_recorded(name)
        if name == SPOOL:
            present = row.store_id if recorded else None  # the spool lies beside the database and has no id object
        else:
            present = await self._read_id(name)
        if present == row.store_id:
            if record and not recorded:
                await self._write_id(name, row.store_id)
            return StoreStatus.OWNED
        if present is not None:
            return StoreStatus.FOREIGN
        if recorded:
            return StoreStatus.ID_MISSING
        status = await self._inspect_contents(name, strict=row.restored_at_ms is not None)
        if record and status is StoreStatus.OWNED:
            await self._write_id(name, row.store_id)
        return status

    async def _read_id(self, name: str) -> str | None:
        store = self.stores.readable(name)
        found = await store.head(STORE_ID_KEY)
        if found is None:
            return None
        with suppress(NotFound):
            if isinstance(store, SupportsOpenFile):  # not from a cached descriptor: another disk may be mounted now
                file = await store.open_file(STORE_ID_KEY)
                data = await asyncio.to_thread(os.pread, file.descriptor, found.length_bytes, 0)
            else:
                data = await store.get_range(STORE_ID_KEY, 0, found.length_bytes)
            return data.decode(errors="replace")
        return None

    async def _inspect_contents(self, name: str, *, strict: bool) -> StoreStatus:
        """Compare a store that never had an id with the rows. Keys are random, so one known object proves ownership.

        After a restore (`strict`) that is not enough: the store may contain objects newer than the backup.
        """
        known = unknown = 0
        async for keys in key_batches(self.stores.readable(name)):
            rows = await self._inventory.by_keys(keys)
            known, unknown = known + len(rows), unknown + len(keys) - len(rows)
            if (strict and unknown) or (known and not strict):
                break
        if unknown and (strict or not known):
            return StoreStatus.UNKNOWN_CONTENT
        expected = await self._inventory.live_objects(name, after_id=0, limit=1)
        return StoreStatus.EMPTY if expected and not known else StoreStatus.OWNED

    async def _is_recorded(self, name: str) -> bool:
        async with self._database.read() as connection:
            query = select(storage_tables.marked_stores.c.store).where(storage_tables.marked_stores.c.store == name)
            return (await connection.execute(query)).first() is not None

    async def _write_id(self, name: str, store_id: str) -> None:
        if name != SPOOL:
            self.stores.readable(name)
            await self.stores.object_stores[name].put(STORE_ID_KEY, store_id.encode())

        async def body(tx: Transaction) -> None:
            statement = upsert(storage_tables.marked_stores).values(store=name, marked_at_ms=self._clock.now_ms())
            await tx.execute(statement.on_conflict_do_nothing())

        await self._database.write(body)


def _row(found: RowMapping) -> DeploymentInfo:
    return DeploymentInfo(found["marker"], found["created_at_ms"], found["restored_at_ms"])


def status_message(name: str, status: StoreStatus) -> str:
    """A message for users about a store that is not `OWNED`; empty if it is."""
    if status is StoreStatus.OWNED:
        return ""
    if status is StoreStatus.UNAVAILABLE:
        return f"The store {name} does not answer."
    return _STATUS_MESSAGES[status].format(name=name)


async def key_batches(store: Readable) -> AsyncIterator[list[str]]:
    """The keys of a store without the internal ones, in batches."""
    batch: list[str] = []
    async for info in store.list(""):
        if not info.key.startswith(INTERNAL_PREFIXES):
            batch.append(info.key)
        if len(batch) == QUERY_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
