"""The port every object store speaks: S3's own operations and terms.

It knows keys, bytes and ranges; it knows nothing of videos, rows or permissions. An object is written once,
whole, and nobody ever sees half of one. Where an operation may fail, it raises, whatever the adapter:

    Invalid                      a key that breaks the rules of `object_store.py`, or is a folder of another one
    NotFound                     no such object, no such multipart upload
    NoSpace                      the disk is full or a quota is spent
    Unavailable, code "storage"  all else that the store cannot do now
    Refused                      the `Unavailable` that asking again does not cure
    PastEnd                      the `StoreRefused` of a range that leaves the object

The contract suite in `tests/contracts` holds for every adapter.

What an object key may look like. It knows text only, so that no adapter ever sees a path that climbs.

Putting a stream of unknown length into a store that takes only whole bodies and parts.

It holds one part in memory. What fits into one is put as it is; of anything longer nothing is visible before its
last part has arrived, and nothing is left where it never does.
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
"""S3 allows 1,024 bytes; the rest is room for the prefix that a bucket may be shared under."""

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,126}"
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]*")


def is_key(text: str) -> bool:
    """Whether a text is a key; see `valid_key`."""
    return len(text) <= MAX_KEY_CHARACTERS and _KEY.fullmatch(text) is not None


def valid_key(key: str) -> str:
    """The key itself, when it is relative, of `A-Z a-z 0-9 . _ - /`, and no segment starts with a dot.

    Raises:
        Invalid: for any other text. Names that begin with a dot belong to the adapters.
    """
    if not is_key(key):
        raise Invalid(f"{key[:80]!r} is no object key.", field="key")
    return key


def valid_prefix(prefix: str) -> str:
    """The prefix itself, when keys could begin with it.

    Raises:
        Invalid: for a text that no key begins with.
    """
    climbs = prefix.startswith("/") or any(part.startswith(".") for part in prefix.split("/"))
    if len(prefix) > MAX_KEY_CHARACTERS or climbs or _PREFIX.fullmatch(prefix) is None:
        raise Invalid(f"{prefix[:80]!r} is no prefix of object keys.", field="prefix")
    return prefix


Body: TypeAlias = AsyncIterable[bytes] | bytes
"""What is put: all at once, or as it comes; a stream is never held in memory as a whole."""

MAX_PART_NUMBER = 10_000
"""As S3 has it."""


class StoreRefused(Unavailable):
    """The store has answered, and would answer the same if it were asked again at once: nobody repeats it."""

    code = "storage"


class PastEnd(StoreRefused):
    """The object ends before the range that was asked for does."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows of an object without reading it. `etag` is its own mark, where it has one."""

    key: str
    length_bytes: int
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class StoredObject(ObjectInfo):
    """An object just written, with the SHA-256 (32 bytes) of the bytes that went through our hands."""

    sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class PartInfo:
    """One part of a multipart upload, handed back to `complete_multipart`. Numbers run from 1 to 10,000."""

    number: int
    length_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class MultipartInfo:
    """A multipart upload that was begun and neither completed nor aborted."""

    key: str
    upload_id: str


def checked_range(offset: int, length: int) -> None:
    """Raise ValueError for a range that no caller can mean; one past the end depends on the object."""
    if offset < 0 or length < 0:
        raise ValueError(f"no such range: {length} bytes at {offset}")


def checked_parts(parts: Sequence[PartInfo]) -> Sequence[PartInfo]:
    """The parts by number; raises `Invalid` where there are none, or two of one number."""
    ordered = sorted(parts, key=lambda part: part.number)
    if not ordered or len({part.number for part in ordered}) != len(ordered):
        raise Invalid("A multipart upload is completed with one part or more, each number once.", field="parts")
    return ordered


def checked_part_number(number: int) -> int:
    """The number; raises `Invalid` where S3 has no such part."""
    if not 1 <= number <= MAX_PART_NUMBER:
        raise Invalid(f"Parts are numbered from 1 to {MAX_PART_NUMBER}, not {number}.", field="number")
    return number


