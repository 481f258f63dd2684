"""Restores a backup or a copy of the database: adapts the database to the existing objects, and restores the others.

Everything is prepared in a copy next to the database; the caller puts it in place when it is complete. The restored
database gets a new store id, so that nothing is deleted in stores that have newer objects than the backup.
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
from streamtime.database.copies import is_database
from streamtime.database.migrate import migrate, migrations_folder, newest_revision, present_revision
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.storage import leases, maintenance_runs, multipart_uploads, objects, orphans
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
    """Where the objects of a backup are, and what must be changed in the restored database."""

    listed: Mapping[str, Mapping[str, int]]
    """Keys and lengths of the objects in each available store."""
    moved: dict[int, str] = field(default_factory=dict)
    """Objects that are in another store than their row says; store names by object id."""
    to_restore: list[BackupObject] = field(default_factory=list)
    """Objects whose bytes are restored from the backup."""
    missing: list[BackupObject] = field(default_factory=list)
    upload_offsets: dict[int, int] = field(default_factory=dict)
    """Offsets of uploads that have fewer bytes than their row says; by object id."""

    def locate(self, wanted: BackupObject) -> None:
        """Look for an object in all stores, since keys never change, and add it to the plan."""
        key, names = wanted.key, (wanted.store, *self.listed)
        found = [name for name in names if self.listed.get(name, {}).get(key) == wanted.bytes]
        if wanted.state == "staging":
            self._locate_upload(wanted)
        elif found:
            if found[0] != wanted.store:
                self.moved[wanted.id] = found[0]
        elif wanted.held:
            self.to_restore.append(wanted)
        else:
            self.missing.append(wanted)

    def _locate_upload(self, wanted: BackupObject) -> None:
        present_bytes = self.listed.get(SPOOL, {}).get(wanted.key)
        if present_bytes is not None and present_bytes >= wanted.bytes:
            return
        if wanted.held:
            self.to_restore.append(wanted)
        else:
            self.upload_offsets[wanted.id] = present_bytes or 0


async def apply_plan(tx: Transaction, plan: RestorePlan, *, growing: Sequence[int]) -> None:
    """Update the rows. `growing` are unfinished renditions without any bytes: they are encoded again."""
    uploads, renditions = video_tables.uploads, video_tables.renditions
    for object_id, store in plan.moved.items():
        await tx.execute(update(objects).where(objects.c.id == object_id).values(store=store))
    for each in plan.to_restore:
        if each.state == "live" and each.sha256 is not None:
            same = update(objects).where(objects.c.id == each.id)
            await tx.execute(same.values(sha256=bytes.fromhex(each.sha256), damage=None))
    for each in plan.missing:
        await tx.execute(update(objects).where(objects.c.id == each.id).values(damage=MISSING))
    for object_id, offset in plan.upload_offsets.items():
        await tx.execute(update(uploads).where(uploads.c.object_id == object_id).values(offset_bytes=offset))
    await tx.execute(update(renditions).where(renditions.c.id.in_(growing)).values(segment_index=None))
    for table in (leases, orphans, maintenance_runs, multipart_uploads):
        await tx.execute(delete(table))  # they describe the state of the stores at the time of the backup
    await tx.bump_epoch()


async def renditions_without_bytes(tx: Transaction, spooled: Mapping[str, int]) -> list[int]:
    """The ids of unfinished renditions whose bytes are not in the spool."""
    parts, renditions = video_tables.rendition_parts, video_tables.renditions
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
    """Reads a copy of the database: an automatic one, one made before a migration, or one that was set aside.

    Raises:
        Invalid: the file is not a database of Streamtime, or is damaged.
    """

    version = "unknown"
    """A copy does not contain the version that wrote it."""

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
        """Copy it to a new file, including its write-ahead log; synced.

        Raises:
            Invalid: it cannot be read completely.
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
        """The objects that it needs; `database` is the saved copy, migrated to the newest schema."""
        return database_file.referenced_objects(database)

    def read(self, name: str) -> Iterator[bytes]:
        """Raise `Invalid`, since a copy contains no objects."""
        raise Invalid(f"{name} is not in {self._path}, which is the database alone.")


class RestoreSource(Protocol):
    """A file to restore from: a backup, or a copy of the database alone."""

    schema: str
    version: str

    def save_database(self, target: Path) -> None:
        """Copy its database to a new file."""
        ...

    def objects(self, database: Path) -> list[BackupObject]:
        """The objects that its database needs; `database` is the saved copy, migrated to the newest schema."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a member in chunks."""
        ...


@contextmanager
def open_restore_source(path: Path) -> Iterator[RestoreSource]:
    """Open a backup, or a copy of the database alone.

    Raises:
        Invalid: it is neither, is incomplete, or is damaged.
    """
    if is_database(path):
        yield DatabaseCopyReader(path)
    else:
        with open_archive(path) as reader:
            yield reader


