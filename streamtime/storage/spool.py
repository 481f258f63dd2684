"""Files that still grow: uploads as they arrive, and renditions as they are encoded.

Only the server creates, truncates and deletes files; a worker gets a descriptor. Nothing is durable before `sync`.
Errors are those of `object_store.py`.
"""

import os
import tempfile
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from streamtime.errors import Conflict, NoSpace
from streamtime.formatting import size_text
from streamtime.storage.blocking import BlockingThreads, translate_os_errors
from streamtime.storage.local.files import FileTree, list_files, sync_directory, write_all
from streamtime.storage.local.reader import FileReader, OpenFile
from streamtime.storage.object_store import ObjectInfo


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The space of a disk in bytes."""

    free_bytes: int
    total_bytes: int


class SpoolFile:
    """A file open for reading and writing; `fd` may be passed to a worker. Close it, or use `async with`."""

    def __init__(self, key: str, fd: int, threads: BlockingThreads) -> None:
        self.key = key
        self.fd = fd
        self._threads = threads
        self._closing = weakref.finalize(self, os.close, fd)  # also if a cancelled caller never receives it

    async def write_at(
        self, offset: int, data: bytes | memoryview, *, on_written: Callable[[memoryview], None] | None = None
    ) -> None:
        """Write all data at an offset; callers should batch it to about 1 MiB. Raises `NoSpace`, `Unavailable`.

        `on_written` is called with the data in the same thread after the write, for example to update a hash.
        """
        with translate_os_errors(self.key):
            await self._threads.run(_write, self.fd, memoryview(data), offset, on_written)

    async def sync(self) -> None:
        """Return when all data written so far is on disk. After an error the file must be discarded."""
        with translate_os_errors(self.key):
            await self._threads.run(os.fdatasync, self.fd)

    async def truncate(self, size_bytes: int) -> None:
        """Truncate the file, or extend it with zeros, to a size."""
        with translate_os_errors(self.key):
            await self._threads.run(os.ftruncate, self.fd, size_bytes)

    async def length(self) -> int:
        """The current size in bytes."""
        with translate_os_errors(self.key):
            return (await self._threads.run(os.fstat, self.fd)).st_size

    async def reopen_read_only(self) -> OpenFile:
        """A read-only descriptor of the same file, which stays valid when this one is closed."""
        with translate_os_errors(self.key):
            return await self._threads.run(_reopen_read_only, self.fd)

    def close(self) -> None:
        """Close the descriptor; calling it again does nothing."""
        self.fd = -1
        self._closing()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


MIN_FREE_BYTES = 16 << 20
"""A disk with less free space is reported as full: the database and running encodes need some megabytes."""

TEST_WRITE_BYTES = 1 << 20


class Spool:
    """The growing files in one directory."""

    out_of_space = False
    """Whether a write failed for lack of space since the last success; `check` tries again."""

    def __init__(self, root: Path, *, threads: BlockingThreads | None = None) -> None:
        self._tree = FileTree(root)
        self._threads = threads or BlockingThreads()
        self._reader = FileReader(self._tree, self._threads)

    @classmethod
    async def open_at(cls, root: Path) -> Self:
        """Open the spool in a directory, which is created if it is missing."""
        spool = cls(root)
        with translate_os_errors(str(root)):
            await spool._threads.run(spool._tree.make_root)
        return spool

    def path(self, key: str) -> Path:
        """The path of a file, for `SupportsAdopt.adopt`; it must not be stored."""
        return self._tree.path(key)

    async def create(self, key: str) -> SpoolFile:
        """Create an empty file; its name is durable. Raises `Conflict` if the key exists."""
        with translate_os_errors(key, self._tree.root):
            return await self._threads.run(self._create, key)

    async def create_unnamed(self) -> SpoolFile:
        """Create an empty file without a name; it disappears with its last descriptor, also after a crash."""
        with translate_os_errors(str(self._tree.root), self._tree.root):
            return SpoolFile("", await self._threads.run(_open_unnamed, self._tree.root), self._threads)

    async def open(self, key: str) -> SpoolFile:
        """Open an existing file to continue it. Raises `NotFound`."""
        with translate_os_errors(key, self._tree.root):
            return await self._threads.run(self._open, key)

    async def head(self, key: str) -> ObjectInfo | None:
        """The current length, or None if there is no such file."""
        return await self._reader.head(key)

    async def open_file(self, key: str) -> OpenFile:
        """See `SupportsOpenFile.open_file`."""
        return await self._reader.open_file(key)

    def read_nowait(self, key: str, offset: int, length: int) -> bytes | None:
        """See `SupportsReadNowait`."""
        return self._reader.read_nowait(key, offset, length)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly that range; raises `NotFound`, or `PastEnd` if the file is not that long yet."""
        return await self._reader.get_range(key, offset, length)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the range in chunks, to the current end if `length` is None; use `contextlib.aclosing`."""
        return self._reader.stream(key, offset, length)

    async def sync(self, key: str) -> None:
        """Return when the file that a worker wrote, and its name, are on disk. Raises `NotFound`."""
        with translate_os_errors(key, self._tree.root):
            await self._threads.run(_sync_file, self.path(key))

    async def truncate(self, key: str, size_bytes: int) -> None:
        """Truncate a file to a size, durably. Raises `NotFound`."""
        async with await self.open(key) as file:
            await file.truncate(size_bytes)
            await file.sync()

    async def delete(self, key: str) -> None:
        """Delete a file; a missing one is not an error. Open descriptors stay readable."""
        with self._reader.replacing(key), translate_os_errors(key, self._tree.root):
            await self._threads.run(self._tree.remove, key)

    async def rename(self, key: str, to: str) -> None:
        """See `SupportsRename.rename`."""
        with self._reader.replacing(key), self._reader.replacing(to), translate_os_errors(key, self._tree.root):
            await self._threads.run(self._tree.rename, key, to)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Every file whose key starts with the prefix."""
        async for key, info in list_files(self._tree, self._threads, prefix):
            yield ObjectInfo(key, info.st_size)

    async def free_bytes(self) -> int:
        """The free space of the spool's disk in bytes, without the blocks reserved for root."""
        return (await self.disk_space()).free_bytes

    async def disk_space(self) -> DiskSpace:
        """The free and the whole space of the spool's disk, both without the blocks reserved for root."""
        with translate_os_errors(str(self._tree.root), self._tree.root):
            status = await self._threads.run(os.statvfs, self._tree.root)
        usable = status.f_blocks - status.f_bfree + status.f_bavail
        return DiskSpace(status.f_bavail * status.f_frsize, usable * status.f_frsize)

    async def check(self) -> None:
        """Return if files can be created and written here.

        Raises:
            NoSpace: the disk is full; after a write that failed for lack of space, another one failed too.
            Unavailable: the folder is missing or not writable.
        """
        with translate_os_errors(str(self._tree.root), self._tree.root):
            await self._threads.run(self._try_to_write)
        self.out_of_space = False
        free = await self.free_bytes()
        if free < MIN_FREE_BYTES:
            raise NoSpace(f"The disk is full: {size_text(free)} are free.")

    def _try_to_write(self) -> None:
        descriptor = _open_unnamed(self._tree.root)
        try:
            if self.out_of_space:  # the free space does not show a quota
                write_all(descriptor, bytes(TEST_WRITE_BYTES), 0)
        finally:
            os.close(descriptor)

    async def close(self) -> None:
        """Close descriptors and threads."""
        self._reader.close()
        self._threads.close()

    def _create(self, key: str) -> SpoolFile:
        try:
            fd = self._tree.create(key, os.O_RDWR | os.O_EXCL)
        except FileExistsError as error:
            raise Conflict(f"{key!r} exists already.") from error
        return SpoolFile(key, fd, self._threads)

    def _open(self, key: str) -> SpoolFile:
        return SpoolFile(key, os.open(self.path(key), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW), self._threads)


def _open_unnamed(root: Path) -> int:
    with suppress(OSError):  # not every file system supports O_TMPFILE
        return os.open(root, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fd, name = tempfile.mkstemp(prefix=".", dir=root)
    Path(name).unlink()
    return fd


def _reopen_read_only(fd: int) -> OpenFile:
    return OpenFile(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC))


def _write(fd: int, data: memoryview, offset: int, on_written: Callable[[memoryview], None] | None) -> None:
    write_all(fd, data, offset)
    if on_written is not None:
        on_written(data)


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(path.parent)
