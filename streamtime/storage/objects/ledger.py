"""The rows of objects: their life cycle, where they are, and what is known about their condition.

An object is `staging` before its first byte is written, `live` when it is complete, and `doomed` (pending deletion)
before its bytes are deleted. Nothing here accesses a store.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, union, update
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database.tables.storage import multipart_uploads, objects
from streamtime.database.tables.videos import rendition_parts, uploads
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound

SPOOL = "spool"
"""The name of the spool in rows: objects that still grow, or are not yet copied to their final store."""


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """An object. `sha256` is None until the object was read as a whole."""

    id: int
    store: str
    key: str
    state: str
    kind: str
    length_bytes: int
    sha256: bytes | None


class Ledger:
    """Creates objects and changes their state."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def stage(self, tx: Transaction, key: str, *, kind: str, owner_id: int) -> int:
        """Create the row of a new object in the spool; its bytes may be written after the commit."""
        statement = insert(objects).values(
            store=SPOOL, key=key, state="staging", kind=kind, owner_id=owner_id, created_at_ms=self._clock.now_ms()
        )
        return int((await tx.execute(statement.returning(objects.c.id))).scalar_one())

    async def complete(
        self, tx: Transaction, object_id: int, *, length_bytes: int, sha256: bytes | None = None
    ) -> None:
        """Mark an object as live: it is complete and on disk in the spool; `sha256` if it is already known."""
        statement = update(objects).where(objects.c.id == object_id, objects.c.state == "staging")
        await tx.execute(statement.values(state="live", bytes=length_bytes, sha256=sha256))

    async def relocate(self, object_id: int, *, store: str, sha256: bytes, length_bytes: int) -> None:
        """Switch the object to another store, which has a complete copy.

        Raises:
            NotFound: the object was deleted meanwhile.
        """
        statement = update(objects).where(objects.c.id == object_id, objects.c.state == "live")

        async def body(tx: Transaction) -> None:
            done = await tx.execute(statement.values(store=store, sha256=sha256, bytes=length_bytes))
            if done.rowcount == 0:
                raise NotFound("The object was deleted while it was being moved.")
            arrived = (multipart_uploads.c.object_id == object_id) & (multipart_uploads.c.store == store)
            await tx.execute(delete(multipart_uploads).where(arrived))
            await tx.bump_epoch()

        await self._database.write(body)

    async def mark_for_deletion(self, tx: Transaction, object_ids: Collection[int]) -> None:
        """Mark objects for deletion: they are not read after this commit."""
        await tx.execute(update(objects).where(objects.c.id.in_(object_ids)).values(state="doomed"))

    async def mark_unreferenced_for_deletion(self, tx: Transaction) -> int:
        """Mark staged objects for deletion that belong to no upload and no rendition; returns their number."""
        wanted = union(select(uploads.c.object_id), select(rendition_parts.c.object_id))
        statement = update(objects).where(objects.c.state == "staging", objects.c.id.not_in(wanted))
        return int((await tx.execute(statement.values(state="doomed"))).rowcount)

    async def find(self, object_ids: Collection[int]) -> list[ObjectRow]:
        """The objects with these ids that exist."""
        return await self._select(objects.c.id.in_(object_ids))

    async def mark_staged_for_deletion(self, tx: Transaction, object_id: int) -> None:
        """Mark an object for deletion if it is still staged."""
        await tx.execute(
            update(objects).where(objects.c.id == object_id, objects.c.state == "staging").values(state="doomed")
        )

    async def pending_deletion(self, *, after_id: int, limit: int) -> list[ObjectRow]:
        """A batch of objects pending deletion, ordered by id, after `after_id`."""
        return await self._select(and_(objects.c.state == "doomed", objects.c.id > after_id), limit=limit)

    async def has_pending_deletion(self, tx: Transaction) -> bool:
        """Whether any object is pending deletion, as the transaction sees it."""
        return (await tx.execute(select(objects.c.id).where(objects.c.state == "doomed").limit(1))).first() is not None

    async def delete_rows(self, object_ids: Collection[int]) -> None:
        """Delete the rows of objects whose bytes are deleted."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(objects).where(objects.c.id.in_(object_ids), objects.c.state == "doomed"))

        await self._database.write(body)

    async def _select(self, condition: ColumnElement[bool], *, limit: int | None = None) -> list[ObjectRow]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(objects).where(condition).order_by(objects.c.id).limit(limit))
            return [object_row(row) for row in rows.mappings()]


def object_row(row: RowMapping) -> ObjectRow:
    """Convert a row with all columns."""
    return ObjectRow(
        id=row["id"],
        store=row["store"],
        key=row["key"],
        state=row["state"],
        kind=row["kind"],
        length_bytes=row["bytes"],
        sha256=row["sha256"],
    )


@dataclass(frozen=True, slots=True)
class StoreTotals:
    """The number and size of the live objects of a store."""

    store: str
    objects: int
    length_bytes: int


class ObjectLocations:
    """Looks up objects by store, according to the rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def totals_by_store(self) -> list[StoreTotals]:
        """The totals of each store with live objects, ordered by name."""
        query = (
            select(objects.c.store, func.count(), func.coalesce(func.sum(objects.c.bytes), 0))
            .where(objects.c.state == "live")
            .group_by(objects.c.store)
            .order_by(objects.c.store)
        )
        async with self._database.read() as connection:
            return [StoreTotals(*row) for row in await connection.execute(query)]

    async def in_other_stores(self, store: str, *, after_id: int, limit: int) -> list[ObjectRow]:
        """A batch of live objects in other stores, the spool excluded, ordered by id, after `after_id`."""
        elsewhere = objects.c.store.not_in([store, SPOOL]) & (objects.c.id > after_id)
        return await self._live(elsewhere, limit=limit)

    async def in_store(self, store: str, keys: Sequence[str]) -> list[ObjectRow]:
        """The live objects of a store with one of these keys."""
        return await self._live((objects.c.store == store) & objects.c.key.in_(keys))

    async def _live(self, condition: ColumnElement[bool], *, limit: int | None = None) -> list[ObjectRow]:
        query = select(objects).where(condition, objects.c.state == "live").order_by(objects.c.id).limit(limit)
        async with self._database.read() as connection:
            return [object_row(row) for row in (await connection.execute(query)).mappings()]


