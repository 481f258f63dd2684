"""A store that stands before another one and sees all that is asked of it.

What the inner store can do beside the port, this one can too, and nothing else: who asks `isinstance(store, ReadsNow)`
gets the inner store's answer. Subclasses say what happens around each question, in two methods.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from streamtime.storage.object_store import (
    Body,
    MultipartInfo,
    ObjectInfo,
    ObjectStore,
    PartInfo,
    StoredObject,
    SupportsAdopt,
    SupportsOpenFile,
    SupportsPartSize,
    SupportsReadNowait,
    SupportsRename,
)

R = TypeVar("R")


class StoreWrapper(ABC):
    """An `ObjectStore` before another one."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        # Set on the instance: a method of the class would claim them for every store.
        if isinstance(inner, SupportsAdopt):
            adopt = inner.adopt
            self.adopt: Callable[[str, Path], Awaitable[StoredObject]] = lambda key, path: self._call(
                "adopt", lambda: adopt(key, path), again=True
            )
        if isinstance(inner, SupportsReadNowait):
            self.read_nowait = inner.read_nowait  # it waits for nothing: there is nothing to see
        if isinstance(inner, SupportsOpenFile):
            self.open_file = inner.open_file
        if isinstance(inner, SupportsRename):
            rename = inner.rename
            self.rename: Callable[[str, str], Awaitable[None]] = lambda key, to: self._call(
                "rename", lambda: rename(key, to), again=False
            )
        if isinstance(inner, SupportsPartSize):
            self.part_bytes = inner.part_bytes

    @abstractmethod
    async def _call(self, operation: str, ask: Callable[[], Awaitable[R]], *, again: bool) -> R:
        """Ask the inner store; `again` says that it may be asked more than once."""

    @abstractmethod
    def _iterate(self, operation: str, read: Callable[[], AsyncGenerator[R, None]]) -> AsyncGenerator[R, None]:
        """Ask the inner store for one thing after another; it may be begun again before the first one came."""

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        """See `ObjectStore.put`."""
        again = isinstance(body, bytes)
        return await self._call("put", lambda: self._inner.put(key, body, content_type=content_type), again=again)

    async def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        return await self._call("head", lambda: self._inner.head(key), again=True)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        return await self._call("get_range", lambda: self._inner.get_range(key, offset, length), again=True)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        return self._iterate("stream", lambda: self._inner.stream(key, offset, length))

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        return self._iterate("list", lambda: _generator(self._inner.list(prefix)))

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        await self._call("delete", lambda: self._inner.delete(key), again=True)

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        """See `ObjectStore.create_multipart`. Never asked again: after a lost answer there would be two."""
        return await self._call(
            "create_multipart", lambda: self._inner.create_multipart(key, content_type=content_type), again=False
        )

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        """See `ObjectStore.upload_part`."""
        again = isinstance(body, bytes)
        return await self._call(
            "upload_part", lambda: self._inner.upload_part(key, upload_id, number, body), again=again
        )

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        """See `ObjectStore.complete_multipart`. Never asked again: after a lost answer it would be `NotFound`."""
        return await self._call(
            "complete_multipart", lambda: self._inner.complete_multipart(key, upload_id, parts), again=False
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `ObjectStore.abort_multipart`."""
        await self._call("abort_multipart", lambda: self._inner.abort_multipart(key, upload_id), again=True)

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        """See `ObjectStore.list_multiparts`."""
        return self._iterate("list_multiparts", lambda: _generator(self._inner.list_multiparts(prefix)))

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """See `ObjectStore.signed_url`."""
        return self._inner.signed_url(key, expires_s)

    async def check(self) -> None:
        """See `ObjectStore.check`. Asked once: who checks wants to know how it is now."""
        await self._call("check", self._inner.check, again=False)

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await self._inner.close()


async def _generator(found: AsyncIterator[R]) -> AsyncGenerator[R, None]:
    """An iterator that can be closed."""
    async for each in found:
        yield each
