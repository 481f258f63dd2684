"""Where strays lie for a while before they are deleted: `aside/<time>/<key>` in the store that they were found in.

The time is when they were put there, in milliseconds since the epoch, so that a name says how long it has to stay
even where no row remembers it.

What lies in stores and no row stands for: since when it is known, how often it was seen, when it was put aside.

It knows rows alone. A multipart upload counts as a stray as well; its key says so.

Gives an object another key in any store: at once where the store can, by a copy and a delete elsewhere.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database.tables import strays
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.storage.blocking import unavailable
from streamtime.storage.object_store import ObjectStore, SupportsRename
from streamtime.storage.objects.ledger import SPOOL
from streamtime.storage.objects.stores import Stores
from streamtime.storage.spool import Spool

MIN_PASSES = 2
"""Reconciliations that must have seen a stray before it is touched."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """One of them. `passes` counts the reconciliations that saw it, this one included."""

    key: str
    length_bytes: int
    first_seen_at_ms: int
    passes: int
    quarantined_at_ms: int | None

    def is_confirmed(self, *, now_ms: int, age_ms: int) -> bool:
        """Whether it has been known for so long, and seen so often, that it is no accident."""
        return self.passes >= MIN_PASSES and now_ms - self.first_seen_at_ms >= age_ms


class Orphans:
    """The strays of all stores."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record_pass(self, store: str, found: Mapping[str, int], *, record: bool) -> list[Orphan]:
        """These were found in a store, with their lengths: what is known of them, this time counted.

        With `note` it is written down, and what is not there any more and was not put aside is forgotten.
        """
        now, before = self._clock.now_ms(), {stray.key: stray for stray in await self._for_store(store)}
        counted = [_count_pass(before.get(key), key, size, now) for key, size in found.items()]
        if record:
            vanished = [key for key, stray in before.items() if key not in found and stray.quarantined_at_ms is None]
            await self._database.write(lambda tx: self._write(tx, store, before, counted, vanished))
        return counted

    async def mark_quarantined(self, store: str, key: str, at_ms: int) -> None:
        """It is moved aside, under this time, which may be later than the move."""
        await self._set_quarantined_at(store, key, at_ms)

    async def mark_restored(self, store: str, key: str) -> None:
        """It is no stray: a row stands for it."""
        await self.delete(store, [key])

    async def delete(self, store: str, keys: list[str]) -> None:
        """They are gone."""

        async def body(tx: Transaction) -> None:
            for key in keys:
                await tx.execute(delete(strays).where(strays.c.store == store, strays.c.key == key))

        if keys:
            await self._database.write(body)

    async def totals(self) -> dict[str, tuple[int, int, int]]:
        """Of each store: how many are watched, how many lie aside, and the bytes of all."""
        aside = func.count(strays.c.put_aside_at_ms)
        query = select(strays.c.store, func.count() - aside, aside, func.sum(strays.c.bytes)).group_by(strays.c.store)
        async with self._database.read() as connection:
            return {store: (watched, put, size) for store, watched, put, size in await connection.execute(query)}

    async def _for_store(self, store: str) -> list[Orphan]:
        query = select(strays).where(strays.c.store == store)
        async with self._database.read() as connection:
            return [_orphan(row) for row in (await connection.execute(query)).mappings()]

    async def _set_quarantined_at(self, store: str, key: str, at_ms: int) -> None:
        statement = update(strays).where(strays.c.store == store, strays.c.key == key)

        async def body(tx: Transaction) -> None:
            await tx.execute(statement.values(put_aside_at_ms=at_ms))

        await self._database.write(body)

    async def _write(
        self, tx: Transaction, store: str, before: Mapping[str, Orphan], counted: list[Orphan], vanished: list[str]
    ) -> None:
        new = [
            {"store": store, "key": s.key, "bytes": s.length_bytes, "first_seen_at_ms": s.first_seen_at_ms, "passes": 1}
            for s in counted
            if s.key not in before
        ]
        await tx.execute_many(insert(strays), new)
        for stray in counted:
            if stray.key in before:
                same = update(strays).where(strays.c.store == store, strays.c.key == stray.key)
                await tx.execute(same.values(passes=stray.passes, bytes=stray.length_bytes))
        for key in vanished:
            await tx.execute(delete(strays).where(strays.c.store == store, strays.c.key == key))


def _orphan(row: RowMapping) -> Orphan:
    return Orphan(row["key"], row["bytes"], row["first_seen_at_ms"], row["passes"], row["put_aside_at_ms"])


def _count_pass(before: Orphan | None, key: str, length_bytes: int, now_ms: int) -> Orphan:
    if before is None:
        return Orphan(key, length_bytes, now_ms, 1, None)
    return Orphan(key, length_bytes, before.first_seen_at_ms, before.passes + 1, before.quarantined_at_ms)


async def rename(store: ObjectStore | Spool, key: str, to: str) -> None:
    """Move an object to another key. Broken off, it leaves the old one, or both: it can be done again.

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
        raise unavailable(f"The copy of {key!r} came out shorter than the object.")
    await store.delete(key)


_NAME = re.compile(r"aside/(\d{1,15})/(.+)")


class OrphanQuarantine:
    """Moves strays out of the way, back, and at last out of the world."""

    def __init__(self, stores: Stores, orphans: Orphans, clock: Clock) -> None:
        self._stores = stores
        self._orphans = orphans
        self._clock = clock

    async def put(self, store: str, stray: Orphan) -> str:
        """Move it aside, and give its name there. The intent is written down first, so it can be done again."""
        at_ms = stray.quarantined_at_ms or self._clock.now_ms()
        await self._orphans.mark_quarantined(store, stray.key, at_ms)
        name = quarantine_key(stray.key, at_ms)
        await rename(self._store(store), stray.key, name)
        return name

    async def restore(self, store: str, name: str) -> None:
        """A row stands for it after all: give it its key again."""
        key = original_key(name)
        await rename(self._store(store), name, key)
        await self._orphans.mark_restored(store, key)

    async def delete(self, store: str, names: Collection[str]) -> None:
        """Delete them for good."""
        for name in names:
            await self._store(store).delete(name)
        await self._orphans.delete(store, [original_key(name) for name in names])

    def _store(self, name: str) -> ObjectStore | Spool:
        return self._stores.spool if name == SPOOL else self._stores.object_stores[name]


def quarantine_key(key: str, at_ms: int) -> str:
    """What a stray is called while it lies aside."""
    return f"aside/{at_ms}/{key}"


def original_key(name: str) -> str:
    """The key that it had; empty where the name is none of ours."""
    found = _NAME.fullmatch(name)
    return found[2] if found else ""


def quarantined_at_ms(name: str) -> int:
    """When it was put aside."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0
