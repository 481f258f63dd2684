"""Files that still grow: uploads as they arrive, renditions while they are made.

It knows keys, descriptors and offsets; it knows nothing of what a file is for, and nothing of when it is whole. The
server alone creates, cuts and removes; a worker gets a descriptor. Nothing here is durable before `sync`. Errors are
those of `object_store.py`.
"""

import os
import tempfile
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from streamtime.errors import Conflict, NoSpace
from streamtime.formatting import size_text
from streamtime.storage.blocking import BlockingThreads, translate_os_errors
from streamtime.storage.local.files import FileTree, list_files, sync_directory, write_all
from streamtime.storage.local.reader import FileReader, OpenFile
from streamtime.storage.object_store import ObjectInfo


class SpoolFile:
    """One file open for reading and writing; `fd` may be handed to a worker. Close it, or use `async with`."""

    def __init__(self, key: str, fd: int, threads: BlockingThreads) -> None:
        self.key = key
        self.fd = fd
        self._threads = threads
        self._closing = weakref.finalize(self, os.close, fd)  # also when a cancelled caller never receives it

    async def write_at(
        self, offset: int, data: bytes | memoryview, *, on_written: Callable[[memoryview], None] | None = None
    ) -> None:
        """Write all of the data there; gather to about 1 MiB before a call. Raises `NoSpace`, `Unavailable`.

        `also` is handed the data in the same thread, once it is written: to add up a sum, say.
        """
        with translate_os_errors(self.key):
            await self._threads.run(_write, self.fd, memoryview(data), offset, on_written)

    async def sync(self) -> None:
        """Return when every byte written so far is on disk. After an error the file must be given up."""
        with translate_os_errors(self.key):
            await self._threads.run(os.fdatasync, self.fd)

    async def truncate(self, size_bytes: int) -> None:
        """Cut the file back, or extend it with zeros, to a size."""
        with translate_os_errors(self.key):
            await self._threads.run(os.ftruncate, self.fd, size_bytes)

    async def length(self) -> int:
        """Bytes in the file at this moment."""
        with translate_os_errors(self.key):
            return (await self._threads.run(os.fstat, self.fd)).st_size

    async def reopen_read_only(self) -> OpenFile:
        """A descriptor of the same file that cannot write; the file lives as long as either."""
        with translate_os_errors(self.key):
            return await self._threads.run(_reopen_read_only, self.fd)

    def close(self) -> None:
        """Let go of the descriptor; a second time does nothing."""
        self.fd = -1
        self._closing()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


MIN_FREE_BYTES = 16 << 20
"""With less than this left a disk is called full: the database and what is being made have some megabytes under way."""

TEST_WRITE_BYTES = 1 << 20


