"""Makes a backup of a deployment, also while a server works on it.

Objects deleted in the meantime stay until the copy is done (`storage/objects/leases.py`). Objects moved to another
store in the meantime are looked up again: keys never change.
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
"""Words for what is being done, bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class BackupResult:
    """What came of it. `lost` names objects that could not be read, and why; the backup does not hold them."""

    manifest: Manifest
    failed: list[str]


class BackupMaker:
    """Makes backups of one deployment."""

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
            Conflict: there is a file of that name, and no `force`.
            Unavailable: another backup is being made, or a store that holds objects of it does not answer.
        """
        marker = (await self._ownership.get_or_create()).store_id
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
            objects, lost = database_file.referenced_objects(copy), list[str]()
            database = await asyncio.to_thread(writer.add, DATABASE, copy, at_s=now // 1000)
            if with_objects:
                objects, lost = await self._copy(writer, objects, on_progress, at_s=now // 1000)
            manifest = Manifest(
                format=FORMAT,
                version=VERSION,
                schema=present_revision(copy) or "",
                marker=marker,
                created_at_ms=now,
                with_objects=with_objects,
                database=database,
                objects=objects,
            )
            writer.finish(manifest)
        return BackupResult(manifest, lost)

    async def _acquire_lease(self, stack: AsyncExitStack, on_progress: ProgressCallback) -> None:
        """Keep collections from deleting what is about to be copied; wait for the end of one under way."""
        while True:
            try:
                await stack.enter_async_context(self._leases.acquire(BACKUP, conflicts=[COLLECTION]))
            except Unavailable as error:
                if error.code != COLLECTION:
                    raise
                on_progress("Waiting for the end of a collection", 0, 0)
                await asyncio.sleep(RETRY_INTERVAL_S)
            else:
                return

    async def _copy(
        self, writer: ArchiveWriter, objects: list[BackupObject], on_progress: ProgressCallback, *, at_s: int
    ) -> tuple[list[BackupObject], list[str]]:
        held, lost = list[BackupObject](), list[str]()
        done, total = 0, sum(one.bytes for one in objects)
        for one in objects:

            def further(size: int, before: int = done) -> None:
                on_progress("Copying objects", before + size, total)

            further(0)
            writer.begin(f"{OBJECTS}{one.key}", one.bytes, at_s=at_s)
            try:
                sha256 = await self._append(writer, one, further)
            except StreamtimeError as error:
                if isinstance(error, Unavailable) and not await self._is_available(one.store):
                    raise
                writer.pad()
                lost.append(f"{one.key} ({one.kind}): {error.message}")
                held.append(one)
            else:
                held.append(msgspec.structs.replace(one, held=True, sha256=sha256))
            done += one.bytes
        return held, lost

    async def _append(self, writer: ArchiveWriter, one: BackupObject, on_progress: Callable[[int], None]) -> str:
        """The bytes of one object, from wherever it is by now."""
        try:
            return await self._append_from(one.store, writer, one, on_progress)
        except NotFound:
            now = await self._ledger.find([one.id])
            if not now or now[0].store == one.store:
                raise
            return await self._append_from(now[0].store, writer, one, on_progress)

    async def _append_from(
        self, store: str, writer: ArchiveWriter, one: BackupObject, on_progress: Callable[[int], None]
    ) -> str:
        copied = 0
        async with aclosing(self._stores.readable(store).stream(one.key, 0, one.bytes)) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(writer.write, piece)
                copied += len(piece)
                on_progress(copied)
        sha256 = writer.end().hex()
        if one.sha256 not in {None, sha256}:
            raise StreamtimeError("Its bytes are not those that were written.", code="damaged")
        return sha256

    async def _is_available(self, store: str) -> bool:
        """Whether the store itself is well, so that it is the object that is not."""
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
