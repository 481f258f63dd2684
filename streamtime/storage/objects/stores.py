"""The stores there are, by the names that rows give them. Mixed storage is a normal state: every row knows its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from streamtime.errors import Unavailable
from streamtime.storage.object_store import ObjectInfo, ObjectStore
from streamtime.storage.objects.ledger import SPOOL
from streamtime.storage.spool import Spool


class Readable(Protocol):
    """What the spool and every object store have in common: bytes can be read and deleted by key."""

    async def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        ...

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """These bytes in pieces; close it with `aclosing`."""
        ...

    async def head(self, key: str) -> ObjectInfo | None:
        """What is known of it, or None where there is none."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Every object whose key starts with the prefix."""
        ...

    async def delete(self, key: str) -> None:
        """Remove it; a missing one is a success."""
        ...


class Stores:
    """The spool, the store that new objects settle in, and any other that rows may still name."""

    def __init__(self, spool: Spool, object_stores: Mapping[str, ObjectStore], *, default_name: str) -> None:
        self.spool = spool
        self.default_name = default_name
        self._object_stores = object_stores
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @property
    def default(self) -> ObjectStore:
        """The store that new objects settle in."""
        return self._object_stores[self.default_name]

    @property
    def object_stores(self) -> Mapping[str, ObjectStore]:
        """All stores but the spool, by name."""
        return self._object_stores

    @property
    def names(self) -> list[str]:
        """The spool, then all others."""
        return [SPOOL, *self._object_stores]

    def readable(self, store: str) -> Readable:
        """The store of that name.

        Raises:
            Unavailable: a row names a store that the configuration no longer has.
        """
        if store == SPOOL:
            return self.spool
        try:
            return self._object_stores[store]
        except KeyError:
            raise Unavailable(f"The store named {store} is not configured.", code="storage") from None

    @asynccontextmanager
    async def lock(self, object_id: int) -> AsyncIterator[None]:
        """Alone with the bytes of an object: who copies them and who deletes them wait for each other.

        A request that was sent is not taken back by a cancellation, and its object would appear after the deletion.
        """
        lock = self._locks.setdefault(object_id, asyncio.Lock())
        async with lock:
            yield
