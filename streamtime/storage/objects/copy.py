"""Copies objects between stores, and from the spool into the store where they stay. Interrupted copies are resumed.

Objects longer than one part are copied in parts, and every part that has arrived is recorded in the table `multiparts`,
so that an interruption costs at most one part. Garbage collection aborts the uploads of deleted objects.
"""

import asyncio
import hashlib
import json
from contextlib import aclosing
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, delete, insert, select, update

from streamtime.clock import Clock
from streamtime.database.tables.storage import multipart_uploads, objects
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NotFound, Unavailable
from streamtime.logging import get_logger
from streamtime.storage.object_store import (
    MAX_PART_NUMBER,
    ObjectStore,
    PartInfo,
    StoredObject,
    SupportsAdopt,
    SupportsPartSize,
)
from streamtime.storage.objects.ledger import SPOOL, Ledger, ObjectRow
from streamtime.storage.objects.stores import Readable, Stores


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """An unfinished multipart upload, and its parts that have arrived."""

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
    """The recorded multipart uploads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, object_id: int, store: str) -> MultipartUpload | None:
        """The unfinished upload of an object into a store, or None."""
        found = await self._select((multipart_uploads.c.object_id == object_id) & (multipart_uploads.c.store == store))
        return found[0] if found else None

    async def create(self, upload: MultipartUpload) -> None:
        """Record a new upload; the row of its object must exist."""
        statement = insert(multipart_uploads).values(
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
        """Record the parts that have arrived.

        Raises:
            NotFound: the object was deleted meanwhile.
        """
        wanted = select(objects.c.id).where(objects.c.id == upload.object_id, objects.c.state == "live")
        statement = update(multipart_uploads).where(_is(upload), wanted.exists()).values(parts=_encode_parts(upload))

        async def body(tx: Transaction) -> None:
            if (await tx.execute(statement)).rowcount == 0:
                raise NotFound("The object was deleted while it was being copied.")

        await self._database.write(body)

    async def delete(self, upload: MultipartUpload) -> None:
        """Delete the record of an upload that no longer exists."""

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(multipart_uploads).where(_is(upload)))

        await self._database.write(body)

    async def _select(self, condition: ColumnElement[bool]) -> list[MultipartUpload]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(multipart_uploads).where(condition))
            return [
                MultipartUpload(
                    row["object_id"], row["store"], row["upload_id"], row["part_bytes"], _decode_parts(row["parts"])
                )
                for row in rows.mappings()
            ]


async def abort_stale(store: ObjectStore, key: str, *, except_id: str = "") -> None:
    """Abort uploads of a key that are not recorded, for example because the server was killed in between."""
    if not isinstance(store, SupportsPartSize):
        return
    left = [upload async for upload in store.list_multiparts(key)]
    for upload in left:
        if upload.key == key and upload.upload_id != except_id:
            await store.abort_multipart(key, upload.upload_id)


def _is(upload: MultipartUpload) -> ColumnElement[bool]:
    return (multipart_uploads.c.object_id == upload.object_id) & (multipart_uploads.c.store == upload.store)


def _encode_parts(upload: MultipartUpload) -> str:
    return json.dumps([[part.number, part.length_bytes, part.etag] for part in upload.parts])


def _decode_parts(text: str) -> tuple[PartInfo, ...]:
    return tuple(PartInfo(*part) for part in json.loads(text))


MIB = 2**20

_log = get_logger("storage")


class ObjectCopier:
    """Copies objects between stores. It changes no object row, and deletes nothing but its own multipart uploads."""

    def __init__(self, multipart_uploads: MultipartUploads, stores: Stores, *, read_back: bool) -> None:
        self._multiparts = multipart_uploads
        self._stores = stores
        self._read_back = read_back

    async def copy(self, row: ObjectRow, source: Readable, to: str) -> StoredObject:
        """Copy an object into the store named `to` and verify it; returns its length and SHA-256.

        Raises:
            NotFound: the source has no such object.
            Unavailable, NoSpace: a store cannot do it now, or the copy differs. The next call resumes the copy.
        """
        target = self._stores.object_stores[to]
        if isinstance(target, SupportsPartSize) and row.length_bytes > target.part_bytes:
            stored = await self._copy_in_parts(row, source, to, target, target.part_bytes)
        else:
            async with aclosing(source.stream(row.key)) as body:
                stored = await target.put(row.key, body)
        await self._verify(row, to, stored)
        return stored

    async def _copy_in_parts(
        self, row: ObjectRow, source: Readable, to: str, target: ObjectStore, preferred_bytes: int
    ) -> StoredObject:
        upload = await self._multiparts.find(row.id, to) or await self._start_multipart(
            row, to, target, preferred_bytes
        )
        digest = hashlib.sha256()
        for number, offset in enumerate(range(0, row.length_bytes, upload.part_bytes), start=1):
            data = await source.get_range(row.key, offset, min(upload.part_bytes, row.length_bytes - offset))
            await asyncio.to_thread(digest.update, data)
            if number not in upload.parts_by_number:
                upload = await self._send(row, target, upload, number, data)
        await self._complete(row, target, upload)
        return StoredObject(row.key, row.length_bytes, sha256=digest.digest())

    async def _start_multipart(
        self, row: ObjectRow, to: str, target: ObjectStore, preferred_bytes: int
    ) -> MultipartUpload:
        await abort_stale(target, row.key)  # an earlier attempt was killed before it could record its upload
        upload_id = await target.create_multipart(row.key)
        upload = MultipartUpload(row.id, to, upload_id, part_size(row.length_bytes, preferred_bytes))
        await self._multiparts.create(upload)
        return upload

    async def _send(
        self, row: ObjectRow, target: ObjectStore, upload: MultipartUpload, number: int, data: bytes
    ) -> MultipartUpload:
        try:
            part = await target.upload_part(row.key, upload.upload_id, number, data)
        except NotFound as error:
            await self._multiparts.delete(upload)
            raise _retry_later("The store has dropped the upload.") from error
        upload = replace(upload, parts=(*upload.parts, part))
        await self._multiparts.save_parts(upload)
        return upload

    async def _complete(self, row: ObjectRow, target: ObjectStore, upload: MultipartUpload) -> None:
        try:
            await target.complete_multipart(row.key, upload.upload_id, upload.parts)
        except NotFound as error:
            if await target.head(row.key) is None:
                await self._multiparts.delete(upload)
                raise _retry_later("The store has dropped the upload.") from error
            # An earlier attempt completed it and was killed before the response.
        except Invalid as error:
            await target.abort_multipart(row.key, upload.upload_id)
            await self._multiparts.delete(upload)
            raise _retry_later("The store has lost a part of the upload.") from error
        await abort_stale(target, row.key)

    async def _verify(self, row: ObjectRow, to: str, stored: StoredObject) -> None:
        """Raise unless the store has the object with the right length and, with `read_back`, the right hash."""
        target = self._stores.object_stores[to]
        found = await target.head(row.key)
        matches = found is not None and found.length_bytes == stored.length_bytes == row.length_bytes
        if matches and self._read_back:
            matches = await _sha256(target, row.key) == stored.sha256
        if not matches:
            if upload := await self._multiparts.find(row.id, to):
                await self._multiparts.delete(upload)
            _log.error("copy_mismatch", object=row.id)
            raise _retry_later("The object in the store differs from the one that was sent.")


def part_size(length_bytes: int, preferred_bytes: int) -> int:
    """The part size: the preferred one, or as many whole MiB as are needed for at most 10,000 parts."""
    needed = -(-length_bytes // MAX_PART_NUMBER)
    return max(preferred_bytes, -(-needed // MIB) * MIB)


async def _sha256(store: ObjectStore, key: str) -> bytes:
    digest = hashlib.sha256()
    async with aclosing(store.stream(key)) as chunks:
        async for data in chunks:
            digest.update(data)
    return digest.digest()


def _retry_later(message: str) -> Unavailable:
    return Unavailable(f"{message} It is sent again.", code="storage")


class ObjectFinalizer:
    """Moves objects from the spool to the default store: copy or link, verify, switch the row, delete the file."""

    def __init__(self, ledger: Ledger, stores: Stores, copier: ObjectCopier) -> None:
        self._ledger = ledger
        self._stores = stores
        self._copier = copier

    async def finalize(self, row: ObjectRow) -> None:
        """Finalize one object. One that is finalized already, or deleted, is not an error.

        Raises:
            Unavailable, NoSpace: the store cannot take it now; nothing has changed.
        """
        async with self._stores.lock(row.id):
            for current in await self._ledger.find([row.id]):  # it may have changed while this waited for the lock
                if current.state == "live":
                    await self._finalize(current)

    async def _finalize(self, row: ObjectRow) -> None:
        if row.store == SPOOL:
            try:
                stored = await self._copy(row)
                await self._ledger.relocate(
                    row.id, store=self._stores.default_name, sha256=stored.sha256, length_bytes=stored.length_bytes
                )
            except NotFound:
                return  # deleted meanwhile: garbage collection deletes both copies, since they share the key
        await self._stores.spool.delete(row.key)  # also if an earlier attempt was interrupted just before this

    async def _copy(self, row: ObjectRow) -> StoredObject:
        spool, destination = self._stores.spool, self._stores.default
        if isinstance(destination, SupportsAdopt):
            return await destination.adopt(row.key, spool.path(row.key))
        return await self._copier.copy(row, spool, self._stores.default_name)
