"""Reads ranges of files: in the event loop if the data is in the page cache, otherwise in a thread.

A bounded number of descriptors is kept open, so that the next segment of a video costs one system call. Files may grow
while they are read. Everything that does not run in `BlockingThreads` runs in the event loop's thread, without locks.
"""

import errno
import os
import stat
import weakref
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from streamtime.storage.blocking import BlockingThreads, require_folder, translate_os_errors
from streamtime.storage.local.files import FileTree
from streamtime.storage.object_store import ObjectInfo, PastEnd, checked_range

MAX_OPEN_FILES = 128
"""An eighth of the common limit of 1,024 descriptors; sockets need most of the rest."""

STREAM_CHUNK_BYTES = 256 * 1024
"""Large enough that copying dominates the cost of calls, small enough for a processor's cache."""

_NOWAIT_FLAG: int = getattr(os, "RWF_NOWAIT", 0)


class OpenFile:
    """A descriptor that is closed with its last reference: a thread may still read a file that the cache evicted."""

    __slots__ = ("__weakref__", "descriptor")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)


class FileReader:
    """Reads ranges of the files of one tree."""

    def __init__(self, tree: FileTree, threads: BlockingThreads, max_open: int = MAX_OPEN_FILES) -> None:
        self._tree = tree
        self._threads = threads
        self._max_open = max_open
        self._open: OrderedDict[str, OpenFile] = OrderedDict()
        self._generation = 0
        self._supports_nowait = _NOWAIT_FLAG != 0

    def read_nowait(self, key: str, offset: int, length: int) -> bytes | None:
        """The range if its file is open and all of it is in the page cache, else None."""
        file = self._open.get(key)
        if file is None or not self._supports_nowait:
            return None
        self._open.move_to_end(key)
        buffer = bytearray(length)
        try:
            count = os.preadv(file.descriptor, [buffer], offset, _NOWAIT_FLAG)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                self._supports_nowait = error.errno != errno.EOPNOTSUPP
            return None
        return bytes(buffer) if count == length else None

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly that range; raises `NotFound`, or `PastEnd` if the range ends after the file."""
        checked_range(offset, length)
        cached = self.read_nowait(key, offset, length)
        if cached is not None:
            return cached
        with translate_os_errors(key, self._tree.root):
            file = await self._file(key)
            data = await self._threads.run(_read_in_thread, file, offset, length)
        if len(data) != length:
            raise PastEnd(f"{key!r} ends before byte {offset + length}.")
        return data

    async def stream(self, key: str, offset: int, length: int | None) -> AsyncGenerator[bytes, None]:
        """Yield the range in chunks. The opened file is read to the end even if it is replaced meanwhile."""
        checked_range(offset, length or 0)
        with translate_os_errors(key, self._tree.root):
            file = await self._file(key)
            size = await self._threads.run(lambda: os.fstat(file.descriptor).st_size)
        end = size if length is None else offset + length
        if end > size or offset > size:
            raise PastEnd(f"{key!r} ends before byte {max(end, offset)}.")
        while offset < end:
            chunk = await self._chunk(key, file, offset, min(STREAM_CHUNK_BYTES, end - offset))
            offset += len(chunk)
            yield chunk

    async def open_file(self, key: str) -> OpenFile:
        """Open a separate descriptor, for a reader outside this class; raises `NotFound`."""
        with translate_os_errors(key, self._tree.root):
            return await self._threads.run(_open_in_thread, self._tree, key)

    async def head(self, key: str) -> ObjectInfo | None:
        """The current length of a file, or None if there is none."""
        with translate_os_errors(key, self._tree.root):
            length = await self._threads.run(_length_in_thread, self._tree, key)
            if length is None:
                await self._threads.run(require_folder, self._tree.root)
        return None if length is None else ObjectInfo(key, length)

    @contextmanager
    def replacing(self, key: str) -> Iterator[None]:
        """Delete or rename a file inside this context: its cached descriptor is not used afterwards."""
        self._drop(key)
        try:
            yield
        finally:
            self._drop(key)

    def close(self) -> None:
        """Drop all cached descriptors."""
        self._generation += 1
        self._open.clear()

    def _drop(self, key: str) -> None:
        self._generation += 1
        self._open.pop(key, None)

    async def _file(self, key: str) -> OpenFile:
        """The open file of a key. It is cached only if nothing was dropped while it was being opened."""
        file = self._open.get(key)
        if file is not None:
            self._open.move_to_end(key)
            return file
        generation = self._generation
        file = await self._threads.run(_open_in_thread, self._tree, key)
        if generation == self._generation:
            self._open[key] = file
            if len(self._open) > self._max_open:
                self._open.popitem(last=False)
        return file

    async def _chunk(self, key: str, file: OpenFile, offset: int, length: int) -> bytes:
        if self._open.get(key) is file:
            cached = self.read_nowait(key, offset, length)
            if cached is not None:
                return cached
        with translate_os_errors(key, self._tree.root):
            data = await self._threads.run(_read_in_thread, file, offset, length)
        if not data:
            raise PastEnd(f"{key!r} was truncated while it was read.")
        return data


def _open_in_thread(tree: FileTree, key: str) -> OpenFile:
    try:
        file = OpenFile(os.open(tree.path(key), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
    except NotADirectoryError as error:
        raise FileNotFoundError(key) from error
    if not stat.S_ISREG(os.fstat(file.descriptor).st_mode):
        raise FileNotFoundError(key)
    return file


def _read_in_thread(file: OpenFile, offset: int, length: int) -> bytes:
    """The range, or the part of it before the end of the file."""
    chunks = []
    while length > 0 and (chunk := os.pread(file.descriptor, length, offset)):
        chunks.append(chunk)
        offset += len(chunk)
        length -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _length_in_thread(tree: FileTree, key: str) -> int | None:
    try:
        info = tree.path(key).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return info.st_size if stat.S_ISREG(info.st_mode) else None
