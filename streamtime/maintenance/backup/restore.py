"""Brings a deployment back from a backup: a database that knows where its bytes are, and the bytes that it carried.

Everything is prepared in a copy beside the place; only when all is well does it take the place. The database gets a
marker of its own, so that it deletes nothing in a store that has gone on without it.

What a restored database has to be told of the world that it wakes up in: which bytes are there, and which are not.

Written into the copy before it takes its place, in one transaction.

A copy of the database alone, read like a backup: its objects are those that lie in the stores already.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import delete, select, update

from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.copies import is_database
from streamtime.database.migrate import migrate, migrations_folder, newest_revision, present_revision
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import ConfigError, Conflict, Invalid, StreamtimeError
from streamtime.maintenance.backup import database_file
from streamtime.maintenance.backup.archive import DATABASE, OBJECTS, BackupObject, open_archive
from streamtime.maintenance.backup.automatic import verify_named_digest
from streamtime.maintenance.reconcile import MISSING
from streamtime.storage.objects.ledger import SPOOL, Inventory
from streamtime.storage.objects.stores import StoreOwnership, Stores, StoreStatus
from streamtime.videos.damage import DamageReporter
from streamtime.videos.events import Timeline


@dataclass(slots=True)
class RestorePlan:
    """Where the objects of a backup are, and what of uploads that were under way has arrived."""

    listed: Mapping[str, Mapping[str, int]]
    """Keys and lengths of each store that answered."""
    moved: dict[int, str] = field(default_factory=dict)
    """Objects that are in another store than their row says."""
    to_restore: list[BackupObject] = field(default_factory=list)
    """Objects whose bytes come out of the backup."""
    missing: list[BackupObject] = field(default_factory=list)
    upload_offsets: dict[int, int] = field(default_factory=dict)
    """How far uploads can go on from, where that is less than their rows say; by object."""

    def locate(self, one: BackupObject) -> None:
        """Look for an object and note what has to be done about it. Keys never change: any store will do."""
        places = [name for name in (one.store, *self.listed) if self.listed.get(name, {}).get(one.key) == one.bytes]
        if one.state == "staging":
            self._find_upload(one)
        elif places:
            if places[0] != one.store:
                self.moved[one.id] = places[0]
        elif one.held:
            self.to_restore.append(one)
        else:
            self.missing.append(one)

    def _find_upload(self, one: BackupObject) -> None:
        there = self.listed.get(SPOOL, {}).get(one.key)
        if there is not None and there >= one.bytes:
            return
        if one.held:
            self.to_restore.append(one)
        else:
            self.upload_offsets[one.id] = there or 0


async def apply_plan(tx: Transaction, plan: RestorePlan, *, growing: Sequence[int]) -> None:
    """Write it down. `growing` are renditions in the making of which no byte is left: they are begun anew."""
    objects, uploads, renditions = tables.objects, tables.uploads, tables.renditions
    for object_id, store in plan.moved.items():
        await tx.execute(update(objects).where(objects.c.id == object_id).values(store=store))
    for one in plan.to_restore:
        if one.state == "live" and one.sha256 is not None:
            same = update(objects).where(objects.c.id == one.id)
            await tx.execute(same.values(sha256=bytes.fromhex(one.sha256), damage=None))
    for one in plan.missing:
        await tx.execute(update(objects).where(objects.c.id == one.id).values(damage=MISSING))
    for object_id, offset in plan.upload_offsets.items():
        await tx.execute(update(uploads).where(uploads.c.object_id == object_id).values(offset_bytes=offset))
    await tx.execute(update(renditions).where(renditions.c.id.in_(growing)).values(segment_index=None))
    for table in (tables.holds, tables.strays, tables.upkeep, tables.multiparts):
        await tx.execute(delete(table))  # they speak of stores as they were
    await tx.bump_epoch()


async def renditions_without_bytes(tx: Transaction, spooled: Mapping[str, int]) -> list[int]:
    """Renditions in the making whose bytes are not in the spool."""
    parts, renditions, objects = tables.rendition_parts, tables.renditions, tables.objects
    query = (
        select(renditions.c.id, objects.c.key)
        .select_from(
            renditions.join(parts, parts.c.rendition_id == renditions.c.id).join(
                objects, parts.c.object_id == objects.c.id
            )
        )
        .where(renditions.c.state == "growing")
    )
    return [row.id for row in await tx.execute(query) if row.key not in spooled]


class DatabaseCopyReader:
    """A copy of a database: an automatic one, one from before a migration, or one that was put aside.

    Raises:
        Invalid: it is no database of Streamtime, or is damaged.
    """

    version = "unknown"
    """Copies do not say which version wrote them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        verify_named_digest(path)
        database_file.check(path)
        try:
            found = present_revision(path, offline=True)
        except ConfigError as error:
            raise Invalid(f"{path} cannot be read: the file is damaged.") from error
        if found is None:
            raise Invalid(f"{path} is a database, but none of Streamtime.")
        self.schema = found

    def save_database(self, target: Path) -> None:
        """Write it to a new file, with what is in a write-ahead log beside it; on disk when this returns.

        Raises:
            Invalid: it cannot be read whole.
        """
        shutil.copyfile(self._path, target)
        log = self._path.with_name(f"{self._path.name}-wal")
        if log.exists():
            shutil.copyfile(log, target.with_name(f"{target.name}-wal"))
        try:
            with closing(sqlite3.connect(target, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.DatabaseError as error:
            raise Invalid(f"{self._path} cannot be read: {error}.") from error
        with target.open("rb") as file:
            os.fsync(file.fileno())

    def objects(self, database: Path) -> list[BackupObject]:
        """The objects that it stands for; `database` is the copy that was saved, brought to the newest schema."""
        return database_file.referenced_objects(database)

    def read(self, name: str) -> Iterator[bytes]:
        """A copy holds no objects. Raises `Invalid`."""
        raise Invalid(f"{name} is not in {self._path}, which is the database alone.")


class RestoreSource(Protocol):
    """What can be restored: a backup, or a copy of the database alone."""

    schema: str
    version: str

    def save_database(self, target: Path) -> None:
        """Write its database to a new file."""
        ...

    def objects(self, database: Path) -> list[BackupObject]:
        """The objects that its database stands for; `database` is what was saved, at the newest schema."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of an object that it holds."""
        ...


@contextmanager
def open_restore_source(path: Path) -> Iterator[RestoreSource]:
    """Open a backup, or a copy of the database alone.

    Raises:
        Invalid: it is neither, was broken off, or is damaged.
    """
    if is_database(path):
        yield DatabaseCopyReader(path)
    else:
        with open_archive(path) as reader:
            yield reader


ProgressCallback = Callable[[str, int, int], None]
"""Words for what is being done, bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What came of it. `missing` names objects by what they are to their videos."""

    objects: int
    restored: int
    missing: list[str]
    store_statuses: dict[str, StoreStatus]


class MissingObjects(Conflict):
    """Objects that the backup needs are nowhere; `names` tell which."""

    code = "missing"

    def __init__(self, names: list[str]) -> None:
        count = len(names)
        super().__init__(
            f"{count} {'object' if count == 1 else 'objects'} that the backup needs "
            f"{'is' if count == 1 else 'are'} in no store. Nothing was changed; "
            "--allow-missing restores the rest all the same."
        )
        self.names = names


class Restorer:
    """Restores into one data directory; its caller holds the server's lock."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock

    async def prepare(
        self, reader: RestoreSource, folder: Path, on_progress: ProgressCallback, *, allow_missing: bool
    ) -> RestoreResult:
        """Make `streamtime.db` in `folder` of the backup, and put the objects that it holds into their stores.

        Raises:
            Invalid: the backup is damaged.
            Conflict: it is of a newer version; or objects are missing (`Missing`), and that is not allowed.
            Unavailable: a store does not answer.
        """
        check_schema(reader)
        path = folder / DATABASE
        on_progress("Reading the database", 0, 0)
        await asyncio.to_thread(reader.save_database, path)
        await asyncio.to_thread(database_file.check, path)
        await asyncio.to_thread(migrate, path, now_ms=self._clock.now_ms())
        database = Database(path)
        try:
            objects = await asyncio.to_thread(reader.objects, path)
            return await self._fill(database, reader, objects, on_progress, allow_missing=allow_missing)
        finally:
            await database.close()

    async def _fill(
        self,
        database: Database,
        reader: RestoreSource,
        objects: list[BackupObject],
        on_progress: ProgressCallback,
        *,
        allow_missing: bool,
    ) -> RestoreResult:
        on_progress("Looking for the objects", 0, 0)
        where = RestorePlan(await self._listed(tolerant=allow_missing))
        for one in objects:
            where.locate(one)
        damage = DamageReporter(database, Timeline(database, self._clock))
        if where.missing and not allow_missing:
            raise MissingObjects(await _names(damage, where.missing))
        placed = await self._place(reader, where, on_progress)
        await self._create_empty_files(objects, where)
        if where.missing and not allow_missing:
            raise MissingObjects(await _names(damage, where.missing))
        inventory = Inventory(database, self._clock)
        deployment = StoreOwnership(database, inventory, self._stores, self._clock)

        async def body(tx: Transaction) -> None:
            gone = await renditions_without_bytes(tx, where.listed.get(SPOOL, {}))
            await apply_plan(tx, where, growing=gone)
            await deployment.reset(tx, restored_at_ms=self._clock.now_ms())

        await database.write(body)
        names = await _names(damage, where.missing)
        await damage.report([one for one in await inventory.damaged() if one.id in {m.id for m in where.missing}])
        standings = {name: await deployment.check(name) for name in self._stores.names}
        return RestoreResult(len(objects), placed, names, standings)

    async def _listed(self, *, tolerant: bool) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for name in self._stores.names:
            try:
                found[name] = {
                    info.key: info.length_bytes async for info in self._stores.readable(name).list("videos/")
                }
            except StreamtimeError:
                if not tolerant:
                    raise
        return found

    async def _place(self, reader: RestoreSource, plan: RestorePlan, on_progress: ProgressCallback) -> int:
        """Put objects out of the backup where they belong; those that came out as other bytes count as missing."""
        done, total, damaged = 0, sum(one.bytes for one in plan.to_restore), list[BackupObject]()
        for one in plan.to_restore:
            on_progress("Copying objects", done, total)
            name = one.store if one.store in self._stores.names else self._stores.default_name
            if name != one.store:
                plan.moved[one.id] = name
            if not await self._put(reader, one, name):
                damaged.append(one)
            done += one.bytes
        plan.to_restore = [one for one in plan.to_restore if one not in damaged]
        plan.missing += damaged
        return len(plan.to_restore)

    async def _put(self, reader: RestoreSource, one: BackupObject, name: str) -> bool:
        pieces = _pieces(reader, f"{OBJECTS}{one.key}")
        if name == SPOOL:
            await self._write_to_spool(one.key, pieces)
            return True
        stored = await self._stores.object_stores[name].put(one.key, pieces)
        if one.sha256 in {None, stored.sha256.hex()}:
            return True
        await self._stores.object_stores[name].delete(one.key)
        return False

    async def _write_to_spool(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        await self._stores.spool.delete(key)
        async with await self._stores.spool.create(key) as file:
            offset = 0
            async for piece in pieces:
                await file.write_at(offset, piece)
                offset += len(piece)
            await file.sync()

    async def _create_empty_files(self, objects: list[BackupObject], plan: RestorePlan) -> None:
        """Uploads that go on from the beginning need a file to go on with."""
        keys = {one.id: one.key for one in objects}
        for object_id, offset in plan.upload_offsets.items():
            if not offset:
                with suppress(Conflict):  # it is there, and empty
                    (await self._stores.spool.create(keys[object_id])).close()


def check_schema(reader: RestoreSource) -> None:
    """Return where this version can read the backup's database.

    Raises:
        Conflict: a newer Streamtime made it.
    """
    newest = newest_revision(migrations_folder())
    if reader.schema > newest:
        raise Conflict(
            f"The backup was made by a newer Streamtime ({reader.version}, schema {reader.schema}; "
            f"this one knows {newest}). Restore it with that version."
        )


async def _names(damage_reporter: DamageReporter, missing: list[BackupObject]) -> list[str]:
    pieces = await damage_reporter.references([one.id for one in missing])
    return [
        f"{pieces[one.id].title}: {pieces[one.id].name or one.kind} ({one.key}, {one.store})"
        if one.id in pieces
        else f"{one.key} ({one.kind}, {one.store})"
        for one in missing
    ]


async def _pieces(reader: RestoreSource, name: str) -> AsyncIterator[bytes]:
    reading = reader.read(name)
    while (piece := await asyncio.to_thread(next, reading, None)) is not None:
        yield piece
