"""What is where: the objects that rows say are in each store. It reads rows only, never a store."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from streamtime.database.tables import objects
from streamtime.database.transaction import Database
from streamtime.objects.ledger import SPOOL, ObjectRow, object_row


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
