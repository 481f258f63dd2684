"""Orphans: objects and multipart uploads in stores that have no row, and the quarantine of orphaned objects.

The table `strays` records since when an orphan is known and how often it was seen. Before an orphan is deleted it is
kept under `aside/<time>/<key>` in the same store; the time, in milliseconds since the epoch, is when it was moved
there, so that its age is known even without a row. The key of an orphaned upload contains its upload id.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database.tables.storage import orphans
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.storage.blocking import unavailable
from streamtime.storage.object_store import ObjectStore, SupportsRename
from streamtime.storage.objects.ledger import SPOOL
from streamtime.storage.objects.stores import Stores
from streamtime.storage.spool import Spool

MIN_PASSES = 2
"""Reconciliations that must have seen an orphan before it is moved."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """An orphan. `passes` is the number of reconciliations that saw it, including the current one."""

    key: str
    length_bytes: int
    first_seen_at_ms: int
    passes: int
    quarantined_at_ms: int | None

    def is_confirmed(self, *, now_ms: int, age_ms: int) -> bool:
        """Whether it has been known for `age_ms` and seen `MIN_PASSES` times."""
        return self.passes >= MIN_PASSES and now_ms - self.first_seen_at_ms >= age_ms


class Orphans:
    """The recorded orphans of all stores."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record_pass(self, store: str, found: Mapping[str, int], *, record: bool) -> list[Orphan]:
        """Count a reconciliation pass that found these keys, with their lengths, in a store.

        With `record` the result is written, and rows of orphans that are gone and not in quarantine are deleted.
        """
        now, before = self._clock.now_ms(), {orphan.key: orphan for orphan in await self._for_store(store)}
        counted = [_count_pass(before.get(key), key, size, now) for key, size in found.items()]
        if record:
            vanished = [key for key, orphan in before.items() if key not in found and orphan.quarantined_at_ms is None]
            await self._database.write(lambda tx: self._write(tx, store, before, counted, vanished))
        return counted

    async def mark_quarantined(self, store: str, key: str, at_ms: int) -> None:
        """Record that an orphan is in quarantine, or about to be moved there, with this time in its name."""
        await self._set_quarantined_at(store, key, at_ms)

    async def mark_restored(self, store: str, key: str) -> None:
        """Delete the record of a key that has a row after all."""
        await self.delete(store, [key])

    async def delete(self, store: str, keys: list[str]) -> None:
        """Delete the records of these keys."""

        async def body(tx: Transaction) -> None:
            for key in keys:
                await tx.execute(delete(orphans).where(orphans.c.store == store, orphans.c.key == key))

        if keys:
            await self._database.write(body)

    async def totals(self) -> dict[str, tuple[int, int, int]]:
        """For each store the number of observed orphans, of those in quarantine, and the bytes of all."""
        quarantined = func.count(orphans.c.put_aside_at_ms)
        query = select(
            orphans.c.store, func.count() - quarantined, quarantined, func.sum(orphans.c.bytes)
        ).group_by(orphans.c.store)  # fmt: skip
        async with self._database.read() as connection:
            return {store: (observed, put, size) for store, observed, put, size in await connection.execute(query)}

    async def _for_store(self, store: str) -> list[Orphan]:
        query = select(orphans).where(orphans.c.store == store)
        async with self._database.read() as connection:
            return [_orphan(row) for row in (await connection.execute(query)).mappings()]

    async def _set_quarantined_at(self, store: str, key: str, at_ms: int) -> None:
        statement = update(orphans).where(orphans.c.store == store, orphans.c.key == key)

        async def body(tx: Transaction) -> None:
            await tx.execute(statement.values(put_aside_at_ms=at_ms))

        await self._database.write(body)

    async def _write(
        self, tx: Transaction, store: str, before: Mapping[str, Orphan], counted: list[Orphan], vanished: list[str]
    ) -> None:
        new = [
            {"store": store, "key": o.key, "bytes": o.length_bytes, "first_seen_at_ms": o.first_seen_at_ms, "passes": 1}
            for o in counted
            if o.key not in before
        ]
        await tx.execute_many(insert(orphans), new)
        for orphan in counted:
            if orphan.key in before:
                same = update(orphans).where(orphans.c.store == store, orphans.c.key == orphan.key)
                await tx.execute(same.values(passes=orphan.passes, bytes=orphan.length_bytes))
        for key in vanished:
            await tx.execute(delete(orphans).where(orphans.c.store == store, orphans.c.key == key))


def _orphan(row: RowMapping) -> Orphan:
    return Orphan(row["key"], row["bytes"], row["first_seen_at_ms"], row["passes"], row["put_aside_at_ms"])


def _count_pass(before: Orphan | None, key: str, length_bytes: int, now_ms: int) -> Orphan:
    if before is None:
        return Orphan(key, length_bytes, now_ms, 1, None)
    return Orphan(key, length_bytes, before.first_seen_at_ms, before.passes + 1, before.quarantined_at_ms)


async def rename(store: ObjectStore | Spool, key: str, to: str) -> None:
    """Rename an object in any store, by a copy if the store cannot rename. It can be interrupted and repeated.

    Raises:
        NotFound: there is no such object.
        NoSpace, Unavailable: the store cannot do it now.
    """
    if isinstance(store, SupportsRename):
        await store.rename(key, to)
        return
    before = await store.head(key)
    if before is None:
        raise NotFound
    async with aclosing(store.stream(key)) as body:
        copied = await store.put(to, body)
    if copied.length_bytes != before.length_bytes:
        raise unavailable(f"The copy of {key!r} is shorter than the object.")
    await store.delete(key)


_NAME = re.compile(r"aside/(\d{1,15})/(.+)")


class OrphanQuarantine:
    """Moves orphans to quarantine, restores them, and deletes them."""

    def __init__(self, stores: Stores, orphans: Orphans, clock: Clock) -> None:
        self._stores = stores
        self._orphans = orphans
        self._clock = clock

    async def put(self, store: str, orphan: Orphan) -> str:
        """Move an orphan to quarantine; returns its name there. The row is written first, so it can be repeated."""
        at_ms = orphan.quarantined_at_ms or self._clock.now_ms()
        await self._orphans.mark_quarantined(store, orphan.key, at_ms)
        name = quarantine_key(orphan.key, at_ms)
        await rename(self._store(store), orphan.key, name)
        return name

    async def restore(self, store: str, name: str) -> None:
        """Move an object back to its key, since it has a row after all."""
        key = original_key(name)
        await rename(self._store(store), name, key)
        await self._orphans.mark_restored(store, key)

    async def delete(self, store: str, names: Collection[str]) -> None:
        """Delete objects from quarantine."""
        for name in names:
            await self._store(store).delete(name)
        await self._orphans.delete(store, [original_key(name) for name in names])

    def _store(self, name: str) -> ObjectStore | Spool:
        return self._stores.spool if name == SPOOL else self._stores.object_stores[name]


def quarantine_key(key: str, at_ms: int) -> str:
    """The name of an orphan in quarantine."""
    return f"aside/{at_ms}/{key}"


def original_key(name: str) -> str:
    """The key of an object in quarantine; empty if the name is not valid."""
    found = _NAME.fullmatch(name)
    return found[2] if found else ""


def quarantined_at_ms(name: str) -> int:
    """When the object was moved to quarantine; 0 if the name is not valid."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0
