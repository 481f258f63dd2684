"""Ranges of files, read on the event loop where the bytes are in memory already, and in a thread otherwise.

It keeps a bounded number of descriptors open, so that the next segment of a film that is being watched costs one
system call. It knows where a key lies (`files.py`); it knows nothing of who may read. Files may grow while
they are read. All but what runs in `BlockingThreads` happens on the loop's thread: no locks.
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
"""An eighth of the 1,024 descriptors that a process commonly may have; sockets need most of the rest."""

STREAM_CHUNK_BYTES = 256 * 1024
"""Large enough that calls cost little beside copying, small enough to stay within a processor's cache."""

_NOWAIT_FLAG: int = getattr(os, "RWF_NOWAIT", 0)


class OpenFile:
    """A descriptor that closes when its last user lets go: a thread may still read what the cache has dropped."""

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
        """Exactly that range; raises `NotFound`, and `PastEnd` where the file ends before the range does."""
        checked_range(offset, length)
        at_once = self.read_nowait(key, offset, length)
        if at_once is not None:
            return at_once
        with translate_os_errors(key, self._tree.root):
            file = await self._file(key)
            data = await self._threads.run(_read_in_thread, file, offset, length)
        if len(data) != length:
            raise PastEnd(f"{key!r} ends before byte {offset + length}.")
        return data

    async def stream(self, key: str, offset: int, length: int | None) -> AsyncGenerator[bytes, None]:
        """The same in pieces. One file is read to the end, whatever happens to its name meanwhile."""
        checked_range(offset, length or 0)
        with translate_os_errors(key, self._tree.root):
            file = await self._file(key)
            size = await self._threads.run(lambda: os.fstat(file.descriptor).st_size)
        end = size if length is None else offset + length
        if end > size or offset > size:
            raise PastEnd(f"{key!r} ends before byte {max(end, offset)}.")
        while offset < end:
            piece = await self._piece(key, file, offset, min(STREAM_CHUNK_BYTES, end - offset))
            offset += len(piece)
            yield piece

    async def open_file(self, key: str) -> OpenFile:
        """A descriptor of one's own, for somebody who reads without us; raises `NotFound`."""
        with translate_os_errors(key, self._tree.root):
            return await self._threads.run(_open_in_thread, self._tree, key)

    async def head(self, key: str) -> ObjectInfo | None:
        """Length of a file, or None where there is none. A growing file has the length of this moment."""
        with translate_os_errors(key, self._tree.root):
            length = await self._threads.run(_length_in_thread, self._tree, key)
            if length is None:
                await self._threads.run(require_folder, self._tree.root)
        return None if length is None else ObjectInfo(key, length)

    @contextmanager
    def replacing(self, key: str) -> Iterator[None]:
        """Unlink or rename a file inside this: nobody is served by its old descriptor afterwards."""
        self._drop(key)
        try:
            yield
        finally:
            self._drop(key)

    def close(self) -> None:
        """Forget every descriptor."""
        self._generation += 1
        self._open.clear()

    def _drop(self, key: str) -> None:
        self._generation += 1
        self._open.pop(key, None)

    async def _file(self, key: str) -> OpenFile:
        """The open file of a key. It is kept only if nothing was dropped while it was being opened."""
        file = self._open.get(key)
        if file is not None:
            self._open.move_to_end(key)
            return file
        drops = self._generation
        file = await self._threads.run(_open_in_thread, self._tree, key)
        if drops == self._generation:
            self._open[key] = file
            if len(self._open) > self._max_open:
                self._open.popitem(last=False)
        return file

    async def _piece(self, key: str, file: OpenFile, offset: int, length: int) -> bytes:
        if self._open.get(key) is file:
            at_once = self.read_nowait(key, offset, length)
            if at_once is not None:
                return at_once
        with translate_os_errors(key, self._tree.root):
            data = await self._threads.run(_read_in_thread, file, offset, length)
        if not data:
            raise PastEnd(f"{key!r} was cut short while it was read.")
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
    """All of the range, or as much as there is before the end of the file."""
    pieces = []
    while length > 0 and (piece := os.pread(file.descriptor, length, offset)):
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _length_in_thread(tree: FileTree, key: str) -> int | None:
    try:
        facts = tree.path(key).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None
