"""An object store in a directory of this machine.

What lies where, and when:

    <root>/<key>                      an object, whole and synced
    <root>/.incoming/<random>         bytes on their way; swept at `open_at`, since no process writes there any more
    <root>/.multipart/<upload id>/    a multipart upload, see `local_multipart.py`; it outlives a restart

An object is written to `.incoming`, synced, renamed to its key, and its directories are synced: a crash at any
point leaves either the whole object or none. Only one process at a time may have a store open for writing.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Self

from streamtime.storage.file_reader import FileReader, OpenFile
from streamtime.storage.file_tree import FileTree, list_files
from streamtime.storage.incoming import IncomingDirectory, IncomingFile
from streamtime.storage.local_adopt import adopt
from streamtime.storage.local_multipart import LocalMultiparts
from streamtime.storage.object_store import Body, MultipartInfo, ObjectInfo, PartInfo, StoredObject
from streamtime.storage.os_errors import require_folder, translate_os_errors, unavailable
from streamtime.storage.threads import BlockingThreads


class LocalDisk:
    """An `ObjectStore` that also `SupportsAdopt`, `SupportsReadNowait` and `SupportsRename`. Made by `open_at`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = BlockingThreads()
        self._tree = FileTree(root)
        self._reader = FileReader(self._tree, self._threads)
        self._incoming = IncomingDirectory(root / ".incoming", self._threads)
        self._multiparts = LocalMultiparts(root / ".multipart", self._incoming)

    @classmethod
    async def open_at(cls, root: Path, *, sweep: bool = True) -> Self:
        """The store in a directory, which is made where it is missing.

        `sweep` clears what an earlier process left half-written; only the holder of the server's lock may ask it.
        """
        store = cls(root)
        with translate_os_errors(str(root)):
            await store._threads.run(store._prepare, sweep=sweep)
        return store

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`; a file system keeps no content type."""
        del content_type
        self._tree.path(key)
        async with self._incoming.write_body(key, body) as arrived:
            await self._place(arrived, key)
        return StoredObject(key, arrived.length_bytes, sha256=arrived.sha256)

    async def adopt(self, key: str, path: Path) -> StoredObject:
        """See `SupportsAdopt.adopt`: a second name for the file where the file system can, a copy elsewhere."""
        return await adopt(self._tree, self._incoming, key, path)

    async def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        return await self._reader.head(key)

    async def open_file(self, key: str) -> OpenFile:
        """See `SupportsOpenFile.open_file`."""
        return await self._reader.open_file(key)

    def read_nowait(self, key: str, offset: int, length: int) -> bytes | None:
        """See `SupportsReadNowait.read_nowait`."""
        return self._reader.read_nowait(key, offset, length)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """See `ObjectStore.get_range`; on the loop where the bytes are in memory, in a thread elsewhere."""
        return await self._reader.get_range(key, offset, length)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        return self._reader.stream(key, offset, length)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        async for key, facts in list_files(self._tree, self._threads, prefix):
            yield ObjectInfo(key, facts.st_size)

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`; whoever reads the object keeps its bytes until then."""
        with self._reader.replacing(key):
            await self._incoming.run_blocking(key, self._tree.remove, key)

    async def rename(self, key: str, to: str) -> None:
        """See `SupportsRename.rename`."""
        with self._reader.replacing(key), self._reader.replacing(to):
            await self._incoming.run_blocking(key, self._tree.rename, key, to)

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """See `ObjectStore.create_multipart`."""
        del content_type
        return await self._multiparts.create(key)

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """See `ObjectStore.upload_part`."""
        return await self._multiparts.put_part(key, upload_id, number, body)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """See `ObjectStore.complete_multipart`."""
        async with self._multiparts.assemble(key, upload_id, parts) as arrived:
            await self._place(arrived, key)
        await self._multiparts.drop(key, upload_id)
        return ObjectInfo(key, arrived.length_bytes)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        await self._multiparts.drop(key, upload_id)

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        return self._multiparts.list(prefix)

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """None: a directory serves nobody by itself."""
        del key, expires_s
        return None

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        await self._incoming.run_blocking("", require_folder, self._root)
        await self._incoming.run_blocking("", self._incoming.make)
        writable = await self._incoming.run_blocking("", os.access, self._incoming.root, os.W_OK | os.X_OK)
        if not writable:
            raise unavailable(f"The folder {self._root.name} of the data directory cannot be written.")

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        self._reader.close()
        self._threads.close()

    async def _place(self, arrived: IncomingFile, key: str) -> None:
        with self._reader.replacing(key):
            await self._incoming.run_blocking(key, self._tree.rename_into, arrived.path, key)

    def _prepare(self, *, sweep: bool) -> None:
        self._tree.make_root()
        self._incoming.prepare(sweep=sweep)
        self._multiparts.prepare()
