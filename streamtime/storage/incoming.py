"""Bytes on their way into a store: written under a random name, counted, hashed, synced.

They are gone again unless somebody gave them a place. It knows nothing of where that is; what a crash leaves here
is swept at the next start.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from streamtime.storage.file_tree import write_all
from streamtime.storage.object_store import Body
from streamtime.storage.os_errors import translate_os_errors
from streamtime.storage.threads import BlockingThreads

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
