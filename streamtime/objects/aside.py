"""Where strays lie for a while before they are deleted: `aside/<time>/<key>` in the store that they were found in.

The time is when they were put there, in milliseconds since the epoch, so that a name says how long it has to stay
even where no row remembers it.
"""

import re
from collections.abc import Collection

from streamtime.clock import Clock
from streamtime.objects.ledger import SPOOL
from streamtime.objects.stores import Stores
from streamtime.objects.strays import Orphan, Orphans
from streamtime.storage.object_store import ObjectStore
from streamtime.storage.renaming import rename
from streamtime.storage.spool import Spool

_NAME = re.compile(r"aside/(\d{1,15})/(.+)")


class OrphanQuarantine:
    """Moves strays out of the way, back, and at last out of the world."""

    def __init__(self, stores: Stores, orphans: Orphans, clock: Clock) -> None:
        self._stores = stores
        self._orphans = orphans
        self._clock = clock

    async def put(self, store: str, stray: Orphan) -> str:
        """Move it aside, and give its name there. The intent is written down first, so it can be done again."""
        at_ms = stray.quarantined_at_ms or self._clock.now_ms()
        await self._orphans.mark_quarantined(store, stray.key, at_ms)
        name = quarantine_key(stray.key, at_ms)
        await rename(self._store(store), stray.key, name)
        return name

    async def restore(self, store: str, name: str) -> None:
        """A row stands for it after all: give it its key again."""
        key = original_key(name)
        await rename(self._store(store), name, key)
        await self._orphans.mark_restored(store, key)

    async def delete(self, store: str, names: Collection[str]) -> None:
        """Delete them for good."""
        for name in names:
            await self._store(store).delete(name)
        await self._orphans.delete(store, [original_key(name) for name in names])

    def _store(self, name: str) -> ObjectStore | Spool:
        return self._stores.spool if name == SPOOL else self._stores.object_stores[name]


def quarantine_key(key: str, at_ms: int) -> str:
    """What a stray is called while it lies aside."""
    return f"aside/{at_ms}/{key}"


def original_key(name: str) -> str:
    """The key that it had; empty where the name is none of ours."""
    found = _NAME.fullmatch(name)
    return found[2] if found else ""


def quarantined_at_ms(name: str) -> int:
    """When it was put aside."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0
