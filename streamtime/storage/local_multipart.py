"""Multipart uploads of the local store: parts that arrive in any order and become one object.

    <root>/<upload id>/key                 the object's key, as text
    <root>/<upload id>/<number>.<etag>     a part, whole and synced; its etag is the SHA-256 of its bytes

An upload lives until it is completed or aborted, whatever restarts come between. Completing copies the parts to a
file of their own and gives that the key, so that a crash leaves the upload as it was or the object as it should be.
"""

import re
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from streamtime.errors import Invalid, NotFound
from streamtime.storage.file_tree import sync_directory
from streamtime.storage.incoming import IncomingDirectory, IncomingFile
from streamtime.storage.keys import valid_key, valid_prefix
from streamtime.storage.object_store import Body, MultipartInfo, PartInfo, checked_part_number, checked_parts

_KEY_FILE = "key"
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_ETAG = re.compile(r"[0-9a-f]{64}")


class LocalMultiparts:
    """The uploads in the making of one store."""

    def __init__(self, root: Path, incoming: IncomingDirectory) -> None:
        self._root = root
        self._incoming = incoming

    def prepare(self) -> None:
        """Make the directory. Blocks."""
        self._root.mkdir(parents=True, exist_ok=True)

    async def create(self, key: str) -> str:
        """Begin one, durably; returns its id."""
        upload_id = secrets.token_hex(16)
        async with self._incoming.write_body(key, valid_key(key).encode()) as arrived:
            await self._incoming.run_blocking(key, self._begin, upload_id, arrived.path)
        return upload_id

    async def put_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """Store one part; raises `NotFound` for an upload that is not there, or that ended meanwhile."""
        folder = await self._folder(key, upload_id)
        checked_part_number(number)
        async with self._incoming.write_body(key, body) as arrived:
            part = PartInfo(number, arrived.length_bytes, arrived.sha256.hex())
            await self._incoming.run_blocking(key, _move, arrived.path, _part_path(folder, part))
        return part

    @asynccontextmanager
    async def assemble(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> AsyncIterator[IncomingFile]:
        """All parts as one synced file, to be given its place; raises `NotFound`, or `Invalid` for a part."""
        folder = await self._folder(key, upload_id)
        paths = [_part_path(folder, part) for part in checked_parts(parts)]
        async with self._incoming.new_file(key) as arrival:
            for path in paths:
                await self._append(key, arrival, path)
            await self._incoming.run_blocking(key, arrival.finish)
            yield arrival

    async def drop(self, key: str, upload_id: str) -> None:
        """Remove an upload and its parts; one that is not there is a success."""
        try:
            folder = await self._folder(key, upload_id)
        except NotFound:
            return
        await self._incoming.run_blocking(key, _remove, folder)

    async def list(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """Every upload whose key begins with the prefix."""
        for found in await self._incoming.run_blocking(valid_prefix(prefix), self._found):
            if found.key.startswith(prefix):
                yield found

    async def _folder(self, key: str, upload_id: str) -> Path:
        """The directory of an upload of that key."""
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        folder = self._root / upload_id
        if await self._incoming.run_blocking(key, (folder / _KEY_FILE).read_text) != key:
            raise NotFound
        return folder

    async def _append(self, key: str, arrival: IncomingFile, path: Path) -> None:
        try:
            source = await self._incoming.run_blocking(key, path.open, "rb", 0)
        except NotFound as error:
            raise Invalid("The upload has no such part.", field="parts") from error
        offset = 0
        with source:
            while count := await self._incoming.run_blocking(key, arrival.append_from, source.fileno(), offset):
                offset += count

    def _begin(self, upload_id: str, key_file: Path) -> None:
        """Make the directory of an upload appear with its key inside."""
        made = key_file.with_name(f"{key_file.name}.upload")
        self._root.mkdir(exist_ok=True)  # the folder of the store may have been made anew beneath us
        made.mkdir()
        key_file.rename(made / _KEY_FILE)
        sync_directory(made)
        _move(made, self._root / upload_id)

    def _found(self) -> Sequence[MultipartInfo]:
        found = []
        for folder in self._root.iterdir():
            try:
                found.append(MultipartInfo((folder / _KEY_FILE).read_text(), folder.name))
            except FileNotFoundError:
                continue  # it ended meanwhile
        return found


def _part_path(folder: Path, part: PartInfo) -> Path:
    if _ETAG.fullmatch(part.etag) is None:
        raise Invalid("The upload has no such part.", field="parts")
    return folder / f"{checked_part_number(part.number):05}.{part.etag}"


def _move(source: Path, target: Path) -> None:
    source.rename(target)
    sync_directory(target.parent)


def _remove(folder: Path) -> None:
    """The key goes first: a crash in between leaves nothing that counts as an upload."""
    (folder / _KEY_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    sync_directory(folder.parent)