QUERY_BATCH = 400
"""Keys per query: older versions of SQLite allow 999 parameters."""


@dataclass(frozen=True, slots=True)
class DamagedObject:
    """An object whose bytes do not match its row, and how, as a message."""

    id: int
    store: str
    key: str
    kind: str
    message: str


class Inventory:
    """Finds objects for storage maintenance, and records damage."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def stored_since(self, at_ms: int) -> int:
        """The bytes of the live objects that were created since then."""
        recent = (objects.c.state == "live") & (objects.c.created_at_ms >= at_ms)
        async with self._database.read() as connection:
            total = await connection.execute(select(func.coalesce(func.sum(objects.c.bytes), 0)).where(recent))
            return int(total.scalar_one())

    async def newest_ms(self) -> int:
        """When the newest live object was created; 0 if there is none."""
        newest = select(func.coalesce(func.max(objects.c.created_at_ms), 0)).where(objects.c.state == "live")
        async with self._database.read() as connection:
            return int((await connection.execute(newest)).scalar_one())

    async def by_keys(self, keys: Iterable[str]) -> dict[str, ObjectRow]:
        """The existing rows of these keys. A key has at most one row, since keys are never reused."""
        found: dict[str, ObjectRow] = {}
        remaining = iter(keys)
        while batch := [*islice(remaining, QUERY_BATCH)]:
            found |= {row.key: row for row in await self._select(objects.c.key.in_(batch))}
        return found

    async def under_prefix(self, folder: str) -> list[ObjectRow]:
        """The rows of all keys that begin with `folder`, in any state."""
        return await self._select(objects.c.key.startswith(folder, autoescape=True))

    async def live_objects(self, store: str, *, after_id: int, limit: int = QUERY_BATCH) -> list[ObjectRow]:
        """A batch of live objects of a store, ordered by id, after `after_id`."""
        of_store = and_(objects.c.store == store, objects.c.state == "live", objects.c.id > after_id)
        return await self._select(of_store, limit=limit)

    async def next_to_scrub(self, stores: Collection[str], *, before_ms: int) -> ObjectRow | None:
        """The object of these stores whose last scrub was the longest ago, if it was before `before_ms` or never."""
        due = or_(objects.c.scrubbed_at_ms.is_(None), objects.c.scrubbed_at_ms < before_ms)
        of_stores = and_(objects.c.store.in_(stores), objects.c.state == "live", due)
        first = (objects.c.scrubbed_at_ms.is_not(None), objects.c.scrubbed_at_ms, objects.c.id)
        found = await self._select(of_stores, *first, limit=1)
        return found[0] if found else None

    async def is_current(self, row: ObjectRow) -> bool:
        """Whether the object is still live and in the store of `row`."""
        same = and_(objects.c.id == row.id, objects.c.store == row.store, objects.c.state == "live")
        return bool(await self._select(same, limit=1))

    async def damaged(self) -> list[DamagedObject]:
        """All live objects with known damage."""
        query = select(objects).where(objects.c.damage.is_not(None), objects.c.state == "live")
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(objects.c.id))).mappings()
            return [DamagedObject(row["id"], row["store"], row["key"], row["kind"], row["damage"]) for row in rows]

    async def totals(self) -> dict[str, tuple[int, int]]:
        """The number of objects and bytes in each state."""
        query = select(objects.c.state, func.count(), func.sum(objects.c.bytes)).group_by(objects.c.state)
        async with self._database.read() as connection:
            return {state: (count, size) for state, count, size in await connection.execute(query)}

    async def multipart_ids(self, store: str) -> set[str]:
        """The ids of the recorded multipart uploads of a store."""
        query = select(multipart_uploads.c.upload_id).where(multipart_uploads.c.store == store)
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def active_multiparts(self, object_ids: Collection[int]) -> list[tuple[int, str]]:
        """Recorded multipart uploads of these objects, as pairs of object id and store."""
        query = select(multipart_uploads.c.object_id, multipart_uploads.c.store).where(
            multipart_uploads.c.object_id.in_(object_ids)
        )
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
        """Record the damage of an object (None: none); returns False if it is no longer in the store of `row`."""
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
    """The common prefix of the keys of one video: everything up to the last slash."""
    folder, slash, _ = key.rpartition("/")
    return folder + slash


def group_by_prefix(rows: Sequence[ObjectRow]) -> dict[str, list[ObjectRow]]:
    """Group rows by the prefix of their keys."""
    found: dict[str, list[ObjectRow]] = {}
    for row in rows:
        found.setdefault(prefix_of(row.key), []).append(row)
    return found
