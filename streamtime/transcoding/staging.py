"""Files for a worker to write: rows first, then files in the spool; what did not become whole is taken out again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from streamtime.database.transaction import Database, Transaction
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.video import Video
from streamtime.videos.videos import require_not_deleted


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file to be made: the kind of its object, and how its key ends."""

    kind: str
    ending: str


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file, empty and open; its object is `staging`."""

    object_id: int
    key: str
    fd: int


class Staging:
    """Stages the files of small jobs, which make all of them or none."""

    def __init__(self, database: Database, ledger: Ledger, lifecycle: Lifecycle, spool: Spool) -> None:
        self._database = database
        self._ledger = ledger
        self._lifecycle = lifecycle
        self._spool = spool

    @asynccontextmanager
    async def stage(self, video: Video, specs: Sequence[FileSpec]) -> AsyncIterator[list[StagedFile]]:
        """Open files as wished. Those that are not `live` when the block is left are taken out."""
        keys = [video.new_key(wish.ending) for wish in specs]

        async def intend(tx: Transaction) -> list[int]:
            await require_not_deleted(tx, video.id)
            return [
                await self._ledger.stage(tx, key, kind=wish.kind, owner_id=video.owner_id)
                for key, wish in zip(keys, specs, strict=True)
            ]

        ids = await self._database.write(intend)
        try:
            async with AsyncExitStack() as stack:
                files = [await stack.enter_async_context(await self._spool.create(key)) for key in keys]
                staged = zip(ids, keys, files, strict=True)
                yield [StagedFile(object_id, key, file.fd) for object_id, key, file in staged]
        finally:
            await self._database.write(lambda tx: self._abandon(tx, ids))

    async def complete(self, tx: Transaction, video: Video, file: StagedFile, *, length_bytes: int) -> None:
        """A file is whole and `sync`ed: it lives, and is carried to where it stays."""
        await self._ledger.complete(tx, file.object_id, length_bytes=length_bytes)
        await self._lifecycle.queue_finalize(tx, video, file.object_id)

    async def sync(self, files: Sequence[StagedFile]) -> None:
        """Return when the files are on disk."""
        for file in files:
            await self._spool.sync(file.key)

    async def _abandon(self, tx: Transaction, ids: list[int]) -> None:
        if any(row.state == "staging" for row in await self._ledger.find(ids)):
            for object_id in ids:
                await self._lifecycle.discard_staged(tx, object_id)
