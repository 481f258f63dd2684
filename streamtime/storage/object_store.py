"""The interface of object stores: S3's operations and terms, object keys, and the optional capabilities of a store.

An object is written once and becomes visible only as a whole. Every adapter raises the same errors, and
`tests/contracts` runs one test suite against all adapters:

    Invalid                      the key is not valid, or contains the key of another object
    NotFound                     no such object or multipart upload
    NoSpace                      the disk is full or a quota is exceeded
    Unavailable, code "storage"  the store cannot do it now
    StoreRefused                 an `Unavailable` that a retry does not fix
    PastEnd                      a `StoreRefused`: the range ends after the object
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from streamtime.errors import Invalid, StreamtimeError, TooLarge, Unavailable

MAX_KEY_CHARACTERS = 512
"""S3 allows 1,024 bytes; the rest is left for the configured prefix of a shared bucket."""

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,126}"
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]*")


def is_key(text: str) -> bool:
    """Whether a text is a valid object key; see `valid_key`."""
    return len(text) <= MAX_KEY_CHARACTERS and _KEY.fullmatch(text) is not None


def valid_key(key: str) -> str:
    """Return the key if it is relative, consists of `A-Z a-z 0-9 . _ - /`, and no segment starts with a dot.

    Raises:
        Invalid: any other text. Names that begin with a dot are reserved for the adapters.
    """
    if not is_key(key):
        raise Invalid(f"{key[:80]!r} is no object key.", field="key")
    return key


def valid_prefix(prefix: str) -> str:
    """Return the prefix if keys can begin with it.

    Raises:
        Invalid: no key can begin with it.
    """
    traverses = prefix.startswith("/") or any(part.startswith(".") for part in prefix.split("/"))
    if len(prefix) > MAX_KEY_CHARACTERS or traverses or _PREFIX.fullmatch(prefix) is None:
        raise Invalid(f"{prefix[:80]!r} is no prefix of object keys.", field="prefix")
    return prefix


Body: TypeAlias = AsyncIterable[bytes] | bytes
"""The content of an object or part: bytes, or a stream, which is never held in memory as a whole."""

MAX_PART_NUMBER = 10_000
"""The limit of S3."""


class StoreRefused(Unavailable):
    """The store refused the request and would refuse it again: it is not retried."""

    code = "storage"


class PastEnd(StoreRefused):
    """The requested range ends after the object."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Metadata of an object. `etag` is the store's own entity tag, if it has one."""

    key: str
    length_bytes: int
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class StoredObject(ObjectInfo):
    """An object that was just written, with the SHA-256 (32 bytes) of its content."""

    sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class PartInfo:
    """One uploaded part, as `complete_multipart` takes it. Numbers run from 1 to 10,000."""

    number: int
    length_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class MultipartInfo:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str


def checked_range(offset: int, length: int) -> None:
    """Raise ValueError for a negative offset or length. Ranges past the end are checked by the store."""
    if offset < 0 or length < 0:
        raise ValueError(f"no such range: {length} bytes at {offset}")


def checked_parts(parts: Sequence[PartInfo]) -> Sequence[PartInfo]:
    """The parts in the order of their numbers; raises `Invalid` if there are none, or two with one number."""
    ordered = sorted(parts, key=lambda part: part.number)
    if not ordered or len({part.number for part in ordered}) != len(ordered):
        raise Invalid("A multipart upload is completed with one part or more, each number once.", field="parts")
    return ordered


def checked_part_number(number: int) -> int:
    """The number; raises `Invalid` outside 1 to 10,000."""
    if not 1 <= number <= MAX_PART_NUMBER:
        raise Invalid(f"Parts are numbered from 1 to {MAX_PART_NUMBER}, not {number}.", field="number")
    return number


