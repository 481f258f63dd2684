"""An object store in memory, for tests and trials. It passes the contract suite but forgets everything at the end."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.storage.blocking import translate_os_errors
from streamtime.storage.object_store import (
    Body,
    MultipartInfo,
    ObjectInfo,
    PartInfo,
    PastEnd,
    StoredObject,
    checked_part_number,
    checked_parts,
    checked_range,
    valid_key,
    valid_prefix,
)

STREAM_CHUNK_BYTES = 64 * 1024
"""Small, so that tests detect a reader that handles only one chunk."""


@dataclass
class _Multipart:
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


class MemoryStore:
    """An `ObjectStore` that also `SupportsAdopt`, `SupportsReadNowait` and `SupportsRename`."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._multiparts: dict[str, _Multipart] = {}

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`."""
        del content_type
        valid_key(key)
        return self._store(key, await _collect(body))

    async def adopt(self, key: str, path: Path) -> StoredObject:
        """See `SupportsAdopt.adopt`: a copy."""
        valid_key(key)
        with translate_os_errors(key):
            data = await asyncio.to_thread(path.read_bytes)
        if self._objects.get(key, data) != data:
            raise Conflict(f"{key!r} is another object already.")
        return self._store(key, data)

    async def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        data = self._objects.get(valid_key(key))
        return None if data is None else ObjectInfo(key, len(data))

    def read_nowait(self, key: str, offset: int, length: int) -> bytes | None:
        """See `SupportsReadNowait.read_nowait`."""
        data = self._objects.get(key, b"")[offset : offset + length]
        return data if len(data) == length and key in self._objects else None

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        return self._range(key, offset, length)

    async def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        rest = max(0, len(self._data(key)) - offset) if length is None else length
        data = self._range(key, offset, rest)
        for start in range(0, len(data), STREAM_CHUNK_BYTES):
            yield data[start : start + STREAM_CHUNK_BYTES]

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        valid_prefix(prefix)
        for key, data in [*self._objects.items()]:
            if key.startswith(prefix):
                yield ObjectInfo(key, len(data))

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        self._objects.pop(valid_key(key), None)

    async def rename(self, key: str, to: str) -> None:
        """See `SupportsRename.rename`."""
        self._data(key)
        data = self._objects.pop(key)
        self._store(valid_key(to), data)

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """See `ObjectStore.create_multipart`."""
        del content_type
        upload_id = secrets.token_hex(16)
        self._multiparts[upload_id] = _Multipart(valid_key(key))
        return upload_id

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """See `ObjectStore.upload_part`."""
        checked_part_number(number)
        self._multipart(key, upload_id)
        data = await _collect(body)
        self._multipart(key, upload_id).parts[number] = data
        return PartInfo(number, len(data), _etag(data))

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """See `ObjectStore.complete_multipart`."""
        present = self._multipart(key, upload_id).parts
        data = bytearray()
        for part in checked_parts(parts):
            if part.number not in present or _etag(present[part.number]) != part.etag:
                raise Invalid("The upload has no such part.", field="parts")
            data += present[part.number]
        self._store(key, bytes(data))
        del self._multiparts[upload_id]
        return ObjectInfo(key, len(data))

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        if upload_id in self._multiparts and self._multiparts[upload_id].key == key:
            del self._multiparts[upload_id]

    async def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        valid_prefix(prefix)
        for upload_id, upload in [*self._multiparts.items()]:
            if upload.key.startswith(prefix):
                yield MultipartInfo(upload.key, upload_id)

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """Return None: there is no URL."""
        del key, expires_s
        return None

    async def check(self) -> None:
        """Memory is always available."""

    async def close(self) -> None:
        """Delete everything."""
        self._objects.clear()
        self._multiparts.clear()

    def _data(self, key: str) -> bytes:
        if valid_key(key) not in self._objects:
            raise NotFound
        return self._objects[key]

    def _range(self, key: str, offset: int, length: int) -> bytes:
        data = self._data(key)
        checked_range(offset, length)
        if offset + length > len(data):
            raise PastEnd(f"{key!r} ends before byte {offset + length}.")
        return data[offset : offset + length]

    def _multipart(self, key: str, upload_id: str) -> _Multipart:
        upload = self._multiparts.get(upload_id)
        if upload is None or upload.key != key:
            raise NotFound
        return upload

    def _store(self, key: str, data: bytes) -> StoredObject:
        if any(other.startswith(f"{key}/") or key.startswith(f"{other}/") for other in self._objects):
            raise Invalid(f"{key!r} and the key of another object contain each other.", field="key")
        self._objects[key] = data
        return StoredObject(key, len(data), sha256=hashlib.sha256(data).digest())


async def _collect(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"".join([data async for data in body])


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
