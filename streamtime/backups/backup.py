"""Makes a backup of a deployment, also while a server works on it.

What is deleted while objects are copied stays until that is done (`objects/holds.py`). What is carried elsewhere in
the meantime is looked up again: keys never change.
"""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from streamtime.backups import snapshot
from streamtime.backups.archive import DATABASE, OBJECTS, ArchiveWriter, written
from streamtime.backups.manifest import FORMAT, Manifest, NeededObject
from streamtime.clock import Clock
from streamtime.database.migrate import present_revision
from streamtime.database.transaction import Database
from streamtime.errors import DatabaseDamaged, NotFound, StreamtimeError, Unavailable
from streamtime.objects.deployment import Deployment
from streamtime.objects.holds import BACKUP, COLLECTION, Holds
from streamtime.objects.ledger import SPOOL, Ledger
from streamtime.objects.stores import Stores
from streamtime.version import VERSION

WAITS_EVERY_S = 0.5

Told = Callable[[str, int, int], None]
"""Words for what is being done, bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What came of it. `lost` names objects that could not be read, and why; the backup does not hold them."""

    manifest: Manifest
    lost: list[str]


class BackupMaker:
    """Makes backups of one deployment."""

    def __init__(
        self, database: Database, ledger: Ledger, stores: Stores, deployment: Deployment, holds: Holds, clock: Clock
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._stores = stores
        self._deployment = deployment
        self._holds = holds
        self._clock = clock

    async def make(self, path: Path, told: Told, *, with_objects: bool, force: bool) -> Backup:
        """Write the backup to `path`.

        Raises:
            Conflict: there is a file of that name, and no `force`.
            Unavailable: another backup is being made, or a store that holds objects of it does not answer.
        """
        marker = (await self._deployment.row()).marker
        async with AsyncExitStack() as stack:
            writer = stack.enter_context(written(path, force=force))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".streamtime-", dir=path.parent)))
            if with_objects:
                await self._hold(stack, told)
            copy, now = folder / DATABASE, self._clock.now_ms()
            told("Copying the database", 0, 0)
            try:
                await asyncio.to_thread(_taken, self._database.path, copy)
            except DatabaseDamaged as error:
                self._database.note_damage(error.message)
                raise self._database.damaged() from error
            objects, lost = snapshot.needed(copy), list[str]()
            database = await asyncio.to_thread(writer.add, DATABASE, copy, at_s=now // 1000)
            if with_objects:
                objects, lost = await self._copy(writer, objects, told, at_s=now // 1000)
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
        return Backup(manifest, lost)

    async def _hold(self, stack: AsyncExitStack, told: Told) -> None:
        """Keep collections from deleting what is about to be copied; wait for the end of one under way."""
        while True:
            try:
                await stack.enter_async_context(self._holds.held(BACKUP, against=[COLLECTION]))
            except Unavailable as error:
                if error.code != COLLECTION:
                    raise
                told("Waiting for the end of a collection", 0, 0)
                await asyncio.sleep(WAITS_EVERY_S)
            else:
                return

    async def _copy(
        self, writer: ArchiveWriter, objects: list[NeededObject], told: Told, *, at_s: int
    ) -> tuple[list[NeededObject], list[str]]:
        held, lost = list[NeededObject](), list[str]()
        done, total = 0, sum(one.bytes for one in objects)
        for one in objects:

            def further(size: int, before: int = done) -> None:
                told("Copying objects", before + size, total)

            further(0)
            writer.begin(f"{OBJECTS}{one.key}", one.bytes, at_s=at_s)
            try:
                sha256 = await self._append(writer, one, further)
            except StreamtimeError as error:
                if isinstance(error, Unavailable) and not await self._answers(one.store):
                    raise
                writer.fill()
                lost.append(f"{one.key} ({one.kind}): {error.message}")
                held.append(one)
            else:
                held.append(msgspec.structs.replace(one, held=True, sha256=sha256))
            done += one.bytes
        return held, lost

    async def _append(self, writer: ArchiveWriter, one: NeededObject, told: Callable[[int], None]) -> str:
        """The bytes of one object, from wherever it is by now."""
        try:
            return await self._append_from(one.store, writer, one, told)
        except NotFound:
            now = await self._ledger.find([one.id])
            if not now or now[0].store == one.store:
                raise
            return await self._append_from(now[0].store, writer, one, told)

    async def _append_from(
        self, store: str, writer: ArchiveWriter, one: NeededObject, told: Callable[[int], None]
    ) -> str:
        copied = 0
        async with aclosing(self._stores.readable(store).stream(one.key, 0, one.bytes)) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(writer.write, piece)
                copied += len(piece)
                told(copied)
        sha256 = writer.end().hex()
        if one.sha256 not in {None, sha256}:
            raise StreamtimeError("Its bytes are not those that were written.", code="damaged")
        return sha256

    async def _answers(self, store: str) -> bool:
        """Whether the store itself is well, so that it is the object that is not."""
        try:
            self._stores.readable(store)
            await (self._stores.spool.free_bytes() if store == SPOOL else self._stores.settled[store].check())
        except StreamtimeError:
            return False
        return True


def _taken(database: Path, target: Path) -> None:
    snapshot.check_live(database)
    snapshot.take(database, target)
    snapshot.check(target, whole=True)