class ObjectStore(Protocol):
    """A store of immutable objects, each under a key."""

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """Store an object, replacing one with the same key: invisible until this returns, durable afterwards.

        An error or a cancellation, also of the body, leaves nothing behind.
        """
        ...

    async def head(self, key: str) -> ObjectInfo | None:
        """Metadata of an object, or None if there is none."""
        ...

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`; raises `PastEnd` if the object ends before that."""
        ...

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the range in chunks, to the end of the object if `length` is None; use `contextlib.aclosing`.

        Errors are raised before the first chunk. If the object is deleted during the read, the stream either
        completes or raises.
        """
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Every object whose key starts with `prefix` ("" for all), in no particular order."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object, durably once this returns. A missing object is not an error."""
        ...

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """Begin a multipart upload; returns its upload id, which remains valid across restarts."""
        ...

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """Store a part, in any order, replacing an earlier one with its number. S3 requires at least 5 MiB."""
        ...

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """Combine the parts in the order of their numbers; raises `Invalid` if a part is missing."""
        ...

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Delete an upload and its parts. A missing upload is not an error."""
        ...

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """Every unfinished upload whose key starts with `prefix`; MinIO lists only those whose key equals it."""
        ...

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """A presigned URL that is valid for `expires_s` seconds; None if the store cannot serve objects itself."""
        ...

    async def check(self) -> None:
        """Return if the store can be read and written now, else raise `Unavailable`."""
        ...

    async def close(self) -> None:
        """Release threads, descriptors and connections. The store cannot be used afterwards."""
        ...


@runtime_checkable
class SupportsAdopt(Protocol):
    """A store that can take over a local file, often without copying it."""

    async def adopt(self, key: str, path: Path) -> StoredObject:
        """Create an object from a file that is no longer written; the caller deletes the file.

        Durable once this returns. It can be repeated, also after a crash, as long as the object equals the file.

        Raises:
            Conflict: the key has an object with other content.
            NotFound: the file is missing.
        """
        ...


@runtime_checkable
class SupportsReadNowait(Protocol):
    """A store that can often read without blocking, hence without a thread."""

    def read_nowait(self, key: str, offset: int, length: int) -> bytes | None:
        """The range if it can be read without blocking, else None. Call it in the event loop's thread only."""
        ...


@runtime_checkable
class SupportsRename(Protocol):
    """A store that can rename an object without copying it. For others `maintenance/orphans.py` copies."""

    async def rename(self, key: str, to: str) -> None:
        """Move an object to another key, replacing an object there. Raises `NotFound`."""
        ...


class OpenedFile(Protocol):
    """A file open for reading; it is closed when the last reference is gone."""

    @property
    def descriptor(self) -> int:
        """The file descriptor, valid as long as this object exists."""
        ...


@runtime_checkable
class SupportsOpenFile(Protocol):
    """A store whose objects are local files, so that a worker can read them by descriptor."""

    async def open_file(self, key: str) -> OpenedFile:
        """Open the object for reading. Raises `NotFound`."""
        ...


@runtime_checkable
class SupportsPartSize(Protocol):
    """A remote store: objects longer than one part should be uploaded in parts."""

    @property
    def part_bytes(self) -> int:
        """The part size."""
        ...


async def put_in_parts(
    store: ObjectStore, key: str, body: AsyncIterable[bytes], *, part_bytes: int, content_type: str | None
) -> StoredObject:
    """Put a stream of unknown length into a store that takes only bytes and parts; see `ObjectStore.put`.

    One part at a time is held in memory; a body shorter than one part is put in one request.

    Raises:
        TooLarge: the body has more than 10,000 parts.
    """
    async with aclosing(split_parts(body, part_bytes)) as parts:
        first = await anext(parts)
        if len(first) < part_bytes:
            return await store.put(key, first, content_type=content_type)
        upload_id = await store.create_multipart(key, content_type=content_type)
        try:
            return await _upload_parts(store, key, upload_id, first, parts)
        except BaseException:
            # Also after a cancellation: the uploaded parts are deleted before the error is raised.
            await _abort(store, key, upload_id)
            raise


async def split_parts(body: AsyncIterable[bytes], part_bytes: int) -> AsyncGenerator[bytes, None]:
    """Split the body into parts of that size, the last one shorter; an empty body is one empty part."""
    buffer = bytearray()
    count = 0
    async for data in body:
        buffer += data
        while len(buffer) >= part_bytes:
            yield bytes(buffer[:part_bytes])
            count += 1
            del buffer[:part_bytes]
    if buffer or not count:
        yield bytes(buffer)


async def _upload_parts(
    store: ObjectStore, key: str, upload_id: str, first: bytes, rest: AsyncGenerator[bytes, None]
) -> StoredObject:
    digest = hashlib.sha256()
    await asyncio.to_thread(digest.update, first)
    done = [await store.upload_part(key, upload_id, 1, first)]
    async for part in rest:
        if len(done) == MAX_PART_NUMBER:
            raise TooLarge(f"An object can have {MAX_PART_NUMBER} parts: choose a larger storage.s3.part_size.")
        await asyncio.to_thread(digest.update, part)
        done.append(await store.upload_part(key, upload_id, len(done) + 1, part))
    completed = await store.complete_multipart(key, upload_id, done)
    length = sum(part.length_bytes for part in done)
    return StoredObject(key, length, completed.etag, sha256=digest.digest())


async def _abort(store: ObjectStore, key: str, upload_id: str) -> None:
    """Abort the upload, also in a cancelled task. If the store is unavailable, garbage collection aborts it later."""
    aborting = asyncio.ensure_future(store.abort_multipart(key, upload_id))
    while not aborting.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([aborting])
    with suppress(StreamtimeError):
        aborting.result()
