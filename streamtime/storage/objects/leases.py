"""Named leases that exclude each other across processes: a backup and a garbage collection never run at the same time.

A lease is a row with an expiry time, which its holder renews. If the holder dies, the lease expires within a minute.
Acquiring is a write transaction, so two conflicting leases are never held at the same time.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from streamtime.clock import Clock
from streamtime.database.tables.storage import leases
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError, Unavailable
from streamtime.ids import public_id
from streamtime.logging import get_logger
from streamtime.periodic import every

BACKUP = "backup"
"""Held while a backup copies objects: none may be deleted."""

COLLECTION = "collection"
"""Held while objects are being deleted: a backup waits for the end."""

LEASE_TTL_MS = 60_000
"""How long a lease lasts after it was acquired or renewed."""

RENEW_INTERVAL_S = 15.0

MARGIN_S = 10.0
"""A holder whose lease cannot be renewed is cancelled this long before it expires, since it may wait for a disk."""

MAX_BACKOFF_S = 5.0
"""The longest pause between attempts to renew."""

_CHECK_INTERVAL_S = 1.0
"""How often the expiry is checked. After a sleep of the machine leases have expired, while the loop's clock stood."""

_HELD_MESSAGES = {
    BACKUP: "A backup is running: deleted videos stay on disk until it has ended.",
    COLLECTION: "A garbage collection is running.",
}

_LOST_MESSAGES = {
    BACKUP: "The backup was stopped, since its lease could not be renewed.",
    COLLECTION: "The garbage collection was stopped, since its lease could not be renewed.",
}

_log = get_logger("storage")


class Leases:
    """The leases of one deployment."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @asynccontextmanager
    async def acquire(self, name: str, *, conflicts: Collection[str] = ()) -> AsyncIterator[None]:
        """Hold the lease `name` while the context is open, and renew it.

        If it cannot be renewed, the body is cancelled `MARGIN_S` before it expires. If the context ends without an
        error, the lease was held all the time.

        Raises:
            Unavailable: the lease or one of `conflicts` is held; or, with the code `hold_lost`, the lease expired or
                was about to.
        """
        owner = public_id()
        loop = asyncio.get_running_loop()
        try:
            lease = _Lease(loop.time(), await self._acquire(name, owner, {name, *conflicts}))
        except asyncio.CancelledError:
            await self._release(name, owner)  # the write completes although its caller was cancelled
            raise
        bound = asyncio.timeout_at(lease.ends_at)
        try:
            async with bound:
                renew = partial(self._renew_if_due, name, owner, lease, bound)
                renewing = asyncio.create_task(
                    every(
                        _CHECK_INTERVAL_S, renew, "hold-renewal", delay_s=_CHECK_INTERVAL_S, max_backoff_s=MAX_BACKOFF_S
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
        """Renew the lease when due; cancel the holder if it has expired, for example in a sleep of the machine."""
        loop = asyncio.get_running_loop()
        remaining_s = (lease.until_ms - self._clock.now_ms()) / 1000
        if loop.time() - lease.renewed_at < RENEW_INTERVAL_S and remaining_s > LEASE_TTL_MS / 1000 - RENEW_INTERVAL_S:
            return
        started_at = loop.time()
        until_ms = await self._renew(owner)
        if bound.expired():
            return
        if until_ms is None:
            _log.error("lease_lost", lease=name)
            bound.reschedule(loop.time())
        else:
            lease.renewed_at, lease.until_ms = started_at, until_ms
            bound.reschedule(lease.ends_at)

    async def _acquire(self, name: str, owner: str, excluded: Collection[str]) -> int:
        async def body(tx: Transaction) -> int:
            now = self._clock.now_ms()
            taken = select(leases.c.name).where(leases.c.name.in_(excluded), leases.c.until_ms > now)
            if (found := (await tx.execute(taken)).scalars().first()) is not None:
                raise Unavailable(_HELD_MESSAGES[found], code=found)
            values = {"owner": owner, "until_ms": now + LEASE_TTL_MS}
            statement = insert(leases).values(name=name, **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
            return now + LEASE_TTL_MS

        return await self._database.write(body)

    async def _renew(self, owner: str) -> int | None:
        """The new expiry time; None if the lease has expired already: another holder may have had it since."""

        async def body(tx: Transaction) -> int | None:
            now = self._clock.now_ms()
            ours = update(leases).where(leases.c.owner == owner, leases.c.until_ms > now)
            return now + LEASE_TTL_MS if (await tx.execute(ours.values(until_ms=now + LEASE_TTL_MS))).rowcount else None

        return await self._database.write(body)

    async def _release(self, name: str, owner: str) -> None:
        async def body(tx: Transaction) -> None:
            await tx.execute(delete(leases).where(leases.c.owner == owner))

        try:
            await self._database.write(body)
        except StreamtimeError as error:  # it expires by itself
            _log.warning("lease_not_released", lease=name, error=error.message)


async def release_abandoned_collection(tx: Transaction) -> None:
    """Release the lease of a collection that a killed process has left behind.

    Only the holder of `server.lock` collects, so the new holder, who calls this at startup, knows that it is over.
    """
    await tx.execute(delete(leases).where(leases.c.name == COLLECTION))


@dataclass(slots=True)
class _Lease:
    """When the lease was renewed, by the event loop's clock, and its expiry in the row, by wall-clock time."""

    renewed_at: float
    until_ms: int

    @property
    def ends_at(self) -> float:
        """When the holder must stop, by the event loop's clock."""
        return self.renewed_at + LEASE_TTL_MS / 1000 - MARGIN_S


def _lease_lost(name: str) -> Unavailable:
    reason = "The database could not be written for nearly a minute, or the machine slept."
    return Unavailable(f"{_LOST_MESSAGES[name]} {reason} Try again.", code="hold_lost")
