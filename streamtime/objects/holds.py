"""Who keeps whom waiting among those that delete and those that copy, in this process and beside it.

A hold is a row with an end. Its holder pushes the end off while it lives; when it dies, the hold is void a minute
later. Taking one is a write transaction, so two that exclude each other are never both held.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from streamtime.clock import Clock
from streamtime.database.tables import holds
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError, Unavailable
from streamtime.ids import public_id
from streamtime.logging import get_logger

BACKUP = "backup"
"""Objects are being copied away: none may be deleted."""

COLLECTION = "collection"
"""Objects are being deleted: a backup waits for the end of it."""

LASTS_MS = 60_000
RENEWED_EVERY_S = 15.0

_WORDS = {
    BACKUP: "A backup is being made: what was deleted stays on disk until that is done.",
    COLLECTION: "What was deleted is being removed from disk just now.",
}

_log = get_logger("objects")


class Holds:
    """The holds of one deployment."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @asynccontextmanager
    async def held(self, name: str, *, against: Collection[str] = ()) -> AsyncIterator[None]:
        """Hold `name` for as long as the context lasts.

        Raises:
            Unavailable: somebody holds it, or one that it excludes (`against`).
        """
        owner = public_id()
        await self._take(name, owner, {name, *against})
        renewing = asyncio.create_task(self._renew(owner))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            await self._let_go(owner)

    async def _take(self, name: str, owner: str, excluded: Collection[str]) -> None:
        async def body(tx: Transaction) -> None:
            now = self._clock.now_ms()
            taken = select(holds.c.name).where(holds.c.name.in_(excluded), holds.c.until_ms > now)
            if (found := (await tx.execute(taken)).scalars().first()) is not None:
                raise Unavailable(_WORDS[found], code=found)
            values = {"owner": owner, "until_ms": now + LASTS_MS}
            statement = insert(holds).values(name=name, **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))

        await self._database.write(body)

    async def _renew(self, owner: str) -> None:
        async def body(tx: Transaction) -> None:
            later = self._clock.now_ms() + LASTS_MS
            await tx.execute(update(holds).where(holds.c.owner == owner).values(until_ms=later))

        while True:
            await asyncio.sleep(RENEWED_EVERY_S)
            try:
                await self._database.write(body)
            except StreamtimeError as error:
                _log.warning("hold_not_renewed", error=error.message)  # three more tries before it is void

    async def _let_go(self, owner: str) -> None:
        async def body(tx: Transaction) -> None:
            await tx.execute(delete(holds).where(holds.c.owner == owner))

        await self._database.write(body)