class Spool:
    """The growing files under one directory."""

    out_of_space = False
    """Whether bytes were refused for want of room since they were last taken; `check` tries it."""

    def __init__(self, root: Path, *, threads: BlockingThreads | None = None) -> None:
        self._tree = FileTree(root)
        self._threads = threads or BlockingThreads()
        self._reader = FileReader(self._tree, self._threads)

    @classmethod
    async def open_at(cls, root: Path) -> Self:
        """The spool in a directory, which is made where it is missing."""
        spool = cls(root)
        with translate_os_errors(str(root)):
            await spool._threads.run(spool._tree.make_root)
        return spool

    def path(self, key: str) -> Path:
        """Where a file lies, for `SupportsAdopt.adopt`; the path is never stored."""
        return self._tree.path(key)

    async def create(self, key: str) -> SpoolFile:
        """A new empty file; its name is durable. Raises `Conflict` where the key is taken."""
        with translate_os_errors(key, self._tree.root):
            return await self._threads.run(self._create, key)

    async def create_unnamed(self) -> SpoolFile:
        """A new empty file that is gone with its last descriptor, whatever ends this process."""
        with translate_os_errors(str(self._tree.root), self._tree.root):
            return SpoolFile("", await self._threads.run(_open_unnamed, self._tree.root), self._threads)

    async def open(self, key: str) -> SpoolFile:
        """An existing file, to go on with it. Raises `NotFound`."""
        with translate_os_errors(key, self._tree.root):
            return await self._threads.run(self._open, key)

    async def head(self, key: str) -> ObjectInfo | None:
        """The length of this moment, or None where there is no such file."""
        return await self._reader.head(key)

    async def open_file(self, key: str) -> OpenFile:
        """See `SupportsOpenFile.open_file`."""
        return await self._reader.open_file(key)

    def read_nowait(self, key: str, offset: int, length: int) -> bytes | None:
        """See `SupportsReadNowait`."""
        return self._reader.read_nowait(key, offset, length)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly that range; `NotFound`, or `Unavailable` where the file is not that long yet."""
        return await self._reader.get_range(key, offset, length)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The range in pieces, to the end of this moment where `length` is None; close it with `aclosing`."""
        return self._reader.stream(key, offset, length)

    async def sync(self, key: str) -> None:
        """Return when the file that a worker wrote, and the name of it, are on disk. Raises `NotFound`."""
        with translate_os_errors(key, self._tree.root):
            await self._threads.run(_sync_file, self.path(key))

    async def truncate(self, key: str, size_bytes: int) -> None:
        """Cut a file back to a size, durably. Raises `NotFound`."""
        async with await self.open(key) as file:
            await file.truncate(size_bytes)
            await file.sync()

    async def delete(self, key: str) -> None:
        """Remove a file; one that is not there is a success. Whoever has it open keeps it until then."""
        with self._reader.replacing(key), translate_os_errors(key, self._tree.root):
            await self._threads.run(self._tree.remove, key)

    async def rename(self, key: str, to: str) -> None:
        """See `SupportsRename.rename`."""
        with self._reader.replacing(key), self._reader.replacing(to), translate_os_errors(key, self._tree.root):
            await self._threads.run(self._tree.rename, key, to)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Every file whose key starts with the prefix."""
        async for key, facts in list_files(self._tree, self._threads, prefix):
            yield ObjectInfo(key, facts.st_size)

    async def free_bytes(self) -> int:
        """What the disk of the spool has left for us, the share reserved for root not counted."""
        with translate_os_errors(str(self._tree.root), self._tree.root):
            facts = await self._threads.run(os.statvfs, self._tree.root)
        return facts.f_bavail * facts.f_frsize

    async def check(self) -> None:
        """Return when files can be made here and the disk takes bytes.

        Raises:
            NoSpace: it is full, or the last bytes were refused for want of room, and bytes still are.
            Unavailable: the folder is not there, or refuses.
        """
        with translate_os_errors(str(self._tree.root), self._tree.root):
            await self._threads.run(self._try_to_write)
        self.out_of_space = False
        left = await self.free_bytes()
        if left < MIN_FREE_BYTES:
            raise NoSpace(f"The disk is full: it has room for {size_text(left)} more.")

    def _try_to_write(self) -> None:
        descriptor = _open_unnamed(self._tree.root)
        try:
            if self.out_of_space:  # a quota need not show in what the disk has left
                write_all(descriptor, bytes(TEST_WRITE_BYTES), 0)
        finally:
            os.close(descriptor)

    async def close(self) -> None:
        """Let go of descriptors and threads."""
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
    with suppress(OSError):  # not every file system can
        return os.open(root, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fd, name = tempfile.mkstemp(prefix=".", dir=root)
    Path(name).unlink()
    return fd


def _reopen_read_only(fd: int) -> OpenFile:
    return OpenFile(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC))


def _write(fd: int, data: memoryview, offset: int, also: Callable[[memoryview], None] | None) -> None:
    write_all(fd, data, offset)
    if also is not None:
        also(data)


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(path.parent)
