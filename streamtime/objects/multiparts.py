"""Uploads in parts that are under way, as rows: a kill or an outage costs one part, not the whole.

It knows which parts of which object have arrived where, and how to take back what is left of an upload. It sends
nothing by itself.
"""

import json
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, insert, select, update

from streamtime.clock import Clock
from streamtime.database.tables import multiparts, objects
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.objects.ledger import SPOOL, ObjectRow
from streamtime.objects.stores import Stores
from streamtime.storage.object_store import ObjectStore, PartInfo, SentInParts


@dataclass(frozen=True, slots=True)
class Multipart:
    """One upload under way, and its parts that have arrived."""

    object_id: int
    store: str
    upload_id: str
    part_bytes: int
    parts: tuple[PartInfo, ...] = ()

    @property
    def arrived(self) -> dict[int, PartInfo]:
        """The parts by number."""
        return {part.number: part for part in self.parts}


class Multiparts:
    """All uploads under way."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, object_id: int, store: str) -> Multipart | None:
        """The upload of an object into a store, if one was begun."""
        found = await self._select((multiparts.c.object_id == object_id) & (multiparts.c.store == store))
        return found[0] if found else None

    async def begin(self, upload: Multipart) -> None:
        """Note an upload that was just created; the object must be there still."""
        statement = insert(multiparts).values(
            object_id=upload.object_id,
            store=upload.store,
            upload_id=upload.upload_id,
            part_bytes=upload.part_bytes,
            parts=_written(upload),
            created_at_ms=self._clock.now_ms(),
        )

        async def body(tx: Transaction) -> None:
            await tx.execute(statement)

        await self._database.write(body)

    async def keep(self, upload: Multipart) -> None:
        """Note the parts that have arrived.

        Raises:
            NotFound: the object was deleted meanwhile: nobody needs the others.
        """
        wanted = select(objects.c.id).where(objects.c.id == upload.object_id, objects.c.state == "live")
        statement = update(multiparts).where(_is(upload), wanted.exists()).values(parts=_written(upload))

        async def body(tx: Transaction) -> None:
            if (await tx.execute(statement)).rowcount == 0:
                raise NotFound("The object was deleted while it was being carried.")

        await self._database.write(body)

    async def forget(self, upload: Multipart) -> None:
        """There is no such upload any more."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(multiparts).where(_is(upload)))

        await self._database.write(body)

    async def abort_left(self, row: ObjectRow, stores: Stores) -> None:
        """Take back every upload of an object that is to go: those noted, and one that was begun but never noted.

        Raises:
            Unavailable: a store is away; what it holds is taken back at the next call.
        """
        for upload in await self._select(multiparts.c.object_id == row.id):
            if upload.store in stores.settled:
                await stores.settled[upload.store].abort_multipart(row.key, upload.upload_id)
            await self.forget(upload)
        if row.store == SPOOL:  # it was on its way at most: once it has arrived nothing is left
            await abort_unknown(stores.destination, row.key)

    async def _select(self, condition: ColumnElement[bool]) -> list[Multipart]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(multiparts).where(condition))
            return [
                Multipart(row["object_id"], row["store"], row["upload_id"], row["part_bytes"], _parts(row["parts"]))
                for row in rows.mappings()
            ]


async def abort_unknown(store: ObjectStore, key: str, *, but: str = "") -> None:
    """Abort the uploads of a key that nobody knows of, such as one whose creation was answered to nobody."""
    if not isinstance(store, SentInParts):
        return
    left = [upload async for upload in store.list_multiparts(key)]
    for upload in left:
        if upload.key == key and upload.upload_id != but:
            await store.abort_multipart(key, upload.upload_id)


def _is(upload: Multipart) -> ColumnElement[bool]:
    return (multiparts.c.object_id == upload.object_id) & (multiparts.c.store == upload.store)


def _written(upload: Multipart) -> str:
    return json.dumps([[part.number, part.length_bytes, part.etag] for part in upload.parts])


def _parts(text: str) -> tuple[PartInfo, ...]:
    return tuple(PartInfo(*each) for each in json.loads(text))
