"""An object store in a bucket of any server that speaks S3 with signature version 4.

It knows names and what S3 promises of them. Connections are known to `connections.py`, errors to `errors.py`,
reading to `store.py`, uploads to `multipart.py`. An object's name is the prefix of this deployment and its key.
S3 shows an object whole or not at all, and calls it written when it is durable; so nothing is renamed or synced here.

Reading from a bucket: what is known of an object, and ranges of it, each by one request.

A response holds a connection: whoever opened one lets it go, come what may. Everything blocks, and belongs in a thread.

Uploads, whole and in parts. The `minio` package keeps these requests private: this file alone asks for them.

The contract suite guards it against a version that names them otherwise. Everything blocks, and belongs in a thread.
"""

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TypeVar

from minio import Minio
from minio.datatypes import Part
from minio.error import S3Error
from urllib3 import BaseHTTPResponse

from streamtime.errors import Invalid, NotFound, StreamtimeError, TooLarge
from streamtime.storage.blocking import BlockingThreads, unavailable
from streamtime.storage.object_store import (
    Body,
    MultipartInfo,
    ObjectInfo,
    PartInfo,
    PastEnd,
    StoredObject,
    StoreRefused,
    checked_part_number,
    checked_parts,
    checked_range,
    is_key,
    put_in_parts,
    valid_key,
    valid_prefix,
)
from streamtime.storage.s3.connections import BucketAddress, Interrupt, client_for, translate_s3_errors, with_interrupt

_UPLOAD_ID = re.compile(r"(?!.*\.\.)[A-Za-z0-9._~+/=-]{1,1024}")
"""What any server may give: nothing that climbs, where one takes it for a path."""

MAX_LISTED = 1000
"""As S3 has it."""


class S3Multiparts:
    """The uploads in the making of one bucket, by the full names of their objects."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_whole(self, name: str, data: bytes, content_type: str | None) -> str:
        """Store an object by one request; returns its etag. The public way would cut it into parts of 5 MiB."""
        headers = _headers(content_type)
        return self._client._put_object(self._bucket, name, data, headers).etag or ""  # noqa: SLF001  # see above

    def create(self, name: str, content_type: str | None) -> str:
        """Begin one; returns its id."""
        return self._client._create_multipart_upload(self._bucket, name, _headers(content_type))  # noqa: SLF001  # see above

    def put_part(self, name: str, upload_id: str, number: int, data: bytes) -> PartInfo:
        """Store one part, in place of an earlier one of its number."""
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        checked_part_number(number)
        etag = self._client._upload_part(self._bucket, name, data, None, upload_id, number)  # noqa: SLF001  # see above
        return PartInfo(number, len(data), etag)

    def complete(self, name: str, upload_id: str, parts: Sequence[PartInfo]) -> str:
        """Make the parts one object; returns its etag."""
        ordered = [Part(part.number, part.etag) for part in checked_parts(parts)]
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        done = self._client._complete_multipart_upload(self._bucket, name, upload_id, ordered)  # noqa: SLF001  # see above
        if done.etag is None:
            # The answer begins before the work does: a failure on the way comes as 200 with an error inside.
            raise unavailable("The video store could not put the parts together.")
        return done.etag

    def abort(self, name: str, upload_id: str) -> None:
        """Drop an upload; raises `NotFound` or the library's own error where there is none."""
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        self._client._abort_multipart_upload(self._bucket, name, upload_id)  # noqa: SLF001  # see above

    def page(self, prefix: str, after: str | None) -> tuple[list[MultipartInfo], str | None]:
        """Some uploads whose names begin with the prefix, and the mark to go on from, or None at the end.

        Of more than a thousand for one name the rest comes once these are gone.
        """
        found = self._client._list_multipart_uploads(self._bucket, prefix=prefix, key_marker=after)  # noqa: SLF001  # see above
        uploads = [
            MultipartInfo(upload.object_name, upload.upload_id)
            for upload in found.uploads
            if upload.object_name and upload.upload_id
        ]
        goes_on = found.is_truncated and found.next_key_marker != after
        return uploads, found.next_key_marker if goes_on else None


def _headers(content_type: str | None) -> dict[str, str | list[str] | tuple[str]]:
    return {"Content-Type": content_type or "application/octet-stream"}


STREAM_CHUNK_BYTES = 256 * 1024
"""As from a disk: calls cost little beside copying."""

_PARTIAL = 206


