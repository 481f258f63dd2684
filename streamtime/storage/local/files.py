"""Files below a root directory: paths of keys, durable writes, listing, and temporary files for incoming data.

A file is durable when its content and every directory that leads to it are synced. Incoming data is written under a
random name, hashed and synced; it is deleted unless it is renamed to its key, and leftovers of a crash are deleted at
the next start. All functions but `list_files` and those of `IncomingDirectory` that are coroutines block.
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
"""Entries listed per thread call, so that other calls can run in between."""

_MAX_ATTEMPTS = 16
"""A concurrent delete can prune a directory between its creation and its use, but not this often in a row."""


class FileTree:
    """The files in one directory, by key. Names that begin with a dot are internal and never listed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """The path of a key; raises `Invalid` for an invalid key."""
        return self.root / valid_key(key)

    def make_root(self) -> None:
        """Create the root if it is missing, durably."""
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            sync_directory(self.root.parent)

    def rename_into(self, source: Path, key: str) -> None:
        """Rename a synced file to its key, replacing an older one, and sync all directories of the path."""
        self._with_parents(key, source.rename)

    def link(self, source: Path, key: str) -> None:
        """Hard-link a synced file to a key; raises FileExistsError if the key exists."""
        self._with_parents(key, lambda target: target.hardlink_to(source))

    def create(self, key: str, flags: int) -> int:
        """Open the file of a key with these flags and O_CREAT; its directories are created and synced."""
        opened: list[int] = []
        try:
            self._with_parents(
                key, lambda target: opened.append(os.open(target, flags | os.O_CREAT | os.O_CLOEXEC, 0o640))
            )
        except OSError:
            if opened:
                os.close(opened[0])
                if flags & os.O_EXCL:
                    self.path(key).unlink()  # otherwise a later call would assume that its name is durable
            raise
        return opened[0]

    def rename(self, key: str, to: str) -> None:
        """Move a file to another key, replacing a file there; raises FileNotFoundError if there is none."""
        source = self.path(key)
        if not source.is_file():
            raise FileNotFoundError(source)
        self.rename_into(source, to)
        self._prune(source.parent)

    def remove(self, key: str) -> None:
        """Delete a file if it exists, and the directories that become empty; synced."""
        path = self.path(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        self._prune(path.parent)

    def _prune(self, parent: Path) -> None:
        """Remove the directories that are empty now, and sync the parent of the last one."""
        while parent != self.root:
            try:
                parent.rmdir()
            except FileNotFoundError:
                pass  # pruned by a concurrent call
            except OSError:
                break  # not empty
            parent = parent.parent
        sync_directory(parent)

    def walk(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """Every key that begins with the prefix, with its file status; files deleted meanwhile are skipped."""
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
        for _ in range(_MAX_ATTEMPTS):
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
        """Create the missing directories from the root down, and sync the parent of each new one."""
        if folder == self.root or folder.is_dir():
            return
        self._make_parents(folder.parent)
        try:
            folder.mkdir(mode=0o750)
        except FileExistsError:
            return
        except FileNotFoundError:
            return  # pruned in between: `_with_parents` tries again
        try:
            sync_directory(folder.parent)
        except OSError:
            with suppress(OSError):  # another call may have created a file in it already
                folder.rmdir()  # otherwise a later call would assume that its name is durable
            raise


async def list_files(
    tree: FileTree, threads: BlockingThreads, prefix: str
) -> AsyncIterator[tuple[str, os.stat_result]]:
    """The results of `walk`, read in batches, one thread call each."""
    entries = tree.walk(valid_prefix(prefix))
    while True:
        with translate_os_errors(prefix):
            batch = await threads.run(lambda: [*islice(entries, LIST_BATCH)])
        if not batch:
            return
        for entry in batch:
            yield entry


def sync_directory(folder: Path) -> None:
    """Make the names in a directory durable; a directory that was removed meanwhile is skipped."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all data at an offset, in as many calls as it takes."""
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
"""Small chunks are collected to this size before a thread call: fewer calls, and bounded memory."""

COPY_BYTES = 64 << 20
"""The most that one thread call copies or hashes: some tenths of a second, so that a cancellation is not delayed."""


class IncomingFile:
    """A temporary file of incoming data. The methods block; call them in a thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.length_bytes = 0
        self._hash = hashlib.sha256()
        self._descriptor = -1

    @property
    def sha256(self) -> bytes:
        """The SHA-256 of everything that was appended."""
        return self._hash.digest()

    def open(self) -> None:
        """Create the file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with suppress(FileExistsError, FileNotFoundError):
            self.path.parent.mkdir()  # the folder of the store may have been recreated while the server runs
        self._descriptor = os.open(self.path, flags, 0o640)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write and hash more bytes."""
        write_all(self._descriptor, memoryview(data), self.length_bytes)
        self._hash.update(data)
        self.length_bytes += len(data)

    def append_from(self, source: int, offset: int) -> int:
        """Append up to `COPY_BYTES` from a descriptor at an offset; returns the number of bytes, 0 at the end."""
        end = offset + COPY_BYTES
        at = offset
        while at < end and (data := os.pread(source, WRITE_BYTES, at)):
            self.append(data)
            at += len(data)
        return at - offset

    def finish(self) -> None:
        """Sync and close. A failed sync is never retried: it is unknown which data was lost."""
        os.fsync(self._descriptor)
        self._close()

    def discard(self) -> None:
        """Close and delete the file, unless it was renamed."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class IncomingDirectory:
    """The directory of incoming files, on the same file system as their destination."""

    def __init__(self, root: Path, threads: BlockingThreads) -> None:
        self.root = root
        self._threads = threads

    def prepare(self, *, sweep: bool) -> None:
        """Create the directory, and with `sweep` delete what an earlier process left in it. Blocks."""
        if sweep and self.root.is_dir():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True)

    def make(self) -> None:
        """Create the directory if its parent was recreated. Blocks."""
        self.root.mkdir(exist_ok=True)

    @asynccontextmanager
    async def new_file(self, key: str) -> AsyncIterator[IncomingFile]:
        """An open file to append to; it is deleted at the end unless it was renamed. `key` is for error messages."""
        file = IncomingFile(self.root / secrets.token_hex(16))
        try:
            await self.run_blocking(key, file.open)
            yield file
        finally:
            with translate_os_errors(key, self.root.parent):
                await self._threads.run_shielded(file.discard)

    @asynccontextmanager
    async def write_body(self, key: str, body: Body) -> AsyncIterator[IncomingFile]:
        """A file with the whole body, synced. Errors of the body are raised unchanged, OS errors translated."""
        async with self.new_file(key) as file:
            await self._append_body(key, file, body)
            await self.run_blocking(key, file.finish)
            yield file

    async def run_blocking(self, key: str, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking call in a thread and translate its OS errors."""
        with translate_os_errors(key, self.root.parent):
            return await self._threads.run(call, *args, **kwargs)

    async def _append_body(self, key: str, file: IncomingFile, body: Body) -> None:
        if isinstance(body, bytes):
            await self.run_blocking(key, file.append, body)
            return
        buffer = bytearray()
        async for data in body:
            buffer += data
            if len(buffer) >= WRITE_BYTES:
                await self.run_blocking(key, file.append, buffer)
                buffer = bytearray()
        if buffer:
            await self.run_blocking(key, file.append, buffer)
