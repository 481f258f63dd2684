"""An object store in a local directory.

    <root>/<key>                                       an object, complete and synced
    <root>/.incoming/<random>                          incoming data; deleted by `open_at`
    <root>/.multipart/<upload id>/key                  the key of a multipart upload, as text
    <root>/.multipart/<upload id>/<number>.<etag>      a part, complete and synced; its etag is its SHA-256

An object is written to `.incoming`, synced, renamed to its key, and its directories are synced: a crash leaves either
the whole object or none. A multipart upload survives restarts until it is completed or aborted; completing copies its
parts into a new file, so a crash leaves either the upload or the object. Only one process at a time may open a store
for writing.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.storage.blocking import BlockingThreads, require_folder, translate_os_errors, unavailable
from streamtime.storage.local.files import (
    COPY_BYTES,
    WRITE_BYTES,
    FileTree,
    IncomingDirectory,
    IncomingFile,
    list_files,
    sync_directory,
)
from streamtime.storage.local.reader import FileReader, OpenFile
from streamtime.storage.object_store import (
    Body,
    MultipartInfo,
    ObjectInfo,
    PartInfo,
    StoredObject,
    checked_part_number,
    checked_parts,
    valid_key,
    valid_prefix,
)

_CANNOT_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


async def _adopt(tree: FileTree, incoming: IncomingDirectory, key: str, path: Path) -> StoredObject:
    """See `SupportsAdopt.adopt`: a hard link if the file system can, otherwise a copy.

    The file must not be written any more, since a hard link shares its content. It is hashed in chunks, so that a
    cancelled caller does not wait for all of it.
    """
    target = tree.path(key)
    async with _opened(incoming, key, path) as source:
        await incoming.run_blocking(key, os.fsync, source)
        adopted = await _read(incoming, key, source)
        if await incoming.run_blocking(key, target.is_file):
            await _check_same_content(incoming, adopted, target)
        elif not await incoming.run_blocking(key, _link, tree, path, key):
            await _copy(tree, incoming, key, source)
    return adopted


@asynccontextmanager
async def _opened(incoming: IncomingDirectory, key: str, path: Path) -> AsyncIterator[int]:
    file = await incoming.run_blocking(key, path.open, "rb", 0)
    with file:
        yield file.fileno()


async def _read(incoming: IncomingDirectory, key: str, source: int) -> StoredObject:
    """The length and hash of a file."""
    digest = hashlib.sha256()
    length = 0
    while count := await incoming.run_blocking(key, _hash_chunk, digest, source, length):
        length += count
    return StoredObject(key, length, sha256=digest.digest())


async def _check_same_content(incoming: IncomingDirectory, adopted: StoredObject, target: Path) -> None:
    """Check the file that has the key already: the same one, after a crash, or another, which is a conflict."""
    async with _opened(incoming, adopted.key, target) as present:
        if await _read(incoming, adopted.key, present) != adopted:
            raise Conflict(f"{adopted.key!r} is another object already.")
    await incoming.run_blocking(adopted.key, sync_directory, target.parent)


async def _copy(tree: FileTree, incoming: IncomingDirectory, key: str, source: int) -> None:
    async with incoming.new_file(key) as file:
        offset = 0
        while count := await incoming.run_blocking(key, file.append_from, source, offset):
            offset += count
        await incoming.run_blocking(key, file.finish)
        await incoming.run_blocking(key, tree.rename_into, file.path, key)


def _link(tree: FileTree, path: Path, key: str) -> bool:
    """Hard-link the file to the key; returns False if the file system cannot."""
    try:
        tree.link(path, key)
    except FileExistsError as error:
        raise Conflict(f"{key!r} is another object already.") from error
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise
    return True


def _hash_chunk(digest: "hashlib._Hash", source: int, offset: int) -> int:
    at = offset
    while at < offset + COPY_BYTES and (data := os.pread(source, WRITE_BYTES, at)):
        digest.update(data)
        at += len(data)
    return at - offset


_KEY_FILE = "key"
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_ETAG = re.compile(r"[0-9a-f]{64}")


class LocalMultiparts:
    """The unfinished multipart uploads of one store."""

    def __init__(self, root: Path, incoming: IncomingDirectory) -> None:
        self._root = root
        self._incoming = incoming

    def prepare(self) -> None:
        """Create the directory. Blocks."""
        self._root.mkdir(parents=True, exist_ok=True)

    async def create(self, key: str) -> str:
        """Begin an upload, durably; returns its id."""
        upload_id = secrets.token_hex(16)
        async with self._incoming.write_body(key, valid_key(key).encode()) as file:
            await self._incoming.run_blocking(key, self._begin, upload_id, file.path)
        return upload_id

    async def put_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """Store one part; raises `NotFound` if the upload does not exist or ended meanwhile."""
        folder = await self._folder(key, upload_id)
        checked_part_number(number)
        async with self._incoming.write_body(key, body) as file:
            part = PartInfo(number, file.length_bytes, file.sha256.hex())
            await self._incoming.run_blocking(key, _move, file.path, _part_path(folder, part))
        return part

    @asynccontextmanager
    async def assemble(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> AsyncIterator[IncomingFile]:
        """Concatenate the parts into one synced file, which the caller renames; raises `NotFound`, `Invalid`."""
        folder = await self._folder(key, upload_id)
        paths = [_part_path(folder, part) for part in checked_parts(parts)]
        async with self._incoming.new_file(key) as file:
            for path in paths:
                await self._append(key, file, path)
            await self._incoming.run_blocking(key, file.finish)
            yield file

    async def delete(self, key: str, upload_id: str) -> None:
        """Delete an upload and its parts; a missing one is not an error."""
        try:
            folder = await self._folder(key, upload_id)
        except NotFound:
            return
        await self._incoming.run_blocking(key, _remove, folder)

    async def list(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """Every upload whose key begins with the prefix."""
        for upload in await self._incoming.run_blocking(valid_prefix(prefix), self._read_all):
            if upload.key.startswith(prefix):
                yield upload

    async def _folder(self, key: str, upload_id: str) -> Path:
        """The directory of an upload of that key."""
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        folder = self._root / upload_id
        if await self._incoming.run_blocking(key, (folder / _KEY_FILE).read_text) != key:
            raise NotFound
        return folder

    async def _append(self, key: str, file: IncomingFile, path: Path) -> None:
        try:
            source = await self._incoming.run_blocking(key, path.open, "rb", 0)
        except NotFound as error:
            raise Invalid("The upload has no such part.", field="parts") from error
        offset = 0
        with source:
            while count := await self._incoming.run_blocking(key, file.append_from, source.fileno(), offset):
                offset += count

    def _begin(self, upload_id: str, key_file: Path) -> None:
        """Create the directory of an upload atomically, with the key file inside."""
        temporary = key_file.with_name(f"{key_file.name}.upload")
        self._root.mkdir(exist_ok=True)  # the folder of the store may have been recreated while the server runs
        temporary.mkdir()
        key_file.rename(temporary / _KEY_FILE)
        sync_directory(temporary)
        _move(temporary, self._root / upload_id)

    def _read_all(self) -> Sequence[MultipartInfo]:
        uploads = []
        for folder in self._root.iterdir():
            try:
                uploads.append(MultipartInfo((folder / _KEY_FILE).read_text(), folder.name))
            except FileNotFoundError:
                continue  # it ended meanwhile
        return uploads


def _part_path(folder: Path, part: PartInfo) -> Path:
    if _ETAG.fullmatch(part.etag) is None:
        raise Invalid("The upload has no such part.", field="parts")
    return folder / f"{checked_part_number(part.number):05}.{part.etag}"


def _move(source: Path, target: Path) -> None:
    source.rename(target)
    sync_directory(target.parent)


def _remove(folder: Path) -> None:
    """Delete an upload, the key file first: after a crash in between, the rest does not count as an upload."""
    (folder / _KEY_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    sync_directory(folder.parent)


class LocalStore:
    """An `ObjectStore` with `SupportsAdopt`, `SupportsReadNowait`, `SupportsRename` and `SupportsOpenFile`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = BlockingThreads()
        self._tree = FileTree(root)
        self._reader = FileReader(self._tree, self._threads)
        self._incoming = IncomingDirectory(root / ".incoming", self._threads)
        self._multiparts = LocalMultiparts(root / ".multipart", self._incoming)

    @classmethod
    async def open_at(cls, root: Path, *, sweep: bool = True) -> Self:
        """Open the store in a directory, which is created if it is missing.

        `sweep` deletes incomplete files of an earlier process; only the holder of the server's lock may use it.
        """
        store = cls(root)
        with translate_os_errors(str(root)):
            await store._threads.run(store._prepare, sweep=sweep)
        return store

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`; a file system keeps no content type."""
        del content_type
        self._tree.path(key)
        async with self._incoming.write_body(key, body) as file:
            await self._place(file, key)
        return StoredObject(key, file.length_bytes, sha256=file.sha256)

    async def adopt(self, key: str, path: Path) -> StoredObject:
        """See `SupportsAdopt.adopt`: a hard link if the file system can, otherwise a copy."""
        return await _adopt(self._tree, self._incoming, key, path)

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
        """See `ObjectStore.get_range`; in the event loop if the data is cached, otherwise in a thread."""
        return await self._reader.get_range(key, offset, length)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        return self._reader.stream(key, offset, length)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        async for key, info in list_files(self._tree, self._threads, prefix):
            yield ObjectInfo(key, info.st_size)

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`; open descriptors stay readable."""
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
        async with self._multiparts.assemble(key, upload_id, parts) as file:
            await self._place(file, key)
        await self._multiparts.delete(key, upload_id)
        return ObjectInfo(key, file.length_bytes)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        await self._multiparts.delete(key, upload_id)

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        return self._multiparts.list(prefix)

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """Return None: a directory has no URL."""
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

    async def _place(self, file: IncomingFile, key: str) -> None:
        with self._reader.replacing(key):
            await self._incoming.run_blocking(key, self._tree.rename_into, file.path, key)

    def _prepare(self, *, sweep: bool) -> None:
        self._tree.make_root()
        self._incoming.prepare(sweep=sweep)
        self._multiparts.prepare()