class S3Reader:
    """Reads the objects of one bucket, by their full names."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def stat(self, key: str, name: str) -> ObjectInfo:
        """Length and etag."""
        found = self._client.stat_object(self._bucket, name)
        return ObjectInfo(key, found.size or 0, found.etag)

    def read(self, key: str, name: str, offset: int, length: int) -> bytes:
        """Exactly that range."""
        response = self.open(key, name, offset, length)
        if response is None:
            return b""
        pieces = []
        try:
            while data := read_chunk(response):
                pieces.append(data)
        finally:
            release(response)
        return b"".join(pieces)

    def open(self, key: str, name: str, offset: int, length: int | None) -> BaseHTTPResponse | None:
        """A response to read the range from, or None where it is empty. Raises `PastEnd`."""
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
    """The next bytes, b"" at the end."""
    return response.read(STREAM_CHUNK_BYTES, decode_content=False)


def release(response: BaseHTTPResponse) -> None:
    """Give the connection back, or close it where it was not read to its end."""
    response.close()
    response.release_conn()


def _check_within_object(key: str, offset: int, length: int, size: int) -> None:
    if length < 0 or offset + length > size:
        raise PastEnd(f"{key!r} ends before byte {max(offset, offset + length)}.")


def _check_response(key: str, response: BaseHTTPResponse, offset: int, length: int | None) -> None:
    """Raise where the answer is not the range that was asked for."""
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
"""As signature version 4 has it."""


class S3Store:
    """An `ObjectStore` in a bucket. It has no files to adopt or to open, and nothing that could be read at once."""

    def __init__(self, address: BucketAddress) -> None:
        self._bucket = address.bucket
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        self._part_bytes = address.part_bytes
        self._client = client_for(address, address.endpoint)
        self._public = client_for(address, address.public_endpoint) if address.public_endpoint else None
        self._reader = S3Reader(self._client, address.bucket)
        self._multiparts = S3Multiparts(self._client, address.bucket)
        self._threads = BlockingThreads(address.connections)

    @property
    def part_bytes(self) -> int:
        """How much of an object is sent at once."""
        return self._part_bytes

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`: in parts where it is longer than one."""
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
        """See `ObjectStore.stream`: one request, whose connection is given back at the end, come what may."""
        checked_range(offset, length or 0)
        name = self._name(key)
        interrupt = Interrupt()
        opened: list[BaseHTTPResponse | None] = []
        try:
            await self._run(lambda: opened.append(self._reader.open(key, name, offset, length)), interrupt)
            while opened[0] is not None and (data := await self._run(partial(read_chunk, opened[0]), interrupt)):
                yield data
        finally:
            for response in filter(None, opened):  # opened for a caller that is cancelled, too
                release(response)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`. What somebody else keeps under names that are no keys is passed over."""
        found = self._client.list_objects(
            self._bucket, self._prefix + valid_prefix(prefix), recursive=True, use_url_encoding_type=True
        )
        while page := await self._run(lambda: [*islice(found, MAX_LISTED)]):
            for each in page:
                key = (each.object_name or "").removeprefix(self._prefix)
                if is_key(key):
                    yield ObjectInfo(key, each.size or 0, each.etag)

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
            return self._multiparts.create(name, content_type)

        return await self._run(create)

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """See `ObjectStore.upload_part`; a streamed part is gathered first, for S3 wants its hash before it."""
        name = self._name(key)
        data = body if isinstance(body, bytes) else await self._collect(body)
        return await self._run(partial(self._multiparts.put_part, name, upload_id, number, data))

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """See `ObjectStore.complete_multipart`."""
        name = self._name(key)
        # Asked for, since some servers complete a second time what is complete, and others do not.
        if MultipartInfo(key, upload_id) not in [upload async for upload in self.list_multiparts(key)]:
            raise NotFound
        try:
            etag = await self._run(partial(self._multiparts.complete, name, upload_id, parts))
        except NotFound as error:  # said by some of an upload that has no part yet
            raise Invalid("The upload has no such part.", field="parts") from error
        return ObjectInfo(key, sum(part.length_bytes for part in parts), etag)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        try:
            await self._run(partial(self._multiparts.abort, self._name(key), upload_id))
        except NotFound:
            return

    async def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        wanted = self._prefix + valid_prefix(prefix)
        after: str | None = None
        while True:
            page, after = await self._run(partial(self._multiparts.page, wanted, after))
            for upload in page:
                key = upload.key.removeprefix(self._prefix)
                if upload.key.startswith(wanted) and is_key(key):
                    yield MultipartInfo(key, upload.upload_id)
            if after is None:
                return

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """See `ObjectStore.signed_url`: at the public endpoint; None where there is none."""
        name = self._name(key)
        if self._public is None:
            return None
        expires = timedelta(seconds=min(max(1, expires_s), MAX_SIGNED_URL_S))
        return self._public.presigned_get_object(self._bucket, name, expires)

    async def check(self) -> None:
        """See `ObjectStore.check`: whether the bucket can be listed. `trial.py` tries all that is needed."""
        await self._run(lambda: next(self._client.list_objects(self._bucket, f"{self._prefix}check/"), None))

    async def is_versioned(self) -> bool:
        """Whether the bucket keeps what is deleted in it. False where the key may not ask, or nobody knows."""
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
        """A call in a thread; broken off when the caller is cancelled. Its errors are translated."""
        interrupt = interrupt or Interrupt()
        with translate_s3_errors():
            return await self._threads.run_interruptible(interrupt.trigger, with_interrupt, interrupt, call)

    def _put(self, key: str, name: str, data: bytes, content_type: str | None) -> StoredObject:
        self._check_key_not_nested(key, name)
        etag = self._multiparts.put_whole(name, data, content_type)
        return StoredObject(key, len(data), etag, sha256=hashlib.sha256(data).digest())

    def _check_key_not_nested(self, key: str, name: str) -> None:
        """Raise `Invalid` for a key inside another object's, or around it: a file system could not hold both."""
        inside = next(self._client.list_objects(self._bucket, f"{name}/", recursive=True), None) is not None
        folders = key.split("/")[:-1]
        around = ("/".join(folders[: n + 1]) for n in range(len(folders)))
        if inside or any(self._exists(self._prefix + folder) for folder in around):
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
        gathered = bytearray()
        if isinstance(body, bytes):
            return body
        async for data in body:
            gathered += data
            if len(gathered) > self._part_bytes:
                raise TooLarge(f"A part can have {self._part_bytes} bytes: storage.s3.part_size.")
        return bytes(gathered)
