"""A store without files that answers no question at once, as S3 is one, in memory: counted, and at fault at will."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

from streamtime.errors import Unavailable
from streamtime.storage.memory import MemoryStore
from streamtime.storage.object_store import Body, MultipartInfo, ObjectInfo, PartInfo, StoredObject


class RemoteStore:
    """An `ObjectStore` and nothing more.

    While `fails_after` is set, each stream ends in an error after so much; while `lies` is, streams give other bytes
    than were stored; while `away` is, ranges are not answered; `off_by` is added
    to the length of what is asked for. `after_put` is called when an object is written.
    """

    part_bytes = 20_000
    """An object of the usual 50,000 bytes goes there in three parts."""

    def __init__(self) -> None:
        self._inner = MemoryStore()
        self.calls: Counter[str] = Counter()
        self.fails_after: int | None = None
        self.returns_wrong_bytes = False
        self.unavailable = False
        self.off_by = 0
        self.after_put: Callable[[], Awaitable[object]] | None = None

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        stored = await self._inner.put(key, body, content_type=content_type)
        if self.after_put is not None:
            await self.after_put()
        return stored

    async def head(self, key: str) -> ObjectInfo | None:
        return await self._inner.head(key)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        self.calls["get_range"] += 1
        if self.unavailable:
            raise Unavailable("The store does not answer.", code="storage")
        return await self._inner.get_range(key, offset, length + self.off_by)

    async def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        self.calls["stream"] += 1
        sent = 0
        async for piece in self._inner.stream(key, offset, None if length is None else length + self.off_by):
            if self.fails_after is not None and sent >= self.fails_after:
                raise Unavailable("The connection broke off.", code="storage")
            sent += len(piece)
            yield bytes(byte ^ 1 for byte in piece) if self.returns_wrong_bytes else piece

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        return self._inner.list(prefix)

    async def delete(self, key: str) -> None:
        await self._inner.delete(key)

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        return await self._inner.create_multipart(key, content_type=content_type)

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        return await self._inner.upload_part(key, upload_id, number, body)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        done = await self._inner.complete_multipart(key, upload_id, parts)
        if self.after_put is not None:
            await self.after_put()
        return done

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._inner.abort_multipart(key, upload_id)

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        return self._inner.list_multiparts(prefix)

    def signed_url(self, key: str, expires_s: int) -> str | None:
        return self._inner.signed_url(key, expires_s)

    async def check(self) -> None:
        await self._inner.check()

    async def close(self) -> None:
        await self._inner.close()