class ObjectStore(Protocol):
    """A store of whole objects under keys that never change."""

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """Store an object, in place of one that has the key: durable once this returns, invisible before.

        An error or a cancellation on the way, of the body too, leaves nothing behind.
        """
        ...

    async def head(self, key: str) -> ObjectInfo | None:
        """What is known of an object, or None where there is none."""
        ...

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset` on; a range that leaves the object is an error."""
        ...

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The same range in pieces, to the end where `length` is None; close it with `contextlib.aclosing`.

        Errors come with the first piece. An object deleted meanwhile is still read to its end, or ends in an
        error.
        """
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Every object whose key starts with `prefix` (any text, "" for all), in no promised order."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object, for good once this returns. A missing object is a success."""
        ...

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """Begin an object that arrives in parts; returns its upload id, which outlives a restart."""
        ...

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """Store a part, in any order, in place of an earlier one of its number. S3 wants 5 MiB of each."""
        ...

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """Make the parts one object, in the order of their numbers; `Invalid` for a part not there."""
        ...

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts. One that is not there is a success."""
        ...

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """Every upload in the making whose key starts with `prefix`; MinIO tells of those alone whose key it is."""
        ...

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """A URL that serves the object itself for `expires_s` seconds; None where the server must do it."""
        ...

    async def check(self) -> None:
        """Return when the store can be read and written now, else raise `Unavailable`."""
        ...

    async def close(self) -> None:
        """Let go of threads, descriptors and connections. Nothing may be asked afterwards."""
        ...


@runtime_checkable
class SupportsAdopt(Protocol):
    """A store that can take a file as it lies on disk, often without moving a byte."""

    async def adopt(self, key: str, path: Path) -> StoredObject:
        """Make an object of a file that nobody writes any more; the file stays, the caller removes it.

        Durable once this returns. Repeating it, after a crash too, is a success while the object equals the
        file, and `Conflict` where it does not. `NotFound` where the file is missing.
        """
        ...


@runtime_checkable
class SupportsReadNowait(Protocol):
    """A store that can often answer at once, without a thread."""

    def read_nowait(self, key: str, offset: int, length: int) -> bytes | None:
        """The range if it can be had without waiting, else None. On the loop's thread only."""
        ...


@runtime_checkable
class SupportsRename(Protocol):
    """A store that can rename an object without copying it. For others `maintenance/orphans.py` copies."""

    async def rename(self, key: str, to: str) -> None:
        """Move an object to another key, in place of one that has it. Raises `NotFound`."""
        ...


class OpenedFile(Protocol):
    """A file open for reading; it closes when its last user lets go of it."""

    @property
    def descriptor(self) -> int:
        """The descriptor, for as long as this object lives."""
        ...


@runtime_checkable
class SupportsOpenFile(Protocol):
    """A store whose objects are files of this machine, so that a worker can be handed one."""

    async def open_file(self, key: str) -> OpenedFile:
        """The object, open for reading. Raises `NotFound`."""
        ...


@runtime_checkable
class SupportsPartSize(Protocol):
    """A store behind a line that may break off: what is longer than a part is better sent as several."""

    @property
    def part_bytes(self) -> int:
        """How much is sent at once."""
        ...


async def put_in_parts(
    store: ObjectStore, key: str, body: AsyncIterable[bytes], *, part_bytes: int, content_type: str | None
) -> StoredObject:
    """See `ObjectStore.put`. Raises `TooLarge` for more than 10,000 parts."""
    async with aclosing(split_parts(body, part_bytes)) as parts:
        first = await anext(parts)
        if len(first) < part_bytes:
            return await store.put(key, first, content_type=content_type)
        upload_id = await store.create_multipart(key, content_type=content_type)
        try:
            return await _upload_parts(store, key, upload_id, first, parts)
        except BaseException:
            # Whatever happened, a cancellation too: what has arrived is taken back before it is told.
            await _abort(store, key, upload_id)
            raise


async def split_parts(body: AsyncIterable[bytes], part_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body in parts of that size, the last one shorter; an empty body is one empty part."""
    gathered = bytearray()
    whole = 0
    async for data in body:
        gathered += data
        while len(gathered) >= part_bytes:
            yield bytes(gathered[:part_bytes])
            whole += 1
            del gathered[:part_bytes]
    if gathered or not whole:
        yield bytes(gathered)


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
    whole = await store.complete_multipart(key, upload_id, done)
    length = sum(part.length_bytes for part in done)
    return StoredObject(key, length, whole.etag, sha256=digest.digest())


async def _abort(store: ObjectStore, key: str, upload_id: str) -> None:
    """Drop the upload, also in a task that is being cancelled. A store that is away keeps it: collecting finds it."""
    aborting = asyncio.ensure_future(store.abort_multipart(key, upload_id))
    while not aborting.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([aborting])
    with suppress(StreamtimeError):
        aborting.result()