ProgressCallback = Callable[[str, int, int], None]
"""The current step, bytes done, and total bytes."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """The result. `missing` describes each missing object by its video and its role in it."""

    objects: int
    restored: int
    missing: list[str]
    store_statuses: dict[str, StoreStatus]


class MissingObjects(Conflict):
    """Objects that the backup needs are in no store; `names` describes them."""

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
    """Restores into a data directory; the caller holds the server's lock."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock

    async def prepare(
        self, reader: RestoreSource, folder: Path, on_progress: ProgressCallback, *, allow_missing: bool
    ) -> RestoreResult:
        """Create `streamtime.db` in `folder` from the backup, and put the objects of the backup into their stores.

        Raises:
            Invalid: the backup is damaged.
            Conflict: it is of a newer version; or objects are missing (`MissingObjects`) without `allow_missing`.
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
        plan = RestorePlan(await self._list_stores(tolerant=allow_missing))
        for each in objects:
            plan.locate(each)
        damage = DamageReporter(database, Timeline(database, self._clock))
        if plan.missing and not allow_missing:
            raise MissingObjects(await _names(damage, plan.missing))
        restored = await self._restore_objects(reader, plan, on_progress)
        await self._create_empty_files(objects, plan)
        if plan.missing and not allow_missing:
            raise MissingObjects(await _names(damage, plan.missing))
        inventory = Inventory(database, self._clock)
        ownership = StoreOwnership(database, inventory, self._stores, self._clock)

        async def body(tx: Transaction) -> None:
            gone = await renditions_without_bytes(tx, plan.listed.get(SPOOL, {}))
            await apply_plan(tx, plan, growing=gone)
            await ownership.reset(tx, restored_at_ms=self._clock.now_ms())

        await database.write(body)
        names = await _names(damage, plan.missing)
        missing_ids = {each.id for each in plan.missing}
        await damage.report([each for each in await inventory.damaged() if each.id in missing_ids])
        statuses = {name: await ownership.check(name) for name in self._stores.names}
        return RestoreResult(len(objects), restored, names, statuses)

    async def _list_stores(self, *, tolerant: bool) -> dict[str, dict[str, int]]:
        """Keys and lengths in each store; with `tolerant`, unavailable stores are skipped."""
        listed: dict[str, dict[str, int]] = {}
        for name in self._stores.names:
            try:
                listed[name] = {
                    info.key: info.length_bytes async for info in self._stores.readable(name).list("videos/")
                }
            except StreamtimeError:
                if not tolerant:
                    raise
        return listed

    async def _restore_objects(self, reader: RestoreSource, plan: RestorePlan, on_progress: ProgressCallback) -> int:
        """Put objects of the backup into their stores; returns their number. Damaged ones count as missing."""
        done, total, damaged = 0, sum(each.bytes for each in plan.to_restore), list[BackupObject]()
        for each in plan.to_restore:
            on_progress("Copying objects", done, total)
            name = each.store if each.store in self._stores.names else self._stores.default_name
            if name != each.store:
                plan.moved[each.id] = name
            if not await self._put(reader, each, name):
                damaged.append(each)
            done += each.bytes
        plan.to_restore = [each for each in plan.to_restore if each not in damaged]
        plan.missing += damaged
        return len(plan.to_restore)

    async def _put(self, reader: RestoreSource, source: BackupObject, name: str) -> bool:
        """Write an object to the store `name`; returns False if its bytes do not match its hash."""
        chunks = _read_chunks(reader, f"{OBJECTS}{source.key}")
        if name == SPOOL:
            await self._write_to_spool(source.key, chunks)
            return True
        stored = await self._stores.object_stores[name].put(source.key, chunks)
        if source.sha256 in {None, stored.sha256.hex()}:
            return True
        await self._stores.object_stores[name].delete(source.key)
        return False

    async def _write_to_spool(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        await self._stores.spool.delete(key)
        async with await self._stores.spool.create(key) as file:
            offset = 0
            async for chunk in chunks:
                await file.write_at(offset, chunk)
                offset += len(chunk)
            await file.sync()

    async def _create_empty_files(self, objects: list[BackupObject], plan: RestorePlan) -> None:
        """Create the files of uploads that restart at offset 0."""
        keys = {each.id: each.key for each in objects}
        for object_id, offset in plan.upload_offsets.items():
            if not offset:
                with suppress(Conflict):  # it exists and is empty
                    (await self._stores.spool.create(keys[object_id])).close()


def check_schema(reader: RestoreSource) -> None:
    """Check that this version can read the database of a backup.

    Raises:
        Conflict: a newer version of Streamtime made it.
    """
    newest = newest_revision(migrations_folder())
    if reader.schema > newest:
        raise Conflict(
            f"The backup was made by a newer Streamtime ({reader.version}, schema {reader.schema}; "
            f"this one knows {newest}). Restore it with that version."
        )


async def _names(damage_reporter: DamageReporter, missing: list[BackupObject]) -> list[str]:
    references = await damage_reporter.references([each.id for each in missing])
    return [
        f"{references[each.id].title}: {references[each.id].name or each.kind} ({each.key}, {each.store})"
        if each.id in references
        else f"{each.key} ({each.kind}, {each.store})"
        for each in missing
    ]


async def _read_chunks(reader: RestoreSource, name: str) -> AsyncIterator[bytes]:
    chunks = reader.read(name)
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk
