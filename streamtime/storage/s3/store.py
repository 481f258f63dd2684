"""An object store in a bucket of any server that speaks S3 with signature version 4.

The name of an object is the configured prefix and its key. S3 shows an object as a whole or not at all and acknowledges
a write once it is durable, so nothing is renamed or synced here. `S3Reader` blocks: use threads.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TypeVar

from minio import Minio
from minio.error import S3Error
from urllib3 import BaseHTTPResponse

from streamtime.errors import Invalid, NotFound, StreamtimeError, TooLarge
from streamtime.storage.blocking import BlockingThreads
from streamtime.storage.object_store import (
    Body,
    MultipartInfo,
    ObjectInfo,
    PartInfo,
    PastEnd,
    StoredObject,
    StoreRefused,
    checked_range,
    is_key,
    put_in_parts,
    valid_key,
    valid_prefix,
)
from streamtime.storage.s3.connections import (
    BucketAddress,
    Interrupt,
    client_for,
    pool_for,
    translate_s3_errors,
    with_interrupt,
)
from streamtime.storage.s3.uploads import S3Uploads

MAX_LISTED = 1000
"""The page size of S3."""


STREAM_CHUNK_BYTES = 256 * 1024
"""The same as from a disk: copying dominates the cost of calls."""

_PARTIAL = 206


class S3Reader:
    """Reads objects by their full names, each range in one request. A response must be released by its opener."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def stat(self, key: str, name: str) -> ObjectInfo:
        """The length and etag of an object."""
        found = self._client.stat_object(self._bucket, name)
        return ObjectInfo(key, found.size or 0, found.etag)

    def read(self, key: str, name: str, offset: int, length: int) -> bytes:
        """Exactly that range."""
        response = self.open(key, name, offset, length)
        if response is None:
            return b""
        chunks = []
        try:
            while data := read_chunk(response):
                chunks.append(data)
        finally:
            release(response)
        return b"".join(chunks)

    def open(self, key: str, name: str, offset: int, length: int | None) -> BaseHTTPResponse | None:
        """A response to read the range from, or None if the range is empty. Raises `PastEnd`."""
        if length == 0 or (length is None and offset):
            size = self.stat(key, name).length_bytes
            length = size - offset if length is None else length
            _check_within_object(key, offset, length, size)
            if length == 0:
                return None
        response: BaseHTTPResponse = self._client.get_object(self._bucket, name, offset=offset, length=length or 0)
        try:
            _check_response(key, response, offset, length)
        except BaseException:
            release(response)
            raise
        return response


def read_chunk(response: BaseHTTPResponse) -> bytes:
    """The next chunk, b"" at the end."""
    return response.read(STREAM_CHUNK_BYTES, decode_content=False)


def release(response: BaseHTTPResponse) -> None:
    """Return the connection to the pool, or close it if the response was not read to its end."""
    response.close()
    response.release_conn()


def _check_within_object(key: str, offset: int, length: int, size: int) -> None:
    if length < 0 or offset + length > size:
        raise PastEnd(f"{key!r} ends before byte {max(offset, offset + length)}.")


def _check_response(key: str, response: BaseHTTPResponse, offset: int, length: int | None) -> None:
    """Raise if the response is not the requested range."""
    if length is None:
        return
    announced = int(response.headers.get("content-length", -1))
    if response.status == _PARTIAL and announced == length:
        return
    if announced > length or (response.status != _PARTIAL and offset):
        raise StoreRefused("The video store does not know ranges.")
    _check_within_object(key, offset, length, offset + announced)


R = TypeVar("R")

MAX_SIGNED_URL_S = 7 * 86400
"""The limit of signature version 4."""


class S3Store:
    """An `ObjectStore` in a bucket, with `SupportsPartSize` as its only optional capability."""

    def __init__(self, address: BucketAddress) -> None:
        self._bucket = address.bucket
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        self._part_bytes = address.part_bytes
        pool = pool_for(address, address.endpoint)
        self._client = client_for(address, address.endpoint, pool)
        self._public = None
        if address.public_endpoint:
            self._public = client_for(address, address.public_endpoint, pool_for(address, address.public_endpoint))
        self._reader = S3Reader(self._client, address.bucket)
        self._uploads = S3Uploads(address, pool)
        self._threads = BlockingThreads(address.connections)

    @property
    def part_bytes(self) -> int:
        """The part size."""
        return self._part_bytes

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`: a stream longer than one part is uploaded in parts."""
        name = self._name(key)
        if not isinstance(body, bytes):
            return await put_in_parts(self, key, body, part_bytes=self._part_bytes, content_type=content_type)
        return await self._run(partial(self._put, key, name, body, content_type))

    async def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        try:
            return await self._run(partial(self._reader.stat, key, self._name(key)))
        except NotFound:
            return None

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """See `ObjectStore.get_range`: one request."""
        checked_range(offset, length)
        return await self._run(partial(self._reader.read, key, self._name(key), offset, length))

    async def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`: one request; its connection is always released."""
        checked_range(offset, length or 0)
        name = self._name(key)
        interrupt = Interrupt()
        opened: list[BaseHTTPResponse | None] = []
        try:
            await self._run(lambda: opened.append(self._reader.open(key, name, offset, length)), interrupt)
            while opened[0] is not None and (data := await self._run(partial(read_chunk, opened[0]), interrupt)):
                yield data
        finally:
            for response in filter(None, opened):  # also if the caller was cancelled while it was opened
                release(response)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`. Objects whose names are not valid keys are skipped."""
        found = self._client.list_objects(
            self._bucket, self._prefix + valid_prefix(prefix), recursive=True, use_url_encoding_type=True
        )
        while page := await self._run(lambda: [*islice(found, MAX_LISTED)]):
            for item in page:
                key = (item.object_name or "").removeprefix(self._prefix)
                if is_key(key):
                    yield ObjectInfo(key, item.size or 0, item.etag)

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        name = self._name(key)
        try:
            await self._run(lambda: self._client.remove_object(self._bucket, name))
        except NotFound:
            return

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """See `ObjectStore.create_multipart`."""
        name = self._name(key)

        def create() -> str:
            self._check_key_not_nested(key, name)
            return self._uploads.create(name, content_type)

        return await self._run(create)

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """See `ObjectStore.upload_part`; a streamed part is read into memory first, since S3 needs its hash."""
        name = self._name(key)
        data = body if isinstance(body, bytes) else await self._collect(body)
        return await self._run(partial(self._uploads.put_part, name, upload_id, number, data))

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """See `ObjectStore.complete_multipart`."""
        name = self._name(key)
        # Checked first, because servers differ: some accept a second completion of the same upload.
        if MultipartInfo(key, upload_id) not in [upload async for upload in self.list_multiparts(key)]:
            raise NotFound
        try:
            etag = await self._run(partial(self._uploads.complete, name, upload_id, parts))
        except NotFound as error:  # the response of some servers to an upload without parts
            raise Invalid("The upload has no such part.", field="parts") from error
        return ObjectInfo(key, sum(part.length_bytes for part in parts), etag)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        try:
            await self._run(partial(self._uploads.abort, self._name(key), upload_id))
        except NotFound:
            return

    async def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        wanted = self._prefix + valid_prefix(prefix)
        after: str | None = None
        while True:
            page, after = await self._run(partial(self._uploads.page, wanted, after))
            for upload in page:
                key = upload.key.removeprefix(self._prefix)
                if upload.key.startswith(wanted) and is_key(key):
                    yield MultipartInfo(key, upload.upload_id)
            if after is None:
                return

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """See `ObjectStore.signed_url`: at the public endpoint; None if there is none."""
        name = self._name(key)
        if self._public is None:
            return None
        expires = timedelta(seconds=min(max(1, expires_s), MAX_SIGNED_URL_S))
        return self._public.presigned_get_object(self._bucket, name, expires)

    async def check(self) -> None:
        """See `ObjectStore.check`: whether the bucket can be listed. `trial.py` tests all required operations."""
        await self._run(lambda: next(self._client.list_objects(self._bucket, f"{self._prefix}check/"), None))

    async def is_versioned(self) -> bool:
        """Whether the bucket keeps versions of deleted objects. False if that cannot be read."""
        try:
            return await self._run(lambda: self._client.get_bucket_versioning(self._bucket).status == "Enabled")
        except StreamtimeError:
            return False

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        self._threads.close()

    def _name(self, key: str) -> str:
        return self._prefix + valid_key(key)

    async def _run(self, call: Callable[[], R], interrupt: Interrupt | None = None) -> R:
        """Run a call in a thread, interrupt it when the caller is cancelled, and translate its errors."""
        interrupt = interrupt or Interrupt()
        with translate_s3_errors():
            return await self._threads.run_interruptible(interrupt.trigger, with_interrupt, interrupt, call)

    def _put(self, key: str, name: str, data: bytes, content_type: str | None) -> StoredObject:
        self._check_key_not_nested(key, name)
        etag = self._uploads.put_whole(name, data, content_type)
        return StoredObject(key, len(data), etag, sha256=hashlib.sha256(data).digest())

    def _check_key_not_nested(self, key: str, name: str) -> None:
        """Raise `Invalid` if the key is a folder of another key, or another key its folder, as in a file system."""
        has_children = next(self._client.list_objects(self._bucket, f"{name}/", recursive=True), None) is not None
        folders = key.split("/")[:-1]
        parents = ("/".join(folders[: n + 1]) for n in range(len(folders)))
        if has_children or any(self._exists(self._prefix + folder) for folder in parents):
            raise Invalid(f"{key!r} and the key of another object contain each other.", field="key")

    def _exists(self, name: str) -> bool:
        try:
            self._client.stat_object(self._bucket, name)
        except S3Error as error:
            if error.code == "NoSuchKey":
                return False
            raise
        return True

    async def _collect(self, body: Body) -> bytes:
        buffer = bytearray()
        if isinstance(body, bytes):
            return body
        async for data in body:
            buffer += data
            if len(buffer) > self._part_bytes:
                raise TooLarge(f"A part can have {self._part_bytes} bytes: storage.s3.part_size.")
        return bytes(buffer)
