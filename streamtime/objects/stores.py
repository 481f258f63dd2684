"""The stores there are, by the names that rows give them. Mixed storage is a normal state: every row knows its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from streamtime.errors import Unavailable
from streamtime.objects.ledger import SPOOL
from streamtime.storage.object_store import ObjectInfo, ObjectStore
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

    def __init__(self, spool: Spool, settled: Mapping[str, ObjectStore], *, settle_in: str) -> None:
        self.spool = spool
        self.settle_in = settle_in
        self._settled = settled
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @property
    def destination(self) -> ObjectStore:
        """The store that new objects settle in."""
        return self._settled[self.settle_in]

    @property
    def settled(self) -> Mapping[str, ObjectStore]:
        """All stores but the spool, by name."""
        return self._settled

    @property
    def names(self) -> list[str]:
        """The spool, then all others."""
        return [SPOOL, *self._settled]

    def readable(self, store: str) -> Readable:
        """The store of that name.

        Raises:
            Unavailable: a row names a store that the configuration no longer has.
        """
        if store == SPOOL:
            return self.spool
        try:
            return self._settled[store]
        except KeyError:
            raise Unavailable(f"The store named {store} is not configured.", code="storage") from None

    @asynccontextmanager
    async def turn(self, object_id: int) -> AsyncIterator[None]:
        """Alone with the bytes of an object: who copies them and who deletes them wait for each other.

        A request that was sent is not taken back by a cancellation, and its object would appear after the deletion.
        """
        lock = self._turns.setdefault(object_id, asyncio.Lock())
        async with lock:
            yield
