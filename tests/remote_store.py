"""A store without files that answers no question at once, as S3 is one, in memory: counted, and at fault at will."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

from streamtime.errors import Unavailable
from streamtime.storage.memory import MemoryStore
from streamtime.storage.object_store import Body, MultipartInfo, ObjectInfo, PartInfo, StoredObject


class RemoteStore:
    """An `ObjectStore` and nothing more.

    While `breaks_after` is set, each stream ends in an error after so much; while `lies` is, streams give other bytes
    than were stored; while `away` is, ranges are not answered; `off_by` is added
    to the length of what is asked for. `after_put` is called when an object is written.
    """

    part_bytes = 20_000
    """An object of the usual 50,000 bytes goes there in three parts."""

    def __init__(self) -> None:
        self._kept = MemoryStore()
        self.asked: Counter[str] = Counter()
        self.breaks_after: int | None = None
        self.lies = False
        self.away = False
        self.off_by = 0
        self.after_put: Callable[[], Awaitable[object]] | None = None

    async def put(self, key: str, body: Body, *, content_type: str | None = None) -> StoredObject:
        stored = await self._kept.put(key, body, content_type=content_type)
        if self.after_put is not None:
            await self.after_put()
        return stored

    async def head(self, key: str) -> ObjectInfo | None:
        return await self._kept.head(key)

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        self.asked["get_range"] += 1
        if self.away:
            raise Unavailable("The store does not answer.", code="storage")
        return await self._kept.get_range(key, offset, length + self.off_by)

    async def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        self.asked["stream"] += 1
        sent = 0
        async for piece in self._kept.stream(key, offset, None if length is None else length + self.off_by):
            if self.breaks_after is not None and sent >= self.breaks_after:
                raise Unavailable("The connection broke off.", code="storage")
            sent += len(piece)
            yield bytes(byte ^ 1 for byte in piece) if self.lies else piece

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        return self._kept.list(prefix)

    async def delete(self, key: str) -> None:
        await self._kept.delete(key)

    async def create_multipart(self, key: str, *, content_type: str | None = None) -> str:
        return await self._kept.create_multipart(key, content_type=content_type)

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> PartInfo:
        return await self._kept.upload_part(key, upload_id, number, body)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo:
        done = await self._kept.complete_multipart(key, upload_id, parts)
        if self.after_put is not None:
            await self.after_put()
        return done

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._kept.abort_multipart(key, upload_id)

    def list_multiparts(self, prefix: str) -> AsyncIterator[MultipartInfo]:
        return self._kept.list_multiparts(prefix)

    def signed_url(self, key: str, expires_s: int) -> str | None:
        return self._kept.signed_url(key, expires_s)

    async def check(self) -> None:
        await self._kept.check()

    async def close(self) -> None:
        await self._kept.close()
