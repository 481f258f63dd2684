"""Bytes on their way into a store: written under a random name, counted, hashed, synced.

They are gone again unless somebody gave them a place. It knows nothing of where that is; what a crash leaves here
is swept at the next start.

Files under a root: where a key lies, how a new entry is made durable, how a tree is listed and pruned.

It knows keys and the file system; it knows nothing of objects, parts or tasks. All but `list_files` blocks, and is
meant for a thread. A file is durable when its bytes are synced and so is every directory that leads to it; that
order is kept here.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeVar

from streamtime.storage.blocking import BlockingThreads, translate_os_errors
from streamtime.storage.object_store import Body, valid_key, valid_prefix

LIST_BATCH = 500
"""Entries that one thread call lists: other work gets its turn between them."""

_TRIES = 16
"""A directory can be pruned by a delete between its making and its use; so often in a row it is no accident."""


class FileTree:
    """The files under one directory, by key. Names that begin with a dot are the owner's own and never listed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Where the file of a key lies; raises `Invalid` for a key that breaks the rules."""
        return self.root / valid_key(key)

    def make_root(self) -> None:
        """Create the root where it is missing, durably."""
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            sync_directory(self.root.parent)

    def rename_into(self, source: Path, key: str) -> None:
        """Rename a synced file to its key, in place of an older one, and sync every directory on the way."""
        self._with_parents(key, source.rename)

    def link(self, source: Path, key: str) -> None:
        """Give a synced file a second name; raises FileExistsError where the key is taken."""
        self._with_parents(key, lambda target: target.hardlink_to(source))

    def create(self, key: str, flags: int) -> int:
        """Open a file of that key with these flags beside O_CREAT, its directories made and synced."""
        opened: list[int] = []
        try:
            self._with_parents(
                key, lambda target: opened.append(os.open(target, flags | os.O_CREAT | os.O_CLOEXEC, 0o640))
            )
        except OSError:
            if opened:
                os.close(opened[0])
                if flags & os.O_EXCL:
                    self.path(key).unlink()  # found there later, it would be taken for one whose name is on disk
            raise
        return opened[0]

    def rename(self, key: str, to: str) -> None:
        """Give a file another key, in place of one that has it; raises FileNotFoundError where there is none."""
        source = self.path(key)
        if not source.is_file():
            raise FileNotFoundError(source)
        self.rename_into(source, to)
        self._prune(source.parent)

    def remove(self, key: str) -> None:
        """Unlink a file where it is there, and the directories that it leaves empty; synced."""
        path = self.path(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        self._prune(path.parent)

    def _prune(self, parent: Path) -> None:
        """Remove the directories that are empty now, and sync what holds the last of them."""
        while parent != self.root:
            try:
                parent.rmdir()
            except FileNotFoundError:
                pass  # somebody else pruned it
            except OSError:
                break  # not empty
            parent = parent.parent
        sync_directory(parent)

    def walk(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """Every key that begins with the prefix, with its file's facts; what goes meanwhile is passed over."""
        folder, _, _ = prefix.rpartition("/")
        return self._walk(self.root / folder if folder else self.root, f"{folder}/" if folder else "", prefix)

    def _walk(self, folder: Path, at: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            key = at + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                    yield from self._walk(folder / entry.name, f"{key}/", prefix)
            elif key.startswith(prefix) and entry.is_file(follow_symlinks=False):
                yield from _stat_entry(key, entry)

    def _with_parents(self, key: str, act: Callable[[Path], object]) -> None:
        target = self.path(key)
        for _ in range(_TRIES):
            self._make_parents(target.parent)
            try:
                act(target)
            except FileNotFoundError:
                continue
            break
        else:
            raise FileNotFoundError(target)
        sync_directory(target.parent)

    def _make_parents(self, folder: Path) -> None:
        """Create the missing directories from the root down, and sync the one that holds each new one."""
        if folder == self.root or folder.is_dir():
            return
        self._make_parents(folder.parent)
        try:
            folder.mkdir(mode=0o750)
        except FileExistsError:
            return
        except FileNotFoundError:
            return  # pruned in between: `_with_parents` comes again
        try:
            sync_directory(folder.parent)
        except OSError:
            with suppress(OSError):  # somebody else's file may be in it already
                folder.rmdir()  # found there later, it would be taken for one whose name is on disk
            raise


async def list_files(
    tree: FileTree, threads: BlockingThreads, prefix: str
) -> AsyncIterator[tuple[str, os.stat_result]]:
    """What `walk` finds, a batch a thread call."""
    entries = tree.walk(valid_prefix(prefix))
    while True:
        with translate_os_errors(prefix):
            batch = await threads.run(lambda: [*islice(entries, LIST_BATCH)])
        if not batch:
            return
        for entry in batch:
            yield entry


def sync_directory(folder: Path) -> None:
    """Make the names in a directory durable; one that was pruned meanwhile has none to keep."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write every byte at an offset, however many calls it takes."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest = rest[written:]
        offset += written


def _stat_entry(key: str, entry: os.DirEntry[str]) -> Iterator[tuple[str, os.stat_result]]:
    try:
        yield key, entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return


P = ParamSpec("P")
R = TypeVar("R")

WRITE_BYTES = 1 << 20
"""Small pieces are gathered to this much before a thread is asked: fewer hops, and memory stays flat."""

COPY_BYTES = 64 << 20
"""What one thread call copies or hashes at most: some tenths of a second, so that a cancellation need not wait."""


class IncomingFile:
    """One file on its way. The methods block and belong in a thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.length_bytes = 0
        self._hash = hashlib.sha256()
        self._descriptor = -1

    @property
    def sha256(self) -> bytes:
        """Of everything that was appended with its hash."""
        return self._hash.digest()

    def open(self) -> None:
        """Create the file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with suppress(FileExistsError, FileNotFoundError):
            self.path.parent.mkdir()  # the folder of the store may have been made anew beneath us
        self._descriptor = os.open(self.path, flags, 0o640)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write and hash more bytes."""
        write_all(self._descriptor, memoryview(data), self.length_bytes)
        self._hash.update(data)
        self.length_bytes += len(data)

    def append_from(self, source: int, offset: int) -> int:
        """Copy and hash the next stretch of another file; how much that was, 0 at its end."""
        end = offset + COPY_BYTES
        at = offset
        while at < end and (data := os.pread(source, WRITE_BYTES, at)):
            self.append(data)
            at += len(data)
        return at - offset

    def finish(self) -> None:
        """Put the bytes on disk and close. A sync that failed is never tried again: what it lost is unknown."""
        os.fsync(self._descriptor)
        self._close()

    def discard(self) -> None:
        """Remove what was not given a place."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class IncomingDirectory:
    """The directory of bytes on their way; on the same file system as where they go."""

    def __init__(self, root: Path, threads: BlockingThreads) -> None:
        self.root = root
        self._threads = threads

    def prepare(self, *, sweep: bool) -> None:
        """Make the directory, and clear it of what an earlier process left. Blocks."""
        if sweep and self.root.is_dir():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True)

    def make(self) -> None:
        """Make the directory where the folder that holds it was made anew. Blocks."""
        self.root.mkdir(exist_ok=True)

    @asynccontextmanager
    async def new_file(self, key: str) -> AsyncIterator[IncomingFile]:
        """A file to append to, opened, on behalf of a key; discarded at the end unless it was renamed."""
        arrival = IncomingFile(self.root / secrets.token_hex(16))
        try:
            await self.run_blocking(key, arrival.open)
            yield arrival
        finally:
            with translate_os_errors(key, self.root.parent):
                await self._threads.run_shielded(arrival.discard)

    @asynccontextmanager
    async def write_body(self, key: str, body: Body) -> AsyncIterator[IncomingFile]:
        """The whole body, synced. Errors of the body come out as they are, those of the disk translated."""
        async with self.new_file(key) as arrival:
            await self._append_body(key, arrival, body)
            await self.run_blocking(key, arrival.finish)
            yield arrival

    async def run_blocking(self, key: str, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """One blocking call on behalf of a key, its errors translated."""
        with translate_os_errors(key, self.root.parent):
            return await self._threads.run(call, *args, **kwargs)

    async def _append_body(self, key: str, arrival: IncomingFile, body: Body) -> None:
        if isinstance(body, bytes):
            await self.run_blocking(key, arrival.append, body)
            return
        gathered = bytearray()
        async for data in body:
            gathered += data
            if len(gathered) >= WRITE_BYTES:
                await self.run_blocking(key, arrival.append, gathered)
                gathered = bytearray()
        if gathered:
            await self.run_blocking(key, arrival.append, gathered)
