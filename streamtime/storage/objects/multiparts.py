"""Uploads in parts that are under way, as rows: a kill or an outage costs one part, not the whole.

It knows which parts of which object have arrived where. It sends nothing by itself; what is left of an upload when its
object goes is taken back by `maintenance/garbage_collection.py`.
"""

import json
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, insert, select, update

from streamtime.clock import Clock
from streamtime.database.tables import multiparts, objects
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.storage.object_store import ObjectStore, PartInfo, SupportsPartSize


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """One upload under way, and its parts that have arrived."""

    object_id: int
    store: str
    upload_id: str
    part_bytes: int
    parts: tuple[PartInfo, ...] = ()

    @property
    def parts_by_number(self) -> dict[int, PartInfo]:
        """The parts by number."""
        return {part.number: part for part in self.parts}


class MultipartUploads:
    """All uploads under way."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, object_id: int, store: str) -> MultipartUpload | None:
        """The upload of an object into a store, if one was begun."""
        found = await self._select((multiparts.c.object_id == object_id) & (multiparts.c.store == store))
        return found[0] if found else None

    async def create(self, upload: MultipartUpload) -> None:
        """Note an upload that was just created; the object must be there still."""
        statement = insert(multiparts).values(
            object_id=upload.object_id,
            store=upload.store,
            upload_id=upload.upload_id,
            part_bytes=upload.part_bytes,
            parts=_encode_parts(upload),
            created_at_ms=self._clock.now_ms(),
        )

        async def body(tx: Transaction) -> None:
            await tx.execute(statement)

        await self._database.write(body)

    async def save_parts(self, upload: MultipartUpload) -> None:
        """Note the parts that have arrived.

        Raises:
            NotFound: the object was deleted meanwhile: nobody needs the others.
        """
        wanted = select(objects.c.id).where(objects.c.id == upload.object_id, objects.c.state == "live")
        statement = update(multiparts).where(_is(upload), wanted.exists()).values(parts=_encode_parts(upload))

        async def body(tx: Transaction) -> None:
            if (await tx.execute(statement)).rowcount == 0:
                raise NotFound("The object was deleted while it was being carried.")

        await self._database.write(body)

    async def delete(self, upload: MultipartUpload) -> None:
        """There is no such upload any more."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(multiparts).where(_is(upload)))

        await self._database.write(body)

    async def _select(self, condition: ColumnElement[bool]) -> list[MultipartUpload]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(multiparts).where(condition))
            return [
                MultipartUpload(
                    row["object_id"], row["store"], row["upload_id"], row["part_bytes"], _decode_parts(row["parts"])
                )
                for row in rows.mappings()
            ]


async def abort_stale(store: ObjectStore, key: str, *, except_id: str = "") -> None:
    """Abort the uploads of a key that nobody knows of, such as one whose creation was answered to nobody."""
    if not isinstance(store, SupportsPartSize):
        return
    left = [upload async for upload in store.list_multiparts(key)]
    for upload in left:
        if upload.key == key and upload.upload_id != except_id:
            await store.abort_multipart(key, upload.upload_id)


def _is(upload: MultipartUpload) -> ColumnElement[bool]:
    return (multiparts.c.object_id == upload.object_id) & (multiparts.c.store == upload.store)


def _encode_parts(upload: MultipartUpload) -> str:
    return json.dumps([[part.number, part.length_bytes, part.etag] for part in upload.parts])


def _decode_parts(text: str) -> tuple[PartInfo, ...]:
    return tuple(PartInfo(*each) for each in json.loads(text))
