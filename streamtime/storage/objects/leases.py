"""Who keeps whom waiting among those that delete and those that copy, in this process and beside it.

A hold is a row with an end. Its holder pushes the end off while it lives; when it dies, the hold is void a minute
later. Taking one is a write transaction, so two that exclude each other are never both held.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from streamtime.clock import Clock
from streamtime.database.tables import holds
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError, Unavailable
from streamtime.ids import public_id
from streamtime.logging import get_logger
from streamtime.periodic import every

BACKUP = "backup"
"""Objects are being copied away: none may be deleted."""

COLLECTION = "collection"
"""Objects are being deleted: a backup waits for the end of it."""

LEASE_TTL_MS = 60_000
"""How long a hold lasts after it was taken or renewed."""

RENEW_INTERVAL_S = 15.0

MARGIN_S = 10.0
"""So long before the end of a hold that cannot be renewed its holder is cancelled: it may have to wait for a disk."""

MAX_BACKOFF_S = 5.0
"""The longest pause between attempts to renew."""

_CHECK_INTERVAL_S = 1.0
"""How often the clock is looked at. A machine that slept has lost its holds, and the loop's clock stood still."""

_HELD_MESSAGES = {
    BACKUP: "A backup is being made: what was deleted stays on disk until that is done.",
    COLLECTION: "What was deleted is being removed from disk just now.",
}

_LOST_MESSAGES = {
    BACKUP: "The backup was broken off, since its hold on what was deleted could not be kept.",
    COLLECTION: "The removal of what was deleted was broken off, since its hold could not be kept.",
}

_log = get_logger("objects")


class Leases:
    """The holds of one deployment."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @asynccontextmanager
    async def acquire(self, name: str, *, conflicts: Collection[str] = ()) -> AsyncIterator[None]:
        """Hold `name` for as long as the context lasts; it is a lease, renewed until then.

        Where it cannot be renewed, the body is cancelled `MARGIN_S` before it lapses. A body that comes to its end
        without an error has held it all the time.

        Raises:
            Unavailable: somebody holds it, or one that it excludes (`against`); or, with the code `hold_lost`, it
                lapsed or was about to.
        """
        owner = public_id()
        loop = asyncio.get_running_loop()
        try:
            lease = _Lease(loop.time(), await self._acquire(name, owner, {name, *conflicts}))
        except asyncio.CancelledError:
            await self._release(name, owner)  # the write goes on without its caller
            raise
        bound = asyncio.timeout_at(lease.ends_at)
        try:
            async with bound:
                look = partial(self._renew_if_due, name, owner, lease, bound)
                renewing = asyncio.create_task(
                    every(
                        _CHECK_INTERVAL_S, look, "hold-renewal", delay_s=_CHECK_INTERVAL_S, max_backoff_s=MAX_BACKOFF_S
                    )
                )
                try:
                    yield
                finally:
                    renewing.cancel()
                    await asyncio.wait([renewing])
            if self._clock.now_ms() >= lease.until_ms:
                raise _lease_lost(name)
        except TimeoutError as error:
            if not bound.expired():
                raise
            raise _lease_lost(name) from error
        finally:
            await self._release(name, owner)

    async def _renew_if_due(self, name: str, owner: str, lease: "_Lease", bound: asyncio.Timeout) -> None:
        """Renew the lease when it is time; cancel the holder where it has lapsed, as in a sleep of the machine."""
        loop = asyncio.get_running_loop()
        left_s = (lease.until_ms - self._clock.now_ms()) / 1000
        if loop.time() - lease.renewed_at < RENEW_INTERVAL_S and left_s > LEASE_TTL_MS / 1000 - RENEW_INTERVAL_S:
            return
        asked_at = loop.time()
        until_ms = await self._renew(owner)
        if bound.expired():
            return
        if until_ms is None:
            _log.error("hold_lost", hold=name)
            bound.reschedule(loop.time())
        else:
            lease.renewed_at, lease.until_ms = asked_at, until_ms
            bound.reschedule(lease.ends_at)

    async def _acquire(self, name: str, owner: str, excluded: Collection[str]) -> int:
        async def body(tx: Transaction) -> int:
            now = self._clock.now_ms()
            taken = select(holds.c.name).where(holds.c.name.in_(excluded), holds.c.until_ms > now)
            if (found := (await tx.execute(taken)).scalars().first()) is not None:
                raise Unavailable(_HELD_MESSAGES[found], code=found)
            values = {"owner": owner, "until_ms": now + LEASE_TTL_MS}
            statement = insert(holds).values(name=name, **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
            return now + LEASE_TTL_MS

        return await self._database.write(body)

    async def _renew(self, owner: str) -> int | None:
        """The new end of the lease; None where it has lapsed already: somebody else may have held it since."""

        async def body(tx: Transaction) -> int | None:
            now = self._clock.now_ms()
            ours = update(holds).where(holds.c.owner == owner, holds.c.until_ms > now)
            return now + LEASE_TTL_MS if (await tx.execute(ours.values(until_ms=now + LEASE_TTL_MS))).rowcount else None

        return await self._database.write(body)

    async def _release(self, name: str, owner: str) -> None:
        async def body(tx: Transaction) -> None:
            await tx.execute(delete(holds).where(holds.c.owner == owner))

        try:
            await self._database.write(body)
        except StreamtimeError as error:  # what was done under it stands; it lapses by itself
            _log.warning("lease_not_released", hold=name, error=error.message)


@dataclass(slots=True)
class _Lease:
    """When it was last renewed, by the loop's clock in seconds, and its end in the row, by the time of day."""

    renewed_at: float
    until_ms: int

    @property
    def ends_at(self) -> float:
        """When the holder has to stop, by the loop's clock."""
        return self.renewed_at + LEASE_TTL_MS / 1000 - MARGIN_S


def _lease_lost(name: str) -> Unavailable:
    words = "The database could not be written for nearly a minute, or the machine slept."
    return Unavailable(f"{_LOST_MESSAGES[name]} {words} Try again.", code="hold_lost")
