"""Makes a backup archive, also while a server runs.

A lease keeps the garbage collector from deleting objects meanwhile (`storage/objects/leases.py`). Objects that are
moved to another store meanwhile are looked up again, since their keys do not change.
"""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from streamtime.clock import Clock
from streamtime.database.migrate import present_revision
from streamtime.database.transaction import Database
from streamtime.errors import DatabaseDamaged, NotFound, StreamtimeError, Unavailable
from streamtime.maintenance.backup import database_file
from streamtime.maintenance.backup.archive import (
    DATABASE,
    FORMAT,
    OBJECTS,
    ArchiveWriter,
    BackupObject,
    Manifest,
    create_archive,
)
from streamtime.storage.objects.leases import BACKUP, COLLECTION, Leases
from streamtime.storage.objects.ledger import SPOOL, Ledger
from streamtime.storage.objects.stores import StoreOwnership, Stores
from streamtime.version import VERSION

RETRY_INTERVAL_S = 0.5

ProgressCallback = Callable[[str, int, int], None]
"""The current step, bytes done, and total bytes."""


@dataclass(frozen=True, slots=True)
class BackupResult:
    """The result. `failed` contains a message for each object that could not be read and is not in the backup."""

    manifest: Manifest
    failed: list[str]


class BackupMaker:
    """Makes backups."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        stores: Stores,
        ownership: StoreOwnership,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._stores = stores
        self._ownership = ownership
        self._leases = leases
        self._clock = clock

    async def make(self, path: Path, on_progress: ProgressCallback, *, with_objects: bool, force: bool) -> BackupResult:
        """Write the backup to `path`.

        Raises:
            Conflict: the file exists, and `force` is not set.
            Unavailable: another backup is running, or a store with objects of the backup does not answer.
        """
        store_id = (await self._ownership.get_or_create()).store_id
        async with AsyncExitStack() as stack:
            writer = stack.enter_context(create_archive(path, force=force))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".streamtime-", dir=path.parent)))
            if with_objects:
                await self._acquire_lease(stack, on_progress)
            copy, now = folder / DATABASE, self._clock.now_ms()
            on_progress("Copying the database", 0, 0)
            try:
                await asyncio.to_thread(_take_snapshot, self._database.path, copy)
            except DatabaseDamaged as error:
                self._database.mark_damaged(error.message)
                raise self._database.damage_error() from error
            objects, failed = database_file.referenced_objects(copy), list[str]()
            database = await asyncio.to_thread(writer.add, DATABASE, copy, at_s=now // 1000)
            if with_objects:
                objects, failed = await self._copy(writer, objects, on_progress, at_s=now // 1000)
            manifest = Manifest(
                format=FORMAT,
                version=VERSION,
                schema=present_revision(copy) or "",
                marker=store_id,
                created_at_ms=now,
                with_objects=with_objects,
                database=database,
                objects=objects,
            )
            writer.finish(manifest)
        return BackupResult(manifest, failed)

    async def _acquire_lease(self, stack: AsyncExitStack, on_progress: ProgressCallback) -> None:
        """Prevent garbage collection during the backup; wait for the end of a running one."""
        while True:
            try:
                await stack.enter_async_context(self._leases.acquire(BACKUP, conflicts=[COLLECTION]))
            except Unavailable as error:
                if error.code != COLLECTION:
                    raise
                on_progress("Waiting for the end of a garbage collection", 0, 0)
                await asyncio.sleep(RETRY_INTERVAL_S)
            else:
                return

    async def _copy(
        self, writer: ArchiveWriter, objects: list[BackupObject], on_progress: ProgressCallback, *, at_s: int
    ) -> tuple[list[BackupObject], list[str]]:
        copied, failed = list[BackupObject](), list[str]()
        done, total = 0, sum(each.bytes for each in objects)
        for each in objects:

            def report(size: int, before: int = done) -> None:
                on_progress("Copying objects", before + size, total)

            report(0)
            writer.begin(f"{OBJECTS}{each.key}", each.bytes, at_s=at_s)
            try:
                sha256 = await self._append(writer, each, report)
            except StreamtimeError as error:
                if isinstance(error, Unavailable) and not await self._is_available(each.store):
                    raise
                writer.pad()
                failed.append(f"{each.key} ({each.kind}): {error.message}")
                copied.append(each)
            else:
                copied.append(msgspec.structs.replace(each, held=True, sha256=sha256))
            done += each.bytes
        return copied, failed

    async def _append(self, writer: ArchiveWriter, wanted: BackupObject, on_progress: Callable[[int], None]) -> str:
        """Append the bytes of an object, also if it was moved to another store; returns its SHA-256."""
        try:
            return await self._append_from(wanted.store, writer, wanted, on_progress)
        except NotFound:
            rows = await self._ledger.find([wanted.id])
            if not rows or rows[0].store == wanted.store:
                raise
            return await self._append_from(rows[0].store, writer, wanted, on_progress)

    async def _append_from(
        self, store: str, writer: ArchiveWriter, wanted: BackupObject, on_progress: Callable[[int], None]
    ) -> str:
        copied = 0
        async with aclosing(self._stores.readable(store).stream(wanted.key, 0, wanted.bytes)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(writer.write, chunk)
                copied += len(chunk)
                on_progress(copied)
        sha256 = writer.end().hex()
        if wanted.sha256 not in {None, sha256}:
            raise StreamtimeError("Its bytes are not those that were written.", code="damaged")
        return sha256

    async def _is_available(self, store: str) -> bool:
        """Whether the store is available, so that an error concerns the object alone."""
        try:
            self._stores.readable(store)
            await (self._stores.spool.free_bytes() if store == SPOOL else self._stores.object_stores[store].check())
        except StreamtimeError:
            return False
        return True


def _take_snapshot(database: Path, target: Path) -> None:
    database_file.check_live(database)
    database_file.snapshot(database, target)
    database_file.check(target, full=True)
