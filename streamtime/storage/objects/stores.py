"""The stores there are, by the names that rows give them. Mixed storage is a normal state: every row knows its own.

Whose bytes these are: the marker of this deployment, as a row and as an object in every store.

An unmounted disk looks like an empty store, and a database restored from last week does not know what this week
brought. Before anything is deleted, the store has to show our marker. It is written into a store once, when nothing
speaks against it; afterwards a store without it has been lost or changed, and nothing is deleted in it until an admin
takes it over. Reading and writing go on all the while.
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
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound, StreamtimeError, Unavailable
from streamtime.ids import public_id
from streamtime.storage.object_store import ObjectInfo, ObjectStore, SupportsOpenFile
from streamtime.storage.objects.ledger import QUERY_BATCH, SPOOL, Inventory
from streamtime.storage.spool import Spool


class Readable(Protocol):
    """What the spool and every object store have in common: bytes can be read and deleted by key."""

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        ...

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """These bytes in pieces; close it with `aclosing`."""
        ...

    async def head(self, key: str) -> ObjectInfo | None:
        """What is known of it, or None where there is none."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Every object whose key starts with the prefix."""
        ...

    async def delete(self, key: str) -> None:
        """Remove it; a missing one is a success."""
        ...


class Stores:
    """The spool, the store that new objects settle in, and any other that rows may still name."""

    def __init__(self, spool: Spool, object_stores: Mapping[str, ObjectStore], *, default_name: str) -> None:
        self.spool = spool
        self.default_name = default_name
        self._object_stores = object_stores
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @property
    def default(self) -> ObjectStore:
        """The store that new objects settle in."""
        return self._object_stores[self.default_name]

    @property
    def object_stores(self) -> Mapping[str, ObjectStore]:
        """All stores but the spool, by name."""
        return self._object_stores

    @property
    def names(self) -> list[str]:
        """The spool, then all others."""
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
        """Alone with the bytes of an object: who copies them and who deletes them wait for each other.

        A request that was sent is not taken back by a cancellation, and its object would appear after the deletion.
        """
        lock = self._locks.setdefault(object_id, asyncio.Lock())
        async with lock:
            yield


INTERNAL_PREFIXES = ("deployment/", "aside/")
"""Keys that no row stands for, and that are no strays."""

STORE_ID_KEY = "deployment/marker"


class StoreStatus(StrEnum):
    """How a store stands to this deployment."""

    OWNED = "ours"
    ID_MISSING = "lost"
    FOREIGN = "other"
    EMPTY = "empty"
    UNKNOWN_CONTENT = "strange"
    UNAVAILABLE = "away"


UNVERIFIED = frozenset({StoreStatus.ID_MISSING, StoreStatus.FOREIGN, StoreStatus.EMPTY, StoreStatus.UNKNOWN_CONTENT})
"""How a store stands in which nothing is deleted until it is taken over."""

_TAKE_OVER_HINT = "If it is the right one, take it over: `streamtime gc --take-over`."
_STATUS_MESSAGES = {
    StoreStatus.ID_MISSING: "The store {name} has lost the marker of this deployment. Is its disk mounted? "
    + _TAKE_OVER_HINT,
    StoreStatus.FOREIGN: "The store {name} belongs to another deployment, or to this one before a restore. "
    + _TAKE_OVER_HINT,
    StoreStatus.EMPTY: "The store {name} is empty, though videos should be there. Is its disk mounted? "
    + _TAKE_OVER_HINT,
    StoreStatus.UNKNOWN_CONTENT: "The store {name} holds what this database knows nothing of. " + _TAKE_OVER_HINT,
}


@dataclass(frozen=True, slots=True)
class DeploymentInfo:
    """The marker of this deployment, and when its database was restored from a backup, if it ever was."""

    store_id: str
    created_at_ms: int
    restored_at_ms: int | None


class StoreOwnership:
    """Knows what is ours."""

    def __init__(self, database: Database, inventory: Inventory, stores: Stores, clock: Clock) -> None:
        self._database = database
        self._inventory = inventory
        self._stores = stores
        self._clock = clock
        self.last_status: dict[str, StoreStatus] = {}
        """How each store stood when it was last looked at."""

    async def get_or_create(self) -> DeploymentInfo:
        """The deployment; its row is made where there is none yet."""
        table = tables.deployment
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
        """How a store stands. One that nothing speaks against and that has no marker yet gets it, if `note`."""
        try:
            standing = await self._check(name, record=record)
        except StreamtimeError:
            standing = StoreStatus.UNAVAILABLE
        self.last_status[name] = standing
        return standing

    async def require_owned(self, name: str, *, record: bool = True) -> None:
        """Return where things may be deleted in a store; `note` as for `look`.

        Raises:
            Unavailable: it does not answer, or is not known to be ours.
        """
        standing = await self.check(name, record=record)
        if standing is not StoreStatus.OWNED:
            raise Unavailable(
                status_message(name, standing), code="storage" if standing is StoreStatus.UNAVAILABLE else "marker"
            )

    async def take_over(self, name: str) -> None:
        """Say that a store is ours, whatever it holds: what this database does not know of may go from now on.

        Raises:
            Unavailable: the store cannot be written.
        """
        await self._write_id(name, (await self.get_or_create()).store_id)
        self.last_status[name] = StoreStatus.OWNED

    async def reset(self, tx: Transaction, *, restored_at_ms: int) -> None:
        """After a restore: a marker of its own, so that every store has to be looked at anew."""
        await tx.execute(delete(tables.marks))
        await tx.execute(delete(tables.deployment))
        await tx.execute(
            insert(tables.deployment).values(
                id=1, marker=public_id(), created_at_ms=self._clock.now_ms(), restored_at_ms=restored_at_ms
            )
        )

    async def _check(self, name: str, *, record: bool) -> StoreStatus:
        row, marked = await self.get_or_create(), await self._is_recorded(name)
        if name == SPOOL:
            present = row.store_id if marked else None  # a directory of ours beside the database needs no object in it
        else:
            present = await self._read_id(name)
        if present == row.store_id:
            if record and not marked:
                await self._write_id(name, row.store_id)
            return StoreStatus.OWNED
        if present is not None:
            return StoreStatus.FOREIGN
        if marked:
            return StoreStatus.ID_MISSING
        standing = await self._inspect_contents(name, strict=row.restored_at_ms is not None)
        if record and standing is StoreStatus.OWNED:
            await self._write_id(name, row.store_id)
        return standing

    async def _read_id(self, name: str) -> str | None:
        store = self._stores.readable(name)
        found = await store.head(STORE_ID_KEY)
        if found is None:
            return None
        with suppress(NotFound):
            if isinstance(store, SupportsOpenFile):  # opened anew: another disk may be mounted there by now
                file = await store.open_file(STORE_ID_KEY)
                data = await asyncio.to_thread(os.pread, file.descriptor, found.length_bytes, 0)
            else:
                data = await store.get_range(STORE_ID_KEY, 0, found.length_bytes)
            return data.decode(errors="replace")
        return None

    async def _inspect_contents(self, name: str, *, strict: bool) -> StoreStatus:
        """Of a store that never had our marker: keys are random, so an object that we know proves whose it is.

        After a restore that is not enough: the store may hold more than the backup knew of.
        """
        known = strange = 0
        async for keys in key_batches(self._stores.readable(name)):
            rows = await self._inventory.by_keys(keys)
            known, strange = known + len(rows), strange + len(keys) - len(rows)
            if (strict and strange) or (known and not strict):
                break
        if strange and (strict or not known):
            return StoreStatus.UNKNOWN_CONTENT
        expected = await self._inventory.live_objects(name, after_id=0, limit=1)
        return StoreStatus.EMPTY if expected and not known else StoreStatus.OWNED

    async def _is_recorded(self, name: str) -> bool:
        async with self._database.read() as connection:
            query = select(tables.marks.c.store).where(tables.marks.c.store == name)
            return (await connection.execute(query)).first() is not None

    async def _write_id(self, name: str, store_id: str) -> None:
        if name != SPOOL:
            self._stores.readable(name)
            await self._stores.object_stores[name].put(STORE_ID_KEY, store_id.encode())

        async def body(tx: Transaction) -> None:
            statement = upsert(tables.marks).values(store=name, marked_at_ms=self._clock.now_ms())
            await tx.execute(statement.on_conflict_do_nothing())

        await self._database.write(body)


def _row(found: RowMapping) -> DeploymentInfo:
    return DeploymentInfo(found["marker"], found["created_at_ms"], found["restored_at_ms"])


def status_message(name: str, status: StoreStatus) -> str:
    """What is the matter with a store, for people; nothing where it is ours."""
    if status is StoreStatus.OWNED:
        return ""
    if status is StoreStatus.UNAVAILABLE:
        return f"The store {name} does not answer."
    return _STATUS_MESSAGES[status].format(name=name)


async def key_batches(store: Readable) -> AsyncIterator[list[str]]:
    """The keys of a store that rows should stand for, some at a time."""
    some: list[str] = []
    async for info in store.list(""):
        if not info.key.startswith(INTERNAL_PREFIXES):
            some.append(info.key)
        if len(some) == QUERY_BATCH:
            yield some
            some = []
    if some:
        yield some
