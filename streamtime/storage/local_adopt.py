"""Taking a file as it lies: a second name for it where the file system can, a copy where it cannot.

The file is read once for its hash, in stretches, so that a cancelled caller does not wait for all of it. It must
not be written any more: a second name shares its bytes for ever.
"""

import errno
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streamtime.errors import Conflict
from streamtime.storage.file_tree import FileTree, sync_directory
from streamtime.storage.incoming import COPY_BYTES, WRITE_BYTES, IncomingDirectory
from streamtime.storage.object_store import StoredObject

_CANNOT_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


async def adopt(tree: FileTree, incoming: IncomingDirectory, key: str, path: Path) -> StoredObject:
    """See `SupportsAdopt.adopt`."""
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
    """Length and hash of a file."""
    digest = hashlib.sha256()
    length = 0
    while count := await incoming.run_blocking(key, _hash_chunk, digest, source, length):
        length += count
    return StoredObject(key, length, sha256=digest.digest())


async def _check_same_content(incoming: IncomingDirectory, adopted: StoredObject, target: Path) -> None:
    """The key is taken: by this very file, after a crash, or by another, which is refused."""
    async with _opened(incoming, adopted.key, target) as present:
        if await _read(incoming, adopted.key, present) != adopted:
            raise Conflict(f"{adopted.key!r} is another object already.")
    await incoming.run_blocking(adopted.key, sync_directory, target.parent)


async def _copy(tree: FileTree, incoming: IncomingDirectory, key: str, source: int) -> None:
    async with incoming.new_file(key) as arrival:
        offset = 0
        while count := await incoming.run_blocking(key, arrival.append_from, source, offset):
            offset += count
        await incoming.run_blocking(key, arrival.finish)
        await incoming.run_blocking(key, tree.rename_into, arrival.path, key)


def _link(tree: FileTree, path: Path, key: str) -> bool:
    """Whether the file system could give it a second name."""
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
