"""The rows that stand for bytes: staged before the first byte, live when whole, doomed before the last one goes."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, insert, select, union, update
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database.tables import multiparts, objects, rendition_parts, uploads
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound

SPOOL = "spool"
"""The store of bytes that are still growing or have not settled yet."""


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """Where some bytes are. `sha256` is None until somebody has read them as a whole."""

    id: int
    store: str
    key: str
    state: str
    kind: str
    length_bytes: int
    sha256: bytes | None


class Ledger:
    """All objects, as rows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def stage(self, tx: Transaction, key: str, *, kind: str, owner_id: int) -> int:
        """Write down the intent to make an object in the spool; its bytes may be written after the commit."""
        statement = insert(objects).values(
            store=SPOOL, key=key, state="staging", kind=kind, owner_id=owner_id, created_at_ms=self._clock.now_ms()
        )
        return int((await tx.execute(statement.returning(objects.c.id))).scalar_one())

    async def complete(
        self, tx: Transaction, object_id: int, *, length_bytes: int, sha256: bytes | None = None
    ) -> None:
        """The object is whole and on disk, in the spool; `sha256` where somebody has added it up on the way."""
        statement = update(objects).where(objects.c.id == object_id, objects.c.state == "staging")
        await tx.execute(statement.values(state="live", bytes=length_bytes, sha256=sha256))

    async def relocate(self, object_id: int, *, store: str, sha256: bytes, length_bytes: int) -> None:
        """The object is read from another store from now on.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        statement = update(objects).where(objects.c.id == object_id, objects.c.state == "live")

        async def body(tx: Transaction) -> None:
            done = await tx.execute(statement.values(store=store, sha256=sha256, bytes=length_bytes))
            if done.rowcount == 0:
                raise NotFound("The object was deleted while it was being moved.")
            arrived = (multiparts.c.object_id == object_id) & (multiparts.c.store == store)
            await tx.execute(delete(multiparts).where(arrived))
            await tx.bump_epoch()

        await self._database.write(body)

    async def mark_for_deletion(self, tx: Transaction, object_ids: Collection[int]) -> None:
        """Mark objects for deletion: nobody reads them from this commit on."""
        await tx.execute(update(objects).where(objects.c.id.in_(object_ids)).values(state="doomed"))

    async def mark_unreferenced_for_deletion(self, tx: Transaction) -> int:
        """Doom what was staged and belongs to no upload and no rendition: nobody is making it any more."""
        wanted = union(select(uploads.c.object_id), select(rendition_parts.c.object_id))
        statement = update(objects).where(objects.c.state == "staging", objects.c.id.not_in(wanted))
        return int((await tx.execute(statement.values(state="doomed"))).rowcount)

    async def find(self, object_ids: Collection[int]) -> list[ObjectRow]:
        """These objects, as far as they exist."""
        return await self._select(objects.c.id.in_(object_ids))

    async def mark_staged_for_deletion(self, tx: Transaction, object_id: int) -> None:
        """Mark an object for deletion that never became whole; one that did is left alone."""
        await tx.execute(
            update(objects).where(objects.c.id == object_id, objects.c.state == "staging").values(state="doomed")
        )

    async def pending_deletion(self, *, after_id: int, limit: int) -> list[ObjectRow]:
        """Some objects whose bytes are to be deleted, in the order of their ids, from after `after_id` on."""
        return await self._select(and_(objects.c.state == "doomed", objects.c.id > after_id), limit=limit)

    async def has_pending_deletion(self, tx: Transaction) -> bool:
        """Whether there are bytes to be deleted, as the transaction sees it."""
        return (await tx.execute(select(objects.c.id).where(objects.c.state == "doomed").limit(1))).first() is not None

    async def delete_rows(self, object_ids: Collection[int]) -> None:
        """Drop the rows of objects whose bytes are gone."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(objects).where(objects.c.id.in_(object_ids), objects.c.state == "doomed"))

        await self._database.write(body)

    async def _select(self, condition: ColumnElement[bool], *, limit: int | None = None) -> list[ObjectRow]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(objects).where(condition).order_by(objects.c.id).limit(limit))
            return [object_row(row) for row in rows.mappings()]


def object_row(row: RowMapping) -> ObjectRow:
    """An object as its whole row says."""
    return ObjectRow(
        id=row["id"],
        store=row["store"],
        key=row["key"],
        state=row["state"],
        kind=row["kind"],
        length_bytes=row["bytes"],
        sha256=row["sha256"],
    )
