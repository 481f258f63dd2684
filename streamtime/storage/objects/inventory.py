"""All objects as those see them who look after bytes: which row stands for a key, what is due, what is damaged.

It reads rows and writes down what was found about their bytes; it knows no store.

What is where: the objects that rows say are in each store. It reads rows only, never a store.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from streamtime.clock import Clock
from streamtime.database.tables import multiparts, objects
from streamtime.database.transaction import Database, Transaction
from streamtime.storage.objects.ledger import SPOOL, ObjectRow, object_row


@dataclass(frozen=True, slots=True)
class StoreTotals:
    """How much a store holds of what is whole."""

    store: str
    objects: int
    length_bytes: int


class ObjectLocations:
    """Looks objects up by the store that they are in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def totals_by_store(self) -> list[StoreTotals]:
        """Each store that holds something whole, by name."""
        query = (
            select(objects.c.store, func.count(), func.coalesce(func.sum(objects.c.bytes), 0))
            .where(objects.c.state == "live")
            .group_by(objects.c.store)
            .order_by(objects.c.store)
        )
        async with self._database.read() as connection:
            return [StoreTotals(*row) for row in await connection.execute(query)]

    async def in_other_stores(self, store: str, *, after_id: int, limit: int) -> list[ObjectRow]:
        """Some settled objects that are in other stores than this one, in the order of their ids."""
        elsewhere = objects.c.store.not_in([store, SPOOL]) & (objects.c.id > after_id)
        return await self._live(elsewhere, limit=limit)

    async def in_store(self, store: str, keys: Sequence[str]) -> list[ObjectRow]:
        """The objects of that store which have one of these keys."""
        return await self._live((objects.c.store == store) & objects.c.key.in_(keys))

    async def _live(self, condition: ColumnElement[bool], *, limit: int | None = None) -> list[ObjectRow]:
        query = select(objects).where(condition, objects.c.state == "live").order_by(objects.c.id).limit(limit)
        async with self._database.read() as connection:
            return [object_row(row) for row in (await connection.execute(query)).mappings()]


QUERY_BATCH = 400
"""Keys of one query: SQLite allows 999 parameters in its older versions."""


@dataclass(frozen=True, slots=True)
class DamagedObject:
    """An object whose bytes are not what its row says, in words."""

    id: int
    store: str
    key: str
    kind: str
    message: str


class Inventory:
    """What is written down about all bytes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def by_keys(self, keys: Iterable[str]) -> dict[str, ObjectRow]:
        """The rows of these keys, as far as there are any. A key has one row at most: it is never used again."""
        found: dict[str, ObjectRow] = {}
        rest = iter(keys)
        while some := [*islice(rest, QUERY_BATCH)]:
            found |= {row.key: row for row in await self._select(objects.c.key.in_(some))}
        return found

    async def under_prefix(self, folder: str) -> list[ObjectRow]:
        """The rows of all keys that begin with `folder`, whatever their state."""
        return await self._select(objects.c.key.startswith(folder, autoescape=True))

    async def live_objects(self, store: str, *, after_id: int, limit: int = QUERY_BATCH) -> list[ObjectRow]:
        """Some whole objects of a store, in the order of their ids."""
        of_store = and_(objects.c.store == store, objects.c.state == "live", objects.c.id > after_id)
        return await self._select(of_store, limit=limit)

    async def next_to_scrub(self, stores: Collection[str], *, before_ms: int) -> ObjectRow | None:
        """The object of these stores that was re-read the longest ago, if that was before `before_ms` or never."""
        due = or_(objects.c.scrubbed_at_ms.is_(None), objects.c.scrubbed_at_ms < before_ms)
        of_stores = and_(objects.c.store.in_(stores), objects.c.state == "live", due)
        first = (objects.c.scrubbed_at_ms.is_not(None), objects.c.scrubbed_at_ms, objects.c.id)
        found = await self._select(of_stores, *first, limit=1)
        return found[0] if found else None

    async def is_current(self, row: ObjectRow) -> bool:
        """Whether the object is still whole and where `row` says."""
        same = and_(objects.c.id == row.id, objects.c.store == row.store, objects.c.state == "live")
        return bool(await self._select(same, limit=1))

    async def damaged(self) -> list[DamagedObject]:
        """All that is known to be damaged."""
        query = select(objects).where(objects.c.damage.is_not(None), objects.c.state == "live")
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(objects.c.id))).mappings()
            return [DamagedObject(row["id"], row["store"], row["key"], row["kind"], row["damage"]) for row in rows]

    async def totals(self) -> dict[str, tuple[int, int]]:
        """How many objects each state has, and how many bytes."""
        query = select(objects.c.state, func.count(), func.sum(objects.c.bytes)).group_by(objects.c.state)
        async with self._database.read() as connection:
            return {state: (count, size) for state, count, size in await connection.execute(query)}

    async def multipart_ids(self, store: str) -> set[str]:
        """The ids of the multipart uploads under way in a store."""
        query = select(multiparts.c.upload_id).where(multiparts.c.store == store)
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def active_multiparts(self, object_ids: Collection[int]) -> list[tuple[int, str]]:
        """Which of these objects are being sent in parts, and to which stores."""
        query = select(multiparts.c.object_id, multiparts.c.store).where(multiparts.c.object_id.in_(object_ids))
        async with self._database.read() as connection:
            return [(object_id, store) for object_id, store in await connection.execute(query)]

    async def set_damage(
        self,
        tx: Transaction,
        row: ObjectRow,
        message: str | None,
        *,
        sha256: bytes | None = None,
        scrubbed: bool = False,
    ) -> bool:
        """Write down what is wrong with an object (None: nothing), as the row says; whether it is still there."""
        values: dict[str, object] = {"damage": message}
        if scrubbed:
            values["scrubbed_at_ms"] = self._clock.now_ms()
        if sha256 is not None:
            values["sha256"] = sha256
        same = and_(objects.c.id == row.id, objects.c.store == row.store, objects.c.state == "live")
        return bool((await tx.execute(update(objects).where(same).values(**values))).rowcount)

    async def _select(
        self, condition: ColumnElement[bool], *order: ColumnElement[Any], limit: int | None = None
    ) -> list[ObjectRow]:
        query = select(objects).where(condition).order_by(*(order or (objects.c.id,))).limit(limit)
        async with self._database.read() as connection:
            return [object_row(row) for row in (await connection.execute(query)).mappings()]


def prefix_of(key: str) -> str:
    """What the keys of one video have in common: all but the last part."""
    folder, slash, _ = key.rpartition("/")
    return folder + slash


def group_by_prefix(rows: Sequence[ObjectRow]) -> dict[str, list[ObjectRow]]:
    """Rows by what their keys have in common."""
    found: dict[str, list[ObjectRow]] = {}
    for row in rows:
        found.setdefault(prefix_of(row.key), []).append(row)
    return found
