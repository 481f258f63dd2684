"""Whose bytes these are: the marker of this deployment, as a row and as an object in every store.

An unmounted disk looks like an empty store, and a database restored from last week does not know what this week
brought. Before anything is deleted, the store has to show our marker. It is written into a store once, when nothing
speaks against it; afterwards a store without it has been lost or changed, and nothing is deleted in it until an admin
takes it over. Reading and writing go on all the while.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound, StreamtimeError, Unavailable
from streamtime.ids import public_id
from streamtime.objects.inventory import AT_ONCE, Inventory
from streamtime.objects.ledger import SPOOL
from streamtime.objects.stores import Readable, Stores
from streamtime.storage.object_store import OpensFiles

OURS_ALONE = ("deployment/", "aside/")
"""Keys that no row stands for, and that are no strays."""

MARKER_KEY = "deployment/marker"


class Standing(StrEnum):
    """How a store stands to this deployment."""

    OURS = "ours"
    LOST = "lost"
    OTHER = "other"
    EMPTY = "empty"
    STRANGE = "strange"
    AWAY = "away"


NOT_OURS = frozenset({Standing.LOST, Standing.OTHER, Standing.EMPTY, Standing.STRANGE})
"""How a store stands in which nothing is deleted until it is taken over."""

_TAKE_OVER = "If it is the right one, take it over: `streamtime gc --take-over`."
_WORDS = {
    Standing.LOST: "The store {name} has lost the marker of this deployment. Is its disk mounted? " + _TAKE_OVER,
    Standing.OTHER: "The store {name} belongs to another deployment, or to this one before a restore. " + _TAKE_OVER,
    Standing.EMPTY: "The store {name} is empty, though videos should be there. Is its disk mounted? " + _TAKE_OVER,
    Standing.STRANGE: "The store {name} holds what this database knows nothing of. " + _TAKE_OVER,
}


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """The marker of this deployment, and when its database was restored from a backup, if it ever was."""

    marker: str
    created_at_ms: int
    restored_at_ms: int | None


class Deployment:
    """Knows what is ours."""

    def __init__(self, database: Database, inventory: Inventory, stores: Stores, clock: Clock) -> None:
        self._database = database
        self._inventory = inventory
        self._stores = stores
        self._clock = clock
        self.seen: dict[str, Standing] = {}
        """How each store stood when it was last looked at."""

    async def row(self) -> DeploymentRow:
        """The deployment; its row is made where there is none yet."""
        table = tables.deployment
        query = select(table.c.marker, table.c.created_at_ms, table.c.restored_at_ms)

        async def body(tx: Transaction) -> DeploymentRow:
            found = (await tx.execute(query)).mappings().first()
            if found is None:
                await tx.execute(insert(table).values(id=1, marker=public_id(), created_at_ms=self._clock.now_ms()))
                found = (await tx.execute(query)).mappings().one()
            return _row(found)

        async with self._database.read() as connection:
            found = (await connection.execute(query)).mappings().first()
        return _row(found) if found is not None else await self._database.write(body)

    async def look(self, name: str, *, note: bool = True) -> Standing:
        """How a store stands. One that nothing speaks against and that has no marker yet gets it, if `note`."""
        try:
            standing = await self._look(name, note=note)
        except StreamtimeError:
            standing = Standing.AWAY
        self.seen[name] = standing
        return standing

    async def require_ours(self, name: str, *, note: bool = True) -> None:
        """Return where things may be deleted in a store; `note` as for `look`.

        Raises:
            Unavailable: it does not answer, or is not known to be ours.
        """
        standing = await self.look(name, note=note)
        if standing is not Standing.OURS:
            raise Unavailable(words_for(name, standing), code="storage" if standing is Standing.AWAY else "marker")

    async def take_over(self, name: str) -> None:
        """Say that a store is ours, whatever it holds: what this database does not know of may go from now on.

        Raises:
            Unavailable: the store cannot be written.
        """
        await self._mark(name, (await self.row()).marker)
        self.seen[name] = Standing.OURS

    async def renew(self, tx: Transaction, *, restored_at_ms: int) -> None:
        """After a restore: a marker of its own, so that every store has to be looked at anew."""
        await tx.execute(delete(tables.marks))
        await tx.execute(delete(tables.deployment))
        await tx.execute(
            insert(tables.deployment).values(
                id=1, marker=public_id(), created_at_ms=self._clock.now_ms(), restored_at_ms=restored_at_ms
            )
        )

    async def _look(self, name: str, *, note: bool) -> Standing:
        row, marked = await self.row(), await self._is_marked(name)
        if name == SPOOL:
            present = row.marker if marked else None  # a directory of ours beside the database needs no object in it
        else:
            present = await self._present(name)
        if present == row.marker:
            if note and not marked:
                await self._mark(name, row.marker)
            return Standing.OURS
        if present is not None:
            return Standing.OTHER
        if marked:
            return Standing.LOST
        standing = await self._judge(name, strictly=row.restored_at_ms is not None)
        if note and standing is Standing.OURS:
            await self._mark(name, row.marker)
        return standing

    async def _present(self, name: str) -> str | None:
        store = self._stores.readable(name)
        found = await store.head(MARKER_KEY)
        if found is None:
            return None
        with suppress(NotFound):
            if isinstance(store, OpensFiles):  # opened anew: another disk may be mounted there by now
                file = await store.open_file(MARKER_KEY)
                data = await asyncio.to_thread(os.pread, file.descriptor, found.length_bytes, 0)
            else:
                data = await store.get_range(MARKER_KEY, 0, found.length_bytes)
            return data.decode(errors="replace")
        return None

    async def _judge(self, name: str, *, strictly: bool) -> Standing:
        """Of a store that never had our marker: keys are random, so an object that we know proves whose it is.

        After a restore that is not enough: the store may hold more than the backup knew of.
        """
        known = strange = 0
        async for keys in batches(self._stores.readable(name)):
            rows = await self._inventory.known(keys)
            known, strange = known + len(rows), strange + len(keys) - len(rows)
            if (strictly and strange) or (known and not strictly):
                break
        if strange and (strictly or not known):
            return Standing.STRANGE
        expected = await self._inventory.live_in(name, after_id=0, limit=1)
        return Standing.EMPTY if expected and not known else Standing.OURS

    async def _is_marked(self, name: str) -> bool:
        async with self._database.read() as connection:
            query = select(tables.marks.c.store).where(tables.marks.c.store == name)
            return (await connection.execute(query)).first() is not None

    async def _mark(self, name: str, marker: str) -> None:
        if name != SPOOL:
            self._stores.readable(name)
            await self._stores.settled[name].put(MARKER_KEY, marker.encode())

        async def body(tx: Transaction) -> None:
            statement = upsert(tables.marks).values(store=name, marked_at_ms=self._clock.now_ms())
            await tx.execute(statement.on_conflict_do_nothing())

        await self._database.write(body)


def _row(found: RowMapping) -> DeploymentRow:
    return DeploymentRow(found["marker"], found["created_at_ms"], found["restored_at_ms"])


def words_for(name: str, standing: Standing) -> str:
    """What is the matter with a store, for people; nothing where it is ours."""
    if standing is Standing.OURS:
        return ""
    if standing is Standing.AWAY:
        return f"The store {name} does not answer."
    return _WORDS[standing].format(name=name)


async def batches(store: Readable) -> AsyncIterator[list[str]]:
    """The keys of a store that rows should stand for, some at a time."""
    some: list[str] = []
    async for info in store.list(""):
        if not info.key.startswith(OURS_ALONE):
            some.append(info.key)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some
