"""A summary of storage for pages, metrics and health checks. It reads rows and the last known status of the stores."""

from dataclasses import dataclass

from streamtime.errors import StreamtimeError
from streamtime.maintenance.orphans import Orphans
from streamtime.maintenance.runner import MaintenanceLog, MaintenanceTask, TaskRun
from streamtime.storage.objects.ledger import SPOOL, DamagedObject, Inventory, ObjectLocations, StoreTotals
from streamtime.storage.objects.stores import StoreOwnership, Stores, StoreStatus, status_message


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """A store. `error` is empty if it belongs to this deployment and was available at the last check."""

    name: str
    is_default: bool
    error: str
    objects: int
    length_bytes: int
    observed: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class StorageSummary:
    """All stores, and the state of storage maintenance."""

    stores: list[StoreSummary]
    pending_deletion: int
    pending_deletion_bytes: int
    damaged: list[DamagedObject]
    tasks: dict[MaintenanceTask, TaskRun]
    restored_at_ms: int | None


class StorageOverview:
    """Summarizes storage."""

    def __init__(
        self,
        inventory: Inventory,
        locations: ObjectLocations,
        orphans: Orphans,
        stores: Stores,
        ownership: StoreOwnership,
        log: MaintenanceLog,
    ) -> None:
        self._inventory = inventory
        self._locations = locations
        self._orphans = orphans
        self._stores = stores
        self._ownership = ownership
        self._log = log

    async def summary(self) -> StorageSummary:
        """The summary, without a request to any store."""
        totals = {each.store: each for each in await self._locations.totals_by_store()}
        orphans = await self._orphans.totals()
        pending, pending_bytes = (await self._inventory.totals()).get("doomed", (0, 0))
        names = [*self._stores.names, *(name for name in totals if name not in self._stores.names)]
        return StorageSummary(
            stores=[
                self._store(name, totals.get(name) or StoreTotals(name, 0, 0), orphans.get(name, (0, 0, 0)))
                for name in names
            ],
            pending_deletion=pending,
            pending_deletion_bytes=pending_bytes,
            damaged=await self._inventory.damaged(),
            tasks=await self._log.latest_runs(),
            restored_at_ms=(await self._ownership.get_or_create()).restored_at_ms,
        )

    async def check_stores(self) -> None:
        """Check that the stores answer and belong to this database, as maintenance does in a running server."""
        for name in self._stores.names:
            await self._ownership.check(name, record=False)

    async def stored_since(self, at_ms: int) -> int:
        """The bytes of the objects that were created since then and still exist."""
        return await self._inventory.stored_since(at_ms)

    async def newest_object_ms(self) -> int:
        """When the newest object was created; 0 if there is none."""
        return await self._inventory.newest_ms()

    async def damaged(self) -> list[DamagedObject]:
        """All objects with known damage."""
        return await self._inventory.damaged()

    def store_errors(self) -> str:
        """The messages of stores that failed their last check; empty if none did."""
        statuses = self._ownership.last_status.items()
        return " ".join(filter(None, (status_message(name, status) for name, status in statuses)))

    def _store(self, name: str, totals: StoreTotals, orphans: tuple[int, int, int]) -> StoreSummary:
        return StoreSummary(
            name=name,
            is_default=name == self._stores.default_name,
            error=self._error(name),
            objects=totals.objects,
            length_bytes=totals.length_bytes,
            observed=orphans[0],
            quarantined=orphans[1],
        )

    def _error(self, name: str) -> str:
        if name != SPOOL:
            try:
                self._stores.readable(name)
            except StreamtimeError as error:
                return error.message
        return status_message(name, self._ownership.last_status.get(name, StoreStatus.OWNED))
